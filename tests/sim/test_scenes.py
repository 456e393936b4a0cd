"""Can and Square: what stands in the scene, where it starts, and robosuite's own success checks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import mujoco
import numpy as np
import pytest

from robot_rl.hardware import config
from robot_rl.hardware.config import ConfigError
from robot_rl.sim.robosuite_arm import RobosuiteArm
from robot_rl.spec import Layout

NAMES = ("sim_can", "sim_square")


@pytest.fixture(scope="module")
def arms() -> Iterator[dict[str, RobosuiteArm]]:
    robots = {name: RobosuiteArm(c.spec, **c.options) for name in NAMES for c in [config.load(name)]}
    yield robots
    for robot in robots.values():
        robot.close()


def put(robot: RobosuiteArm, x: float, y: float, z: float) -> None:
    """Put the object at a place in the base frame, upright."""
    joint = robot._model.body_jntadr[robot._scene.object]
    start = robot._model.jnt_qposadr[joint]
    robot._data.qpos[start : start + 7] = [*np.add(robot._scene.base_position, [x, y, z]), 1, 0, 0, 0]
    mujoco.mj_step1(robot._model, robot._data)


@pytest.mark.parametrize("name", NAMES)
def test_only_the_arm_and_the_one_object_move(arms: dict[str, RobosuiteArm], name: str) -> None:
    assert arms[name].scene_state().qpos.size == 7 + 2 + 7


@pytest.mark.parametrize(("name", "at"), [("sim_can", (0.6, -0.15, -0.052)), ("sim_square", (0.4475, 0.1675, -0.082))])
def test_starts_lie_on_the_table_within_the_placement_at_any_yaw(
    arms: dict[str, RobosuiteArm], name: str, at: tuple[float, float, float]
) -> None:
    poses = np.array([arms[name].reset(seed).values["object_pose"] for seed in range(60)])
    half = np.array(config.load(name).options["placement"])
    offset = poses[:, :2] - at[:2]
    assert (np.abs(offset) <= half + 1e-9).all()
    assert (np.abs(offset).max(axis=0) > 0.8 * half).all()
    np.testing.assert_allclose(poses[:, 2], at[2], atol=1e-6)
    yaw = 2 * np.arctan2(poses[:, 5], poses[:, 6])
    assert yaw.min() < -2.5
    assert yaw.max() > 2.5


@pytest.mark.parametrize("name", NAMES)
def test_what_lies_on_the_table_stays_where_it_lies(arms: dict[str, RobosuiteArm], name: str) -> None:
    robot = arms[name]
    before = robot.reset(4).values["object_pose"]
    robot.clock.sleep_until(robot.clock.now() + 10 * robot.spec.period_ns)
    np.testing.assert_allclose(robot.read().values["object_pose"], before, atol=2e-3)


@pytest.mark.parametrize("name", NAMES)
def test_resets_forget_the_past_bit_for_bit(arms: dict[str, RobosuiteArm], name: str) -> None:
    robot = arms[name]
    first = robot.reset(7).values
    robot.send(np.array([0.2, 0.2, -0.2, 0.5, 0.5, 0.5, 1.0]))
    robot.clock.sleep_until(robot.clock.now() + 5 * robot.spec.period_ns)
    robot.reset(8)
    for field, value in robot.reset(7).values.items():
        assert value.tobytes() == first[field].tobytes(), field


def test_a_can_counts_in_its_own_quarter_alone_and_once_the_gripper_has_left(arms: dict[str, RobosuiteArm]) -> None:
    robot = arms["sim_can"]
    goal = robot.reset(0).values["goal_pose"]
    np.testing.assert_allclose(goal, [0.6975, 0.5025, -0.052, 0, 0, 0, 1])
    assert not robot.outcome().success
    put(robot, *goal[:3])
    assert robot.outcome().success
    put(robot, goal[0] - 0.195, goal[1], goal[2])  # the next quarter of the bin, a cereal box's
    assert not robot.outcome().success
    gripper = robot.read().values["ee_pose"][:3]
    put(robot, *(gripper - [0, 0, 0.03]))
    assert not robot.outcome().success
    put(robot, 0.6, -0.15, -0.4)
    assert robot.outcome().terminated


def test_a_nut_counts_on_the_square_peg_alone(arms: dict[str, RobosuiteArm]) -> None:
    robot = arms["sim_square"]
    goal = robot.reset(0).values["goal_pose"]
    np.testing.assert_allclose(goal, [0.79, 0.1, -0.062, 0, 0, 0, 1])
    put(robot, goal[0], goal[1], -0.05)
    assert robot.outcome().success
    put(robot, goal[0], goal[1], 0.02)  # still near the top of the peg
    assert not robot.outcome().success
    put(robot, goal[0], -goal[1], -0.05)  # the round peg
    assert not robot.outcome().success


@pytest.mark.parametrize("name", NAMES)
def test_the_published_scene_shows_what_the_robot_senses(arms: dict[str, RobosuiteArm], name: str) -> None:
    robot = arms[name]
    reading = robot.reset(3)
    model = mujoco.MjModel.from_xml_string(robot.scene_xml())
    data = mujoco.MjData(model)
    data.qpos[:] = robot.scene_state().qpos
    mujoco.mj_kinematics(model, data)
    for field, body in (("object_pose", robot._task.body), ("goal_pose", robot._task.goal)):
        np.testing.assert_allclose(
            data.xpos[model.body(body).id] - robot._scene.base_position, reading.values[field][:3], atol=1e-9
        )


def test_the_wrist_feels_what_contacts_exert_and_nothing_in_free_air(arms: dict[str, RobosuiteArm]) -> None:
    robot = arms["sim_can"]
    robot.reset(0)

    def drive(velocity: list[float], steps: int) -> None:
        for _ in range(steps):
            robot.send(np.array([*velocity, 0, 0, 0, 1.0]))
            robot.clock.sleep_until(robot.clock.now() + robot.spec.period_ns)

    drive([0, 0, 0], 20)
    np.testing.assert_allclose(robot._wrist.read(), 0.0, atol=0.05)
    put(robot, 0.7, 0.0, -0.05)  # out of the way
    drive([0, 0, -0.2], 40)
    drive([0, 0, 0], 10)
    force, torque = contact_wrench(robot)
    assert force[2] > 50.0
    np.testing.assert_allclose(robot._wrist.read()[:3], force, rtol=0.05, atol=0.5)
    np.testing.assert_allclose(robot._wrist.read()[3:], torque, rtol=0.05, atol=0.1)


def contact_wrench(robot: RobosuiteArm) -> tuple[np.ndarray, np.ndarray]:
    """Force and torque about the grip site that all contacts exert on the gripper [N, N m], world axes."""
    model, data = robot._model, robot._data
    tool = {i for i in range(model.nbody) if model.body(i).name.startswith("gripper0")}
    force, torque = np.zeros(3), np.zeros(3)
    for i in range(data.ncon):
        contact, local = data.contact[i], np.zeros(6)
        first, second = (model.geom_bodyid[g] in tool for g in (contact.geom1, contact.geom2))
        if first == second:
            continue
        mujoco.mj_contactForce(model, data, i, local)
        pushed = contact.frame.reshape(3, 3).T @ local[:3] * (-1.0 if first else 1.0)
        force += pushed
        torque += np.cross(contact.pos - data.site_xpos[robot._scene.site], pushed)
    return force, torque


def test_a_task_without_a_goal_refuses_the_field() -> None:
    lift, square = config.load("sim_lift"), config.load("sim_square")
    fields = (*lift.spec.observation.values(), square.spec.observation["goal_pose"])
    spec = replace(lift.spec, observation=Layout(fields))
    with pytest.raises(ConfigError, match="no goal that could be sensed"):
        RobosuiteArm(spec, **lift.options)
