from __future__ import annotations

import numpy as np
import pytest

from robot_rl.control import poses
from robot_rl.control.rewind import RewindSpeed, near, twist_towards
from robot_rl.runtime.rewinding import Rewinder
from robot_rl.spec import Field, Layout, Spec, SpecError

HERE = np.array([0.1, 0.2, 0.3, 0.0, 0.0, 0.0, 1.0])


def test_a_far_pose_is_approached_at_the_full_speed():
    target = HERE + np.array([0.3, 0.4, 0, 0, 0, 0, 0])
    twist = twist_towards(HERE, target, RewindSpeed(0.25, 1.0, 0.05))
    np.testing.assert_allclose(twist, [0.15, 0.20, 0, 0, 0, 0], atol=1e-12)


def test_a_near_pose_is_approached_by_half_the_rest_a_period():
    target = HERE + np.array([0.01, 0, 0, 0, 0, 0, 0])
    twist = twist_towards(HERE, target, RewindSpeed(0.25, 1.0, 0.05))
    np.testing.assert_allclose(twist[0] * 0.05, 0.005)


def test_the_rotation_goes_the_short_way_at_its_own_speed():
    target = HERE.copy()
    target[3:] = -poses.exp([0.0, 0.0, -1.0])
    twist = twist_towards(HERE, target, RewindSpeed(0.25, 0.5, 0.05))
    np.testing.assert_allclose(twist, [0, 0, 0, 0, 0, -0.5], atol=1e-12)
    assert not near(HERE, target, RewindSpeed(0.25, 0.5, 0.05))
    assert near(HERE, target, RewindSpeed(0.25, 0.0, 0.05))
    assert not twist_towards(HERE, target, RewindSpeed(0.25, 0.0, 0.05)).any()


def drive(robot, rewinder: Rewinder, commands: list[np.ndarray]) -> list[np.ndarray]:
    """Carry out commands, remembering them; returns the poses passed."""
    path = []
    for command in commands:
        path.append(robot.pose.copy())
        rewinder.record(robot.read().values, command)
        robot.send(command)
        robot.clock.sleep_until(robot.clock.now() + 1)
    return path


def back(robot, rewinder: Rewinder, steps: int) -> list[np.ndarray]:
    """Rewind; returns the actions."""
    actions, last = [], np.concatenate([np.zeros(6), [robot.gripper]])
    for _ in range(steps):
        last = rewinder.step(robot.read().values, last)
        actions.append(last)
        robot.send(last)
        robot.clock.sleep_until(robot.clock.now() + 1)
    return actions


def move(gripper: float = 0.0, **axes: float) -> np.ndarray:
    return np.array([*(axes.get(k, 0.0) for k in ("x", "y", "z", "roll", "pitch", "yaw")), gripper])


CORNER = [move(x=0.2)] * 20 + [move(y=0.2, yaw=0.5)] * 20 + [move(z=0.1)] * 10


def test_the_way_back_leads_along_the_way_there(robot, spec, limits):
    rewinder = Rewinder(spec, limits)
    path = np.array(drive(robot, rewinder, CORNER))
    farthest = 0.0
    for _ in range(60):
        back(robot, rewinder, 1)
        farthest = max(farthest, np.linalg.norm(path[:, :3] - robot.pose[:3], axis=1).min())
    assert farthest < 0.25 * 0.05  # within one period's motion of a pose passed before
    np.testing.assert_allclose(robot.pose[:3], path[0, :3], atol=1e-3)
    assert poses.angle(robot.pose[3:], path[0, 3:]) < 1e-2


def test_the_way_back_keeps_to_its_speed(robot, spec, limits):
    limits["rewind"] = {"speed": 0.1, "turn_speed": 0.4}
    rewinder = Rewinder(spec, limits)
    drive(robot, rewinder, CORNER)
    actions = np.array(back(robot, rewinder, 150))
    assert np.linalg.norm(actions[:, :3], axis=1).max() <= 0.1 + 1e-9
    assert np.linalg.norm(actions[:, 3:6], axis=1).max() <= 0.4 + 1e-9
    assert np.linalg.norm(actions[:20, :3], axis=1).mean() > 0.09


def test_at_the_start_of_the_episode_there_is_nothing_left_to_undo(robot, spec, limits):
    rewinder = Rewinder(spec, limits)
    np.testing.assert_array_equal(rewinder.step(robot.read().values, move(0.7, x=0.1)), move(0.7))
    drive(robot, rewinder, CORNER)
    assert np.abs(back(robot, rewinder, 80)[-1]).max() < 1e-3


GRASP = [move(x=0.2)] * 10 + [move(1.0)] * 8 + [move(1.0, z=0.1)] * 10


def test_the_gripper_opens_where_it_closed_and_is_given_time_to(robot, spec, limits):
    rewinder = Rewinder(spec, limits)
    drive(robot, rewinder, GRASP)
    grasp = robot.pose[2] - 0.05
    opened = None
    for i in range(40):
        action = back(robot, rewinder, 1)[0]
        if opened is None and action[6] == 0.0:
            opened = i
            assert abs(robot.pose[2] - grasp) < 0.0125 + 1e-9
            assert abs(robot.pose[0] - 0.1) < 0.0125 + 1e-9
        if opened is not None and i < opened + 6:  # 0.3 s at 20 Hz
            assert not action[:6].any()
    assert opened is not None and robot.pose[0] < 0.01


def test_the_gripper_may_be_kept_as_it_is(robot, spec, limits):
    limits["rewind"] = {"others": "keep"}
    rewinder = Rewinder(spec, limits)
    drive(robot, rewinder, GRASP)
    actions = np.array(back(robot, rewinder, 40))
    assert (actions[:, 6] == 1.0).all() and robot.pose[0] < 0.01


def test_a_broken_pose_stops_the_way_back(robot, spec, limits):
    rewinder = Rewinder(spec, limits)
    drive(robot, rewinder, CORNER)
    assert not rewinder.step({"ee_pose": np.full(7, np.nan)}, move()).any()
    assert not rewinder.step({}, move()).any()


def test_standing_still_takes_no_memory(robot, spec, limits):
    rewinder = Rewinder(spec, limits)
    drive(robot, rewinder, [move()] * 100 + [move(x=0.2)])
    drive(robot, rewinder, [move()] * 100)
    assert len(rewinder._path) <= 4


def test_set_points_are_given_again_in_reverse():
    field = Field("joints", (2,), "joint_position", low=(-1.0,) * 2, high=(1.0,) * 2)
    spec = Spec("arm", 10.0, Layout((Field("joints", (2,), "joint_position"),)), Layout((field,)))
    rewinder = Rewinder(spec, {"joints": {"order": "position", "rate": 1.0}})
    assert rewinder.available
    for i in range(4):
        rewinder.record({}, np.array([0.1 * i, 0.0]))
    given = [rewinder.step({}, np.zeros(2))[0] for _ in range(5)]
    np.testing.assert_allclose(given, [0.3, 0.2, 0.1, 0.0, 0.0])


def test_velocities_without_a_measured_pose_cannot_be_rewound(spec, limits):
    del limits["twist"]["workspace"]
    assert not Rewinder(spec, limits).available


def test_a_pose_in_another_frame_is_refused_where_it_was_asked_for(spec, limits):
    world = Field("ee_pose", (7,), "pose", frame="world")
    other = Spec(spec.robot, spec.rate, Layout((world,)), spec.action)
    for section in (limits, {**limits, "rewind": {"pose": "ee_pose"}}):
        with pytest.raises(SpecError, match="'twist' is in frame 'base', 'ee_pose' in 'world'"):
            Rewinder(other, section)


@pytest.mark.parametrize(("unit", "frame"), [("mm/s", "base"), ("", "base"), ("m/s", "")])
def test_a_velocity_in_another_unit_or_frame_than_the_pose_does_not_lead_back(unit, frame):
    velocity = Field("velocity", (3,), unit=unit, frame=frame, low=(-0.1,) * 3, high=(0.1,) * 3)
    pose = Field("ee_pose", (7,), "pose", unit="m", frame="base")
    spec = Spec("hand", 10.0, Layout((pose,)), Layout((velocity,)))
    section = {"velocity": {"order": "velocity", "acceleration": 1.0}, "rewind": {"pose": "ee_pose"}}
    with pytest.raises(SpecError, match="limits of 'rewind': 'velocity' is in"):
        Rewinder(spec, section)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"others": "drop"}, "others is 'drop'; it must be one of replay, keep"),
        ({"speed": -1.0}, "speed is -1.0"),
        ({"pose": "goal"}, "'goal' is not a pose"),
    ],
)
def test_a_rewind_section_that_does_not_hold_is_refused(spec, limits, section, message):
    with pytest.raises(SpecError, match=message):
        Rewinder(spec, {**limits, "rewind": section})
