"""PickCube beside gym-hil's own environment, and figures worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("gym_hil")

from gym_hil.envs.panda_pick_gym_env import PandaPickCubeGymEnv

from robot_rl.hardware import config
from robot_rl.hardware.config import ConfigError
from robot_rl.hardware.robot import Outcome, Reading, Robot, RobotError, Simulated
from robot_rl.hardware.teleop import Teleop
from robot_rl.sim.operators.pick_cube import PickCubeOperator
from robot_rl.sim.pick_cube.robot import PickCube
from robot_rl.sim.renderer import SceneRenderer

CONFIG = config.load("sim_pick_cube")
PERIOD = CONFIG.spec.period_ns


@pytest.fixture(scope="module")
def robot() -> Iterator[PickCube]:
    made = PickCube(CONFIG.spec, **CONFIG.options)
    yield made
    made.close()


def step(robot: PickCube, action: np.ndarray) -> Reading:
    robot.send(action)
    robot.clock.sleep_until(robot.clock.now() + PERIOD)
    return robot.read()


def as_gym_hil(reading: Reading, outcome: Outcome) -> tuple[np.ndarray, float, bool]:
    """What gym-hil's step returns: 21 numbers (agent_pos and environment_state), reward, terminated."""
    values = reading.values
    gripper, place = 255.0 * values["gripper_command"], values["ee_pose"][:3]
    parts = (values["joint_position"], values["joint_velocity"], gripper, place, values["object_pose"][:3])
    return np.concatenate(parts).astype(np.float32), outcome.reward, outcome.terminated or outcome.success


def test_it_offers_both_interfaces(robot: PickCube) -> None:
    assert isinstance(robot, Robot)
    assert isinstance(robot, Simulated)


def demonstration(robot: PickCube, seed: int) -> list[np.ndarray]:
    """The actions (4,) of one expert demonstration, until the cube is lifted."""
    operator, teleop = PickCubeOperator(CONFIG), Teleop(CONFIG.spec, CONFIG.teleop)
    reading, actions = robot.reset(seed), []
    operator.reset(seed)
    while not robot.outcome().success and len(actions) < 40:
        actions.append(teleop.interpret(operator.input(reading, policy_active=False), reading).action)
        reading = step(robot, actions[-1])
    return actions


def test_states_and_steps_are_gym_hils_own(robot: PickCube) -> None:
    actions = demonstration(robot, 11)
    reading = robot.reset(11)
    env = PandaPickCubeGymEnv(random_block_position=True)
    env.close()
    np.random.seed(11)
    seen = env.reset()[0]
    for action in actions:
        expected = np.concatenate([seen["agent_pos"], seen["environment_state"]])
        np.testing.assert_allclose(as_gym_hil(reading, robot.outcome())[0], expected, atol=1e-6)
        change = action[3] - env.get_gripper_pose()[0] / 255.0
        seen, reward, terminated, _, _ = env.step(np.array([*(action[:3] * 0.1), 0, 0, 0, change]))
        reading = step(robot, action)
        assert (reward, terminated) == as_gym_hil(reading, robot.outcome())[1:]
    assert (reward, terminated) == (1.0, True)  # the last step lifts it high enough


def test_equal_seeds_give_equal_states_whatever_happened_and_the_global_generator_is_left_alone(
    robot: PickCube,
) -> None:
    np.random.seed(4)
    expected = np.random.random()
    first = robot.reset(5).values
    step(robot, np.array([0.2, -0.2, -0.2, 1.0]))
    np.random.seed(4)
    again = robot.reset(5).values
    assert np.random.random() == expected
    assert all(first[name].tobytes() == again[name].tobytes() for name in first)
    places = np.array([robot.reset(seed).values["object_pose"][:2] for seed in range(40)])
    assert ((places > [0.3, -0.15]) & (places < [0.5, 0.15])).all()
    assert (np.ptp(places, axis=0) > [0.15, 0.22]).all()


def test_as_in_gym_hils_default_the_cube_can_lie_at_one_place() -> None:
    robot = PickCube(CONFIG.spec, random=False)
    for seed in range(2):
        np.testing.assert_allclose(robot.reset(seed).values["object_pose"], [0.5, 0, 0.02, 0, 0, 0, 1], atol=1e-9)


def test_a_velocity_moves_the_gripper_and_stop_holds_it(robot: PickCube) -> None:
    before = robot.reset(0).values["ee_pose"]
    for _ in range(10):
        reading = step(robot, np.array([-0.1, 0.1, 0.2, 0.0]))
    moved = reading.values["ee_pose"] - before
    # The arm lags 0.14 s behind its point (2 / sqrt(200)), which moves at the begin of a step: 1 - 0.14 + 0.05 s.
    np.testing.assert_allclose(moved[:3], [-0.091, 0.091, 0.182], atol=0.005)
    assert reading.values["ee_pose"][3] == pytest.approx(1.0, abs=1e-3)  # points down
    robot.stop()
    held = reading.values["ee_pose"]
    robot.clock.sleep_until(robot.clock.now() + 10 * PERIOD)
    np.testing.assert_allclose(robot.read().values["ee_pose"][:3], held[:3], atol=0.01)


def test_the_opening_is_measured_between_the_pads(robot: PickCube) -> None:
    assert robot.reset(0).values["gripper_position"][0] == pytest.approx(0.0854, abs=1e-3)
    for _ in range(8):
        reading = step(robot, np.array([0.0, 0.0, 0.0, 1.0]))
    assert reading.values["gripper_position"][0] == pytest.approx(0.0, abs=1e-3)
    assert reading.values["gripper_command"][0] == 1.0


def test_a_cube_out_of_reach_ends_the_episode(robot: PickCube) -> None:
    robot.reset(0)
    assert robot.outcome() == Outcome()
    data = robot._scene.data
    data.joint("block").qpos[:2] = [0.4, 0.21]
    step(robot, np.zeros(4))
    assert robot.outcome() == Outcome(terminated=True)


def test_cameras_see_the_cube_where_it_is(robot: PickCube) -> None:
    renderer = SceneRenderer(robot.scene_xml())
    columns = []
    for seed in range(4):
        across = robot.reset(seed).values["object_pose"][1]
        picture = renderer.render(robot.scene_state().qpos, CONFIG.cameras["front"].options["camera"], 128, 128)
        red, green, blue = np.moveaxis(picture.astype(int), -1, 0)
        purple = (red > green + 25) & (blue > green + 25)
        columns.append((across, float(np.nonzero(purple)[1].mean())))
    wrist = renderer.render(robot.scene_state().qpos, CONFIG.cameras["wrist"].options["camera"], 128, 128)
    renderer.close()
    assert wrist.std() > 5
    y, column = np.array(columns).T
    assert np.corrcoef(y, column)[0, 1] > 0.95  # the camera looks back at the arm: its right is the arm's left


def test_what_does_not_fit_is_refused(robot: PickCube) -> None:
    with pytest.raises(RobotError, match="4 finite numbers"):
        robot.send(np.array([np.nan, 0.0, 0.0, 0.0]))
    with pytest.raises(ConfigError, match="whole multiple of the physics step"):
        PickCube(replace(CONFIG.spec, rate=30.0))
    with pytest.raises(ConfigError, match="control mode 'cartesian_velocity'"):
        PickCube(config.load("sim_lift").spec)
    with pytest.raises(ConfigError, match="Did you mean 'poor'"):
        PickCubeOperator(CONFIG, quality="pour")
    closed = PickCube(CONFIG.spec)
    closed.close()
    with pytest.raises(RobotError, match="closed"):
        closed.read()
