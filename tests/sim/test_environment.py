"""TaskEnv: gymnasium's own checker, Stable-Baselines3 unchanged, and episode rules worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import gymnasium
import mujoco
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from robot_rl.control.safety import Safety
from robot_rl.hardware import config
from robot_rl.hardware.config import ConfigError
from robot_rl.sim.environment import TASKS, TaskEnv, make_env

pytestmark = pytest.mark.filterwarnings("ignore:.*(Box observation space m|alternative render modes).*")
STILL = np.array([0, 0, 0, 0, 0, 0, -1], np.float32)  # no motion, gripper open


@pytest.fixture(scope="module")
def env() -> Iterator[TaskEnv]:
    made = make_env("sim_lift", seed=0)
    yield made
    made.close()


def test_gymnasiums_checker_passes_in_state_mode(env: TaskEnv) -> None:
    check_env(env, skip_render_check=True)


def test_gymnasiums_checker_passes_with_cameras() -> None:
    env = make_env("sim_lift", cameras=("front", "wrist"), render_mode="rgb_array")
    check_env(env)
    observation, _ = env.reset(seed=1)
    assert {k: v.shape for k, v in observation.items()} == {
        "state": (29,),
        "front": (128, 128, 3),
        "wrist": (128, 128, 3),
    }
    picture = env.render()
    np.testing.assert_array_equal(picture, observation["front"])
    env.close()


def test_the_registered_id_makes_it() -> None:
    env = gymnasium.make("robot_rl.sim.environment:robot_rl/Lift-v0", seed=3)
    observation, _ = env.reset(seed=3)
    assert env.observation_space.contains(observation)
    assert env.unwrapped.config.name == "sim_lift"
    env.close()


@pytest.mark.parametrize("name", sorted(TASKS))
def test_every_registered_task_makes_resets_by_seed_and_steps(name: str) -> None:
    pytest.importorskip({"PushT": "gym_pusht", "PickCube": "gym_hil"}.get(name, "robosuite"))
    env = gymnasium.make(f"robot_rl/{name}-v0")
    first, _ = env.reset(seed=3)
    env.action_space.seed(0)
    after, reward, _, _, info = env.step(env.action_space.sample())
    assert env.observation_space.contains(after)
    assert not np.array_equal(after, first)
    assert np.isfinite(reward)
    assert info["executed_action"].shape == env.action_space.shape
    np.testing.assert_array_equal(env.reset(seed=3)[0], first)
    assert env.metadata["render_fps"] == env.unwrapped.config.spec.rate
    env.close()


def test_every_simulated_robot_of_this_repository_has_an_environment() -> None:
    simulated = {name for name in config.robots() if config.load(name).simulated}
    assert simulated <= set(TASKS.values())
    assert len(set(TASKS.values())) == len(TASKS)


def test_a_seed_gives_the_state_that_the_robot_itself_gives(env: TaskEnv) -> None:
    observation, _ = env.reset(seed=7)
    robot = config.make(config.load("sim_lift"))
    expected = robot.spec.observation.pack(robot.reset(7).values)
    np.testing.assert_array_equal(observation, expected.astype(np.float32))
    robot.close()


def test_equal_seeds_give_equal_episodes_and_unseeded_resets_differ(env: TaskEnv) -> None:
    rng = np.random.default_rng(0)
    actions = rng.uniform(-1, 1, (6, 7)).astype(np.float32)
    runs = []
    for _ in range(2):
        env.reset(seed=5)
        runs.append([env.step(a)[0] for a in actions])
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(env.reset()[0], env.reset()[0])


def test_actions_pass_the_envelope_and_what_was_executed_is_told(env: TaskEnv) -> None:
    env.reset(seed=1)
    action = STILL.copy()
    action[0] = 1.0
    _, _, _, _, info = env.step(action)
    # Full speed is 0.25 m/s; 3 m/s^2 over one period of 0.05 s allows 0.15 m/s.
    np.testing.assert_allclose(info["executed_action"], [0.15, 0, 0, 0, 0, 0, 0], atol=1e-9)
    assert info["safety"] == Safety.RATE
    _, _, _, _, info = env.step(action)
    np.testing.assert_allclose(info["executed_action"][0], 0.25)
    assert info["safety"] == 0


def test_actions_that_are_not_finite_hold_still(env: TaskEnv) -> None:
    env.reset(seed=1)
    _, _, _, _, info = env.step(np.full(7, np.nan, np.float32))
    np.testing.assert_array_equal(info["executed_action"], np.zeros(7))
    assert info["safety"] & Safety.NOT_FINITE


def test_an_episode_is_truncated_at_the_horizon() -> None:
    loaded = config.load("sim_lift")
    env = TaskEnv(replace(loaded, task={**loaded.task, "horizon": 3}), seed=0)
    env.reset(seed=0)
    endings = [env.step(STILL)[2:4] for _ in range(3)]
    assert endings == [(False, False), (False, False), (False, True)]
    env.close()


def test_success_terminates_once_it_has_been_held(env: TaskEnv) -> None:
    env.reset(seed=0)
    robot = env.robot
    joint = robot._model.joint("cube_joint0")
    endings = []
    for _ in range(5):
        robot._data.qpos[joint.qposadr[0] + 2] = 0.95  # the cube is put in the air again before each step
        robot._data.qvel[joint.dofadr[0] : joint.dofadr[0] + 6] = 0.0
        mujoco.mj_step1(robot._model, robot._data)
        _, reward, terminated, truncated, info = env.step(STILL)
        endings.append((reward, terminated, truncated, info["success"]))
    assert endings == [(1.0, False, False, True)] * 4 + [(1.0, True, False, True)]


def test_physical_actions_can_be_had_unscaled() -> None:
    env = make_env("sim_lift", normalize_actions=False)
    np.testing.assert_allclose(env.action_space.high, [0.25] * 3 + [1.0] * 4)
    env.reset(seed=0)
    *_, info = env.step(np.array([0, 0.1, 0, 0, 0, 0, 0.5], np.float32))
    np.testing.assert_allclose(info["executed_action"], [0, 0.1, 0, 0, 0, 0, 0.5], atol=1e-6)
    env.close()


def test_a_step_before_reset_and_unknown_cameras_are_refused() -> None:
    env = make_env("sim_lift")
    with pytest.raises(RuntimeError, match="reset the environment first"):
        env.step(STILL)
    env.close()
    with pytest.raises(ConfigError, match="Did you mean 'front'"):
        make_env("sim_lift", cameras=("frnt",))


def test_stable_baselines3_trains_on_it_unchanged(env: TaskEnv) -> None:
    ppo = pytest.importorskip("stable_baselines3").PPO
    model = ppo("MlpPolicy", env, n_steps=32, batch_size=32, n_epochs=1, seed=0, device="cpu")
    before = [p.detach().clone() for p in model.policy.parameters()]
    model.learn(64)
    assert model.num_timesteps == 64
    assert any((a != b).any() for a, b in zip(before, model.policy.parameters()))
