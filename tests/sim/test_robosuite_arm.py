"""RobosuiteArm against hand-worked motion, and its resets against themselves in another process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import mujoco
import numpy as np
import pytest

from robot_rl.extras import MissingExtraError
from robot_rl.hardware import config
from robot_rl.hardware.robot import Robot, RobotError, Simulated
from robot_rl.sim import suite
from robot_rl.sim.robosuite_arm import RobosuiteArm
from robot_rl.spec import Layout, SpecError

CONFIG = config.load("sim_lift")
PERIOD = CONFIG.spec.period_ns


@pytest.fixture(scope="module")
def shared() -> Iterator[RobosuiteArm]:
    robot = RobosuiteArm(CONFIG.spec, **CONFIG.options)
    yield robot
    robot.close()


@pytest.fixture
def arm(shared: RobosuiteArm) -> RobosuiteArm:
    shared.reset(3)
    return shared


def drive(robot: RobosuiteArm, twist: list[float], steps: int, gripper: float = 0.0) -> list[np.ndarray]:
    """Ee poses after each of `steps` periods under one command."""
    poses = []
    for _ in range(steps):
        robot.send(np.array([*twist, gripper]))
        robot.clock.sleep_until(robot.clock.now() + PERIOD)
        poses.append(robot.read().values["ee_pose"])
    return poses


def test_it_offers_both_interfaces_and_fields_that_fit_its_spec(arm: RobosuiteArm) -> None:
    assert isinstance(arm, Robot)
    assert isinstance(arm, Simulated)
    reading = arm.read()
    assert list(reading.values) == list(CONFIG.spec.observation)
    assert arm.spec.observation.pack(reading.values).shape == (7 + 7 + 7 + 1 + 7,)


@pytest.mark.parametrize("axis", range(3))
def test_a_commanded_linear_velocity_is_reached_along_its_axis_alone(arm: RobosuiteArm, axis: int) -> None:
    twist = [0.0] * 6
    twist[axis] = -0.1
    poses = drive(arm, twist, 12)
    expected = np.zeros(3)
    expected[axis] = -0.1 * 0.05
    np.testing.assert_allclose(poses[-1][:3] - poses[-2][:3], expected, atol=0.03 * 0.005)


def test_a_commanded_yaw_rate_turns_about_the_base_z_axis(arm: RobosuiteArm) -> None:
    first, last = drive(arm, [0, 0, 0, 0, 0, 0.8], 21)[0::20]
    relative = np.zeros(4)
    inverse = np.zeros(4)
    mujoco.mju_negQuat(inverse, np.roll(first[3:], 1))
    mujoco.mju_mulQuat(relative, np.roll(last[3:], 1), inverse)
    vector = np.zeros(3)
    mujoco.mju_quat2Vel(vector, relative, 1.0)
    np.testing.assert_allclose(vector, [0.0, 0.0, 0.8 * 20 * 0.05], atol=0.05)


def test_stop_holds_the_pose(arm: RobosuiteArm) -> None:
    drive(arm, [0.2, 0, 0, 0, 0, 0], 10)
    arm.stop()
    arm.clock.sleep_until(arm.clock.now() + 10 * PERIOD)
    settled = arm.read().values["ee_pose"]
    arm.clock.sleep_until(arm.clock.now() + 20 * PERIOD)
    np.testing.assert_allclose(arm.read().values["ee_pose"], settled, atol=5e-4)


def test_pushing_into_the_table_does_not_wind_up(arm: RobosuiteArm) -> None:
    drive(arm, [0.25, -0.25, 0, 0, 0, 0], 16)
    drive(arm, [0, 0, -0.25, 0, 0, 0], 60)
    low = arm.read().values["ee_pose"][2]
    assert low > -0.13  # the table top lies at -0.112
    poses = drive(arm, [0, 0, 0.1, 0, 0, 0], 12)
    assert poses[-1][2] - low > 0.02  # at 0.1 m/s, 0.04 m of lead are unwound in 8 of the 12 steps


def test_the_gripper_opens_to_8_cm_and_closes(arm: RobosuiteArm) -> None:
    drive(arm, [0.0] * 6, 20, gripper=1.0)
    assert arm.read().values["gripper_position"][0] < 0.002
    drive(arm, [0.0] * 6, 20, gripper=0.5)
    np.testing.assert_allclose(arm.read().values["gripper_position"], 0.04, atol=0.003)
    drive(arm, [0.0] * 6, 20, gripper=0.0)
    np.testing.assert_allclose(arm.read().values["gripper_position"], 0.08, atol=0.003)


def test_resets_forget_the_past_bit_for_bit(arm: RobosuiteArm) -> None:
    first = arm.reset(5)
    before = arm.scene_state()
    path = drive(arm, [0.1, 0.1, -0.2, 0.3, 0.2, 0.1], 8, gripper=1.0)
    again = arm.reset(5)
    assert arm.scene_state().qpos.tobytes() == before.qpos.tobytes()
    for name, value in first.values.items():
        assert again.values[name].tobytes() == value.tobytes(), name
    repeated = drive(arm, [0.1, 0.1, -0.2, 0.3, 0.2, 0.1], 8, gripper=1.0)
    assert np.array(path).tobytes() == np.array(repeated).tobytes()


def test_resets_agree_bit_for_bit_with_a_new_process(arm: RobosuiteArm) -> None:
    code = (
        "import json; from robot_rl.hardware import config;"
        "robot = config.make(config.load('sim_lift'), seed=9); robot.reset(4); robot.reset(11);"
        "print(json.dumps([robot.scene_state().qpos.tobytes().hex(),"
        " robot.spec.observation.pack(robot.read().values).tobytes().hex()]))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    reading = arm.reset(11)
    mine = [arm.scene_state().qpos.tobytes().hex(), arm.spec.observation.pack(reading.values).tobytes().hex()]
    assert json.loads(out.stdout) == mine
    assert out.stderr == ""  # robosuite's remarks at import are quiet


def test_start_states_fill_the_placement_and_nothing_more(arm: RobosuiteArm) -> None:
    poses = np.array([arm.reset(seed).values["object_pose"] for seed in range(40)])
    offset = poses[:, :2] - [0.56, 0.0]  # the table's centre in the base frame
    placement = np.array(config.load("sim_lift").options["placement"])  # half ranges [m]
    assert (np.abs(offset) <= placement).all()
    assert (np.abs(offset).max(axis=0) > 0.8 * placement).all()
    yaw = 2 * np.arctan2(poses[:, 5], poses[:, 6])
    assert 0.4 < np.abs(yaw).max() <= 0.5


def test_stamps_rise_through_resets(arm: RobosuiteArm) -> None:
    before = arm.read().stamp
    after = arm.reset(1).stamp
    assert after > before
    drive(arm, [0.0] * 6, 3)
    assert arm.read().stamp == after + 3 * PERIOD


def test_a_lifted_cube_is_a_success_and_a_fallen_one_ends_the_episode(arm: RobosuiteArm) -> None:
    assert arm.outcome().success is False
    qpos, height = arm._data.qpos, arm._model.joint("cube_joint0").qposadr[0] + 2
    qpos[height] = 0.85
    mujoco.mj_step1(arm._model, arm._data)
    assert (arm.outcome().reward, arm.outcome().success, arm.outcome().terminated) == (1.0, True, False)
    qpos[height] = 0.3
    mujoco.mj_step1(arm._model, arm._data)
    assert (arm.outcome().reward, arm.outcome().success, arm.outcome().terminated) == (0.0, False, True)


def test_the_published_scene_has_the_same_state_and_masses(arm: RobosuiteArm) -> None:
    model = mujoco.MjModel.from_xml_string(arm.scene_xml())
    assert model.nq == arm.scene_state().qpos.size
    np.testing.assert_array_equal(model.body_mass, arm._model.body_mass)


def test_commands_are_clipped_and_returned_and_nonsense_is_refused(arm: RobosuiteArm) -> None:
    sent = arm.send(np.array([9.0, 0, 0, 0, 0, -9.0, 2.0]))
    np.testing.assert_array_equal(sent, [0.25, 0, 0, 0, 0, -1.0, 1.0])
    with pytest.raises(RobotError, match="7 finite numbers"):
        arm.send(np.full(7, np.nan))
    with pytest.raises(RobotError, match="7 finite numbers"):
        arm.send(np.zeros(3))


def test_a_closed_robot_says_so() -> None:
    robot = RobosuiteArm(CONFIG.spec, **CONFIG.options)
    robot.close()
    robot.close()
    with pytest.raises(RobotError, match="closed"):
        robot.read()


def test_an_unknown_task_names_the_nearest() -> None:
    with pytest.raises(config.ConfigError, match="Did you mean 'Lift'"):
        suite.task("Lfit")


def test_another_arm_needs_only_its_own_spec() -> None:
    with pytest.raises(SpecError, match=r"'joint_position': got shape \(6,\), the spec says \(7,\)"):
        config.make(CONFIG, robot="UR5e")
    fields = (
        replace(f, shape=(6,), labels=()) if f.kind.startswith("joint") else f for f in CONFIG.spec.observation.values()
    )
    spec = replace(CONFIG.spec, observation=Layout(tuple(fields)))
    robot = config.make(replace(CONFIG, spec=spec), robot="UR5e")
    robot.reset(0)
    poses = drive(robot, [0, 0.1, -0.1, 0, 0, 0], 12)
    np.testing.assert_allclose(poses[-1][:3] - poses[-2][:3], [0, 0.005, -0.005], atol=3e-4)
    robot.close()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"robot": "Pandda"}, "Did you mean 'Panda'"),
        ({"placement": [0.1, -0.1]}, "none negative"),
        ({"max_lead": [0.1]}, "max_lead is .* two .linear, angular. or six finite numbers above 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(option: dict[str, object], message: str) -> None:
    with pytest.raises(config.ConfigError, match=message):
        config.make(CONFIG, **option)


def test_a_missing_robosuite_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "robosuite", None)
    with pytest.raises(MissingExtraError, match=r"pip install --no-deps robosuite==1\.5\.2"):
        RobosuiteArm(CONFIG.spec, **CONFIG.options)
