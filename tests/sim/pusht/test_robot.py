"""PushT as a Robot, and its operator through the real teleoperation and arbiter."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("gym_pusht")

from robot_rl.datasets.record import Phase
from robot_rl.hardware import config
from robot_rl.hardware.config import ConfigError
from robot_rl.hardware.robot import Reading, Robot, RobotError, Simulated
from robot_rl.hardware.teleop import Teleop
from robot_rl.runtime.arbiter import Arbiter, Proposal
from robot_rl.sim.operators.pusht import PushTOperator
from robot_rl.sim.pusht.robot import PushT
from robot_rl.sim.pusht.table import GOAL
from robot_rl.sim.renderer import SceneRenderer

CONFIG = config.load("sim_pusht")
PERIOD = CONFIG.spec.period_ns


@pytest.fixture
def robot() -> Iterator[PushT]:
    robot = PushT(CONFIG.spec, **CONFIG.options)
    robot.reset(0)
    yield robot
    robot.close()


def run(robot: PushT, operator: PushTOperator, seed: int, policy: np.ndarray | None = None) -> tuple[int, list[Phase]]:
    """One episode: its length if it succeeded, or 0; and the phase of each step."""
    teleop, arbiter = Teleop(CONFIG.spec, CONFIG.teleop), Arbiter.from_config(CONFIG)
    arbiter.reset("demonstration" if policy is None else "deployment")
    reading = robot.reset(seed)
    operator.reset(seed)
    phases = []
    for step in range(CONFIG.task["horizon"]):
        now = robot.clock.now()
        device = operator.input(reading, policy_active=policy is not None)
        proposal = None if policy is None else Proposal(now, policy)
        decision = arbiter.decide(now, reading, teleop.interpret(device, reading), proposal)
        teleop.follow(robot.send(decision.action))
        robot.clock.sleep_until(now + PERIOD)
        reading = robot.read()
        phases.append(decision.phase)
        if robot.outcome().success:
            return step + 1, phases
    return 0, phases


def test_it_offers_both_interfaces(robot: PushT) -> None:
    assert isinstance(robot, Robot)
    assert isinstance(robot, Simulated)
    assert robot.spec.observation.pack(robot.read().values).shape == (2 + 3 + 16 + 16,)


def test_corners_are_also_seen_from_the_finger(robot: PushT) -> None:
    seen = robot.read().values
    there = seen["block_corners"].reshape(8, 2) - seen["finger"]
    np.testing.assert_allclose(seen["corners_from_finger"].reshape(8, 2), there, atol=1e-12)


def test_a_velocity_moves_the_finger_and_stop_holds_it(robot: PushT) -> None:
    before = robot.read().values["finger"]
    robot.send(np.array([0.0, -0.2]))
    robot.clock.sleep_until(robot.clock.now() + 5 * PERIOD)
    after = robot.read().values["finger"]
    assert after[1] - before[1] == pytest.approx(-0.2 * (0.5 - 0.04), abs=1e-4)  # 0.04 s lost to the damper
    robot.stop()
    robot.clock.sleep_until(robot.clock.now() + 5 * PERIOD)
    held = robot.read().values["finger"]
    robot.clock.sleep_until(robot.clock.now() + 5 * PERIOD)
    np.testing.assert_allclose(robot.read().values["finger"], held, atol=1e-5)


def test_in_position_control_the_finger_goes_where_it_is_sent() -> None:
    settings = config.load("sim_pusht", "planar_position")
    robot = PushT(settings.spec)
    robot.reset(1)
    sent = robot.send(np.array([0.05, 9.0]))
    np.testing.assert_array_equal(sent, [0.05, 0.512])
    robot.send(np.array([0.05, 0.45]))
    robot.clock.sleep_until(robot.clock.now() + 30 * PERIOD)
    np.testing.assert_allclose(robot.read().values["finger"], [0.05, 0.45], atol=1e-3)


def test_resets_forget_the_past_bit_for_bit(robot: PushT) -> None:
    first = robot.reset(5).values
    robot.send(np.array([0.3, 0.1]))
    robot.clock.sleep_until(robot.clock.now() + 8 * PERIOD)
    for name, value in robot.reset(5).values.items():
        assert value.tobytes() == first[name].tobytes()


def test_covering_95_percent_is_success_and_less_is_a_share_of_reward(robot: PushT) -> None:
    robot._table.put(np.array([0.1, 0.4]), GOAL + np.array([0.0005, 0.0, 0.0]))
    assert (robot.outcome().reward, robot.outcome().success) == (1.0, True)
    robot._table.put(np.array([0.1, 0.4]), GOAL + np.array([0.02, 0.0, 0.0]))
    assert 0.3 < robot.outcome().reward < 0.8
    assert robot.outcome().success is False


def test_the_picture_shows_finger_t_and_goal_where_they_are(robot: PushT) -> None:
    robot._table.put(np.array([0.1, 0.4]), np.array([0.4, 0.1, math.pi]))
    renderer = SceneRenderer(robot.scene_xml())
    picture = renderer.render(robot.scene_state().qpos, "top", 96, 96).astype(int)
    renderer.close()

    def at(x: float, y: float) -> np.ndarray:
        return picture[round(y / 0.512 * 96), round(x / 0.512 * 96)]

    finger, block, goal, table = at(0.1, 0.4), at(0.4, 0.085), at(0.25, 0.262), at(0.05, 0.05)
    assert finger[2] > finger[0] + 60  # blue
    assert goal[1] > goal[0] + 30  # green
    assert block.max() - block.min() < 60  # grey
    assert block.max() < 190
    assert table.min() > 200  # white


def test_an_expert_pushes_the_t_home(robot: PushT) -> None:
    length, phases = run(robot, PushTOperator(CONFIG), 8)  # its cheapest push begins where no way leads
    assert length > 0
    assert set(phases) == {Phase.DEMONSTRATION}


def test_whimsical_people_begin_with_different_pushes(robot: PushT) -> None:
    reading = robot.reset(0)
    starts = set()
    for seed in range(5):
        operator = PushTOperator(CONFIG, quality="poor", seed=seed)
        operator.input(reading, policy_active=False)
        assert operator._push is not None
        starts.add(tuple(operator._push.start.round(6)))
    assert len(starts) > 2


def test_a_policy_that_stands_still_is_corrected_push_by_push(robot: PushT) -> None:
    length, phases = run(robot, PushTOperator(CONFIG), 3, np.zeros(2))
    changes = sum(a != b for a, b in pairwise(phases))
    assert set(phases) == {Phase.AUTONOMOUS, Phase.CORRECTION}
    assert changes >= 4
    assert length > 0 or len(phases) == CONFIG.task["horizon"]


def test_what_does_not_fit_is_refused(robot: PushT) -> None:
    with pytest.raises(RobotError, match="2 finite numbers"):
        robot.send(np.array([np.nan, 0.0]))
    with pytest.raises(ConfigError, match="threshold 1.5"):
        PushT(CONFIG.spec, threshold=1.5)
    with pytest.raises(ConfigError, match="whole multiple of the physics step"):
        PushT(replace(CONFIG.spec, rate=30.0))
    with pytest.raises(ConfigError, match="control mode 'cartesian_velocity'"):
        PushT(config.load("sim_lift").spec)
    with pytest.raises(ConfigError, match="Did you mean 'poor'"):
        PushTOperator(CONFIG, quality="pour")
    robot.close()
    with pytest.raises(RobotError, match="closed"):
        robot.read()


def test_the_operator_is_reproducible_from_its_seed(robot: PushT) -> None:
    reading: Reading = robot.reset(2)
    axes = []
    for _ in range(2):
        operator = PushTOperator(CONFIG, quality="mixed")
        operator.reset(7)
        axes.append([operator.input(reading, policy_active=False).axes for _ in range(5)])
    np.testing.assert_array_equal(axes[0], axes[1])
