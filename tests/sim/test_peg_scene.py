"""The peg and its hole: a robot like the others, and contacts that keep out what does not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import mujoco
import numpy as np
import pytest

from robot_rl.hardware import config
from robot_rl.hardware.config import ConfigError
from robot_rl.sim.robosuite_arm import RobosuiteArm

CONFIG = config.load("sim_peg")
MOUTH = -0.072
"""Height of the hole's mouth in the base frame [m]."""


@pytest.fixture(scope="module")
def arm() -> Iterator[RobosuiteArm]:
    robot = RobosuiteArm(CONFIG.spec, **CONFIG.options)
    yield robot
    robot.close()


def drive(robot: RobosuiteArm, twist: Callable[[dict[str, np.ndarray]], np.ndarray], steps: int) -> None:
    for _ in range(steps):
        robot.send(twist(dict(robot.read().values)))
        robot.clock.sleep_until(robot.clock.now() + CONFIG.spec.period_ns)


def towards(x: float, y: float, z: float) -> Callable[[dict[str, np.ndarray]], np.ndarray]:
    """Twists that bring the tip, upright and parallel, to a place relative to the true mouth."""

    def twist(values: dict[str, np.ndarray]) -> np.ndarray:
        peg, hole = values["object_pose"], values["privileged_goal_pose"]
        up, ahead, side = (turned(peg[3:], axis) for axis in np.eye(3)[[2, 0, 1]])
        along = turned(hole[3:], np.eye(3)[0])
        yaw = max((np.cross(a, along)[2] for a in (ahead, -ahead, side, -side) if a @ along > 0.7), key=abs)
        linear = np.clip(4.0 * (hole[:3] - peg[:3] + np.array([x, y, z])), -0.1, 0.1)
        return np.array([*linear, 4.0 * up[1], -4.0 * up[0], 4.0 * yaw])

    return twist


def turned(quaternion: np.ndarray, vector: np.ndarray) -> np.ndarray:
    out = np.zeros(3)
    mujoco.mju_rotVecQuat(out, vector, np.roll(quaternion, 1))
    return out


def test_over_the_hole_the_peg_goes_in(arm: RobosuiteArm) -> None:
    arm.reset(0)
    drive(arm, towards(0, 0, 0.01), 50)
    assert not arm.outcome().success
    drive(arm, towards(0, 0, -0.034), 25)
    assert (arm.outcome().reward, arm.outcome().success) == (1.0, True)


def test_2_mm_beside_the_hole_it_stands_on_the_plate_and_the_wrist_feels_it(arm: RobosuiteArm) -> None:
    arm.reset(1)
    drive(arm, towards(0.002, 0, 0.01), 50)
    drive(arm, towards(0.002, 0, -0.034), 40)
    values = arm.read().values
    assert values["object_pose"][2] > MOUTH - 0.002
    assert 10.0 < values["wrench"][2] < 130.0
    assert not arm.outcome().success


def test_the_block_does_not_give_way_to_a_push(arm: RobosuiteArm) -> None:
    before = arm.reset(2).values["privileged_goal_pose"]
    drive(arm, towards(0.09, 0, -0.02), 60)
    drive(arm, towards(0.0, 0, -0.02), 20)
    assert abs(arm.read().values["wrench"][0]) > 10.0
    np.testing.assert_allclose(arm.read().values["privileged_goal_pose"], before, atol=5e-4)


def test_the_seen_hole_is_off_by_a_bias_that_lasts_an_episode_and_comes_from_the_seed(arm: RobosuiteArm) -> None:
    biases = []
    for seed in range(40):
        first = arm.reset(seed).values
        biases.append(first["goal_pose"][:3] - first["privileged_goal_pose"][:3])
    drive(arm, towards(0, 0, 0.05), 3)
    now = arm.read().values
    np.testing.assert_allclose(now["goal_pose"][:3] - now["privileged_goal_pose"][:3], biases[-1], atol=1e-12)
    again = arm.reset(0).values
    np.testing.assert_array_equal(again["goal_pose"][:3] - again["privileged_goal_pose"][:3], biases[0])
    spread = np.abs(biases).max(axis=0)
    assert (spread[:2] > 0.0015).all()
    assert (spread[:2] <= 0.002).all()
    assert spread[2] == 0.0


def test_the_clearance_is_as_configured() -> None:
    robot = config.make(CONFIG, clearance=0.001)
    model = robot._model  # type: ignore[attr-defined]
    front = model.geom("hole_front_collision")
    assert 2 * (front.pos[0] - front.size[0]) == pytest.approx(0.02 + 0.001)
    robot.close()


def test_scene_options_that_the_task_does_not_have_are_refused() -> None:
    with pytest.raises(ConfigError, match="has no option 'clearence'. Did you mean 'clearance'"):
        config.make(CONFIG, clearence=0.001)
    with pytest.raises(ConfigError, match="goal_bias -1"):
        config.make(CONFIG, goal_bias=-1)
    with pytest.raises(ConfigError, match="cartesian_velocity takes {'twist': 6}"):
        RobosuiteArm(config.load("sim_lift").spec, task="Peg")
