"""The quadrotor goes through the same loop, recorder, data set and gymnasium environment as an arm."""

from __future__ import annotations

import numpy as np
import pytest

from robot_rl.datasets.dataset import Dataset
from robot_rl.hardware import config
from robot_rl.hardware.teleop import Teleop
from robot_rl.runtime.arbiter import Arbiter
from robot_rl.runtime.episodes import EpisodeMachine, EpisodeRules
from robot_rl.runtime.loop import run_episode
from robot_rl.runtime.recorder import Recorder
from robot_rl.sim.environment import make_env
from robot_rl.sim.operators.quadrotor import QuadrotorPilot


@pytest.mark.parametrize("mode", ["velocity", "position"])
def test_a_recorded_flight_is_replayed_to_the_last_digit(mode, tmp_path):
    loaded = config.load("sim_crazyflie", mode)
    robot = config.make(loaded)
    rules = EpisodeRules(max_steps=loaded.task["horizon"], success_hold=loaded.task["success_hold"])
    result = run_episode(
        robot,
        Arbiter.from_config(loaded),
        EpisodeMachine(rules),
        operator=QuadrotorPilot(loaded, quality="mixed"),
        teleop=Teleop(loaded.spec, loaded.teleop),
        recorder=Recorder(Dataset.create(tmp_path / "flights", loaded.spec)),
        seed=3,
    )
    assert result.success
    episode = Dataset.open(tmp_path / "flights")[0]
    recorded = np.asarray(episode.stream("pose").values)
    assert len(recorded) == len(episode) + 1

    again = config.make(loaded)
    flown = [again.reset(3).values["pose"]]
    for action in episode.steps["executed"]:
        again.send(np.asarray(action))
        again.clock.sleep_until(again.clock.now() + again.spec.period_ns)
        flown.append(again.read().values["pose"])
    np.testing.assert_array_equal(recorded, flown)


def test_in_gymnasium_each_step_at_the_goal_earns_1_until_it_has_been_held():
    env = make_env("sim_crazyflie", normalize_actions=False)
    returns = {}
    for gain in (0.0, 1.0):
        env.reset(seed=2)
        reading, terminated, truncated, rewards = env.robot.read().values, False, False, []
        while not terminated and not truncated:
            towards = np.clip(gain * (reading["goal"] - reading["pose"][:3]), -0.6, 0.6)
            _, reward, terminated, truncated, _ = env.step(np.append(towards, 0.0).astype(np.float32))
            rewards.append(reward)
            reading = env.robot.read().values
        assert terminated == (gain > 0.0) and set(rewards) <= {0.0, 1.0}
        returns[gain] = sum(rewards)
    env.close()
    assert returns == {0.0: 0.0, 1.0: env.config.task["success_hold"]}
