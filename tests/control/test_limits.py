from __future__ import annotations

import copy

import numpy as np
import pytest

from robot_rl.control.limiting import approach_speed, slew, smooth_slew
from robot_rl.control.limits import parse
from robot_rl.control.safety import Safety
from robot_rl.hardware import config
from robot_rl.spec import Field, Layout, Spec, SpecError


def test_one_number_stands_for_every_element(arm, arm_limits):
    arm_limits["twist"]["acceleration"] = 2.0
    np.testing.assert_array_equal(parse(arm, arm_limits).fields[0].first, np.full(6, 2.0))


def change(limits: dict, path: str, value) -> dict:
    """A copy with the entry at `a.b.c` replaced, or removed for None."""
    out = copy.deepcopy(limits)
    *parents, key = path.split(".")
    section = out
    for parent in parents:
        section = section[parent]
    if value is None:
        del section[key]
    else:
        section[key] = value
    return out


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("twist", None, "action field 'twist' has none"),
        ("wrist", {}, r"unknown key 'wrist'.*Did you mean 'twist'"),
        ("command_timeout", None, "'command_timeout' is missing"),
        ("observation_timeout", 0.0, "'observation_timeout' is 0.0; it must be finite and above 0"),
        ("twist.order", "speed", "order is 'speed'; it is 'velocity' or 'position'"),
        ("twist.acceleration", None, "limits of 'twist': 'acceleration' is missing"),
        ("twist.acceleration", [1.0, 2.0], r"shape \(2,\), the field has 6 numbers"),
        ("twist.acceleration", [1, 1, 1, 1, 1, float("inf")], "must be finite and above 0"),
        ("twist.acceleration", "fast", "'acceleration' is 'fast'; numbers were expected"),
        ("twist.rate", 1.0, "unknown key 'rate'"),
        ("gripper.jerk", 1.0, "unknown key 'jerk'"),
        ("gripper", 3, "limits of 'gripper': a mapping was expected, got 3"),
        ("twist.workspace.position", "tool", "no observation field 'tool'; there are ee_pose"),
        ("twist.workspace.position", None, "'position' is missing"),
        ("twist.workspace.low", [0.4, 0.0, 0.0], "must be below high"),
        ("twist.workspace.high", None, "workspace of 'twist': 'high' is missing"),
        ("twist.workspace.reaction", -1.0, "reaction is -1.0"),
        ("gripper.workspace", {"low": [0] * 3, "high": [1] * 3}, "bounds x, y and z, the field has 1 numbers"),
        ("gripper.measured", "ee_pose.pitch", "only '<pose>.yaw' names a part"),
        ("joints", {"position": "ee_pose", "low": [0], "high": [1]}, "no action field of control mode"),
    ],
)
def test_limits_that_do_not_hold_name_the_key(arm, arm_limits, path, value, message):
    with pytest.raises(SpecError, match=message):
        parse(arm, change(arm_limits, path, value))


def changed_action(spec: Spec, *fields: Field) -> Spec:
    return Spec(spec.robot, spec.rate, spec.observation, Layout(fields), spec.control_mode)


def test_a_box_in_another_frame_than_the_action_is_refused(arm, arm_limits):
    tool = Field("twist", (6,), "twist", frame="tool", low=(-1.0,) * 6, high=(1.0,) * 6)
    with pytest.raises(SpecError, match="the action is in frame 'tool', position 'ee_pose' in frame 'base'"):
        parse(changed_action(arm, tool, arm.action["gripper"]), arm_limits)


def test_a_box_for_an_action_whose_frame_is_not_said_is_refused(arm, arm_limits):
    nowhere = Field("twist", (6,), "twist", low=(-1.0,) * 6, high=(1.0,) * 6)
    with pytest.raises(
        SpecError, match="the action is in a frame that is not said, position 'ee_pose' in frame 'base'"
    ):
        parse(changed_action(arm, nowhere, arm.action["gripper"]), arm_limits)


@pytest.mark.parametrize(
    ("order", "moves", "measured", "accepted"),
    [
        ("velocity", "m/s", "m", True),
        ("velocity", "mm/s", "mm", True),
        ("velocity", "m / s", "m", True),
        ("velocity", "", "", True),
        ("velocity", "m/s", "mm", False),
        ("velocity", "m/s", "", False),
        ("velocity", "", "m", False),
        ("velocity", "m", "m", False),
        ("position", "m", "m", True),
        ("position", "m", "mm", False),
    ],
)
def test_a_box_in_another_unit_than_what_moves_in_it_is_refused(order, moves, measured, accepted):
    """125 mm beyond the wall is where a hand in m/s came to rest whose box was in mm."""
    spec = Spec(
        "hand",
        20.0,
        Layout((Field("place", (3,), unit=measured, frame="base"),)),
        Layout((Field("move", (3,), unit=moves, frame="base", low=(-1.0,) * 3, high=(1.0,) * 3),)),
    )
    largest = {"acceleration": 1.0} if order == "velocity" else {"rate": 1.0, "initial": 0.0}
    limits = {
        "command_timeout": 0.2,
        "observation_timeout": 0.2,
        "move": {"order": order, **largest, "workspace": {"position": "place", "low": -0.5, "high": 0.5}},
    }
    if accepted:
        assert parse(spec, limits).fields[0].box is not None
        return
    with pytest.raises(SpecError, match="workspace of 'move': position 'place' is in .* a box needs both in one"):
        parse(spec, limits)


@pytest.mark.parametrize("order", ["velocity", "position"])
def test_joint_limits_are_in_the_unit_of_what_moves_the_joints(order):
    spec, limits = joints(order, f"joint_{order}")
    degrees = Spec(spec.robot, spec.rate, Layout((Field("q", (2,), unit="deg"),)), spec.action, spec.control_mode)
    with pytest.raises(SpecError, match="limits of 'joints': position 'q' is in 'deg'"):
        parse(degrees, limits)
    sensed = Layout((*degrees.observation.values(), Field("encoder", (2,), "joint_position")))
    if order == "position":  # what tells where it begins does not stand for what the limits compare
        with pytest.raises(SpecError, match="limits of 'joints': position 'q' is in 'deg'"):
            parse(Spec(spec.robot, 20.0, sensed, spec.action), change(limits, "command.measured", "encoder"))


def test_a_velocity_that_cannot_be_zero_is_refused(arm, arm_limits):
    forward = Field("twist", (6,), "twist", frame="base", low=(0.1,) * 6, high=(1.0,) * 6)
    with pytest.raises(SpecError, match="could not hold still"):
        parse(changed_action(arm, forward, arm.action["gripper"]), arm_limits)


@pytest.mark.parametrize("high", [None, (float("inf"),)])
def test_a_field_without_finite_bounds_is_refused(arm, arm_limits, high):
    gripper = Field("gripper", (1,), low=(0.0,), high=high)
    with pytest.raises(SpecError, match=r"'gripper'.*(needs 'low' and 'high'|must be finite)"):
        parse(changed_action(arm, arm.action["twist"], gripper), arm_limits)


def joints(order: str, kind: str) -> tuple[Spec, dict]:
    spec = Spec(
        "arm",
        10.0,
        Layout((Field("q", (2,), "joint_position"),)),
        Layout((Field("command", (2,), kind, low=(-2.0, -2.0), high=(2.0, 2.0)),)),  # type: ignore[arg-type]
    )
    first = {"velocity": "acceleration", "position": "rate"}[order]
    return spec, {
        "command_timeout": 0.2,
        "observation_timeout": 0.2,
        "command": {"order": order, first: 1.5},
        "joints": {"position": "q", "low": [-1, -0.5], "high": [1, 0.5], "velocity": [1.0, 3.0]},
    }


def test_joint_limits_bound_joint_velocities_in_speed_and_range():
    field = parse(*joints("velocity", "joint_velocity")).fields[0]
    np.testing.assert_array_equal(field.high, [1.0, 2.0])
    assert field.box is not None and field.box.flag is Safety.JOINT
    np.testing.assert_array_equal(field.box.low, [-1.0, -0.5])


def test_joint_limits_bound_joint_set_points_in_rate_and_range():
    field = parse(*joints("position", "joint_position")).fields[0]
    np.testing.assert_array_equal(field.first, [1.0, 1.5])
    assert field.box is not None and field.box.flag is Safety.JOINT


def test_joint_set_points_begin_where_the_joints_are_measured():
    field = parse(*joints("position", "joint_position")).fields[0]
    assert field.measurement is not None and field.measurement.field == "q"
    spec, limits = joints("position", "joint_position")
    fields = (*spec.observation.values(), Field("encoder", (2,), "joint_position"))
    sensed = Spec(spec.robot, spec.rate, Layout(fields), spec.action, spec.control_mode)
    field = parse(sensed, change(limits, "command.measured", "encoder")).fields[0]
    assert field.measurement is not None and field.measurement.field == "encoder"


@pytest.mark.parametrize(
    ("commanded", "measured", "accepted"), [("", "mm", False), ("m", "mm", False), ("", "1", True), ("m, m", "m", True)]
)
def test_a_set_point_is_not_begun_from_a_number_in_another_unit(commanded, measured, accepted):
    spec = Spec(
        "gripper",
        20.0,
        Layout((Field("opening", (2,), unit=measured),)),
        Layout((Field("width", (2,), unit=commanded, low=(0.0, 0.0), high=(1.0, 1.0)),)),
        "position",
    )
    limits = {
        "command_timeout": 0.2,
        "observation_timeout": 0.2,
        "width": {"order": "position", "rate": 1.0, "measured": "opening"},
    }
    if accepted:
        assert parse(spec, limits).fields[0].measurement is not None
        return
    said = f"'{commanded}'" if commanded else "plain numbers"
    with pytest.raises(SpecError, match=f"'width': it is commanded in {said}.*'opening', is in 'mm'.*the same"):
        parse(spec, limits)


def test_joint_set_points_do_not_begin_from_joints_in_another_unit():
    spec, limits = joints("position", "joint_position")
    degrees = Spec(spec.robot, spec.rate, Layout((Field("q", (2,), unit="deg"),)), spec.action, spec.control_mode)
    with pytest.raises(SpecError, match="position 'q' is in 'deg', the action in plain numbers"):
        parse(degrees, limits)


def test_a_set_point_that_could_begin_anywhere_is_refused(arm, arm_limits):
    with pytest.raises(SpecError, match=r"'gripper': nothing tells where.*add 'measured'.*or.*'initial'"):
        parse(arm, change(arm_limits, "gripper.initial", None))
    fields = (*arm.observation.values(), Field("gripper", (1,)))
    sensed = Spec(arm.robot, arm.rate, Layout(fields), arm.action, arm.control_mode)
    assert parse(sensed, change(arm_limits, "gripper.initial", None)).named == ("gripper", "ee_pose")


@pytest.mark.parametrize(("robot", "mode"), [("sim_pusht", "planar_position"), ("sim_crazyflie", "position")])
def test_set_points_of_committed_robots_begin_where_they_are_measured(robot, mode):
    setup = config.load(robot, mode)
    assert all(f.measurement is not None for f in parse(setup.spec, setup.limits).fields)


def test_a_named_field_that_comes_too_seldom_to_be_fresh_is_refused(arm, arm_limits):
    def sensed(rate: float, name: str = "gripper") -> Spec:
        fields = (*arm.observation.values(), Field(name, (1,), rate=rate))
        return Spec(arm.robot, arm.rate, Layout(fields), arm.action, arm.control_mode)

    for rate in (3.0, 4.0):
        with pytest.raises(SpecError, match=rf"'gripper' has rate {rate:g} Hz.*observation_timeout is 0.25 s"):
            parse(sensed(rate), arm_limits)
    parse(sensed(5.0), arm_limits)
    parse(sensed(3.0, "battery"), arm_limits)  # nothing names it


@pytest.mark.parametrize("section", ["twist.workspace", "twist.orientation", "force"])
def test_a_control_rate_too_slow_for_what_is_named_is_refused(arm, arm_limits, section):
    fields = (*arm.observation.values(), Field("wrench", (6,), frame="base"))
    slow = Spec(arm.robot, 4.0, Layout(fields), arm.action, arm.control_mode)
    limits = change(arm_limits, "twist.workspace", None)
    parse(slow, limits)
    given = {
        "twist.workspace": arm_limits["twist"]["workspace"],
        "twist.orientation": {"pose": "ee_pose", "reference": [0, 0, 0, 1], "angle": 0.5},
        "force": {"field": "wrench", "limit": 30.0, "retreat": "hold"},
    }
    with pytest.raises(SpecError, match="has rate 4 Hz, one value in 0.25 s"):
        parse(slow, change(limits, section, given[section]))


def test_the_approach_speed_is_hand_worked():
    # v 0.1 + v^2 / 2 = 0.15 has v = 0.4568 at a = 1; without a limit on braking v = d / r
    d = np.array([0.15, 0.15, 0.0, -1.0])
    a = np.array([1.0, np.inf, 1.0, 1.0])
    np.testing.assert_allclose(approach_speed(d, a, 0.1), [-0.1 + np.sqrt(0.31), 1.5, 0.0, 0.0], rtol=1e-12)


def test_slew_moves_at_most_the_limit_times_the_time():
    out = slew(np.array([1.0, -1.0, 0.01]), np.zeros(3), np.array([1.0, 2.0, 1.0]), 0.1)
    np.testing.assert_allclose(out, [0.1, -0.2, 0.01])


def test_a_smooth_slew_reaches_its_target_without_passing_it():
    value, slope, seen = np.zeros(1), np.zeros(1), []
    for _ in range(200):
        out = smooth_slew(np.array([0.3]), value, slope, np.array([1.0]), np.array([4.0]), 0.02, 0.04)
        slope, value = (out - value) / 0.02, out
        seen.append(float(value[0]))
    assert max(seen) <= 0.3 + 1e-12 and abs(seen[-1] - 0.3) < 1e-6
    assert np.abs(np.diff(seen, 2)).max() <= 4.0 * 0.02**2 + 1e-12


@pytest.mark.parametrize(
    ("kind", "order"), [("twist", "position"), ("joint_velocity", "position"), ("joint_position", "velocity")]
)
def test_an_order_that_would_hold_with_a_velocity_is_refused(kind, order):
    size = 6 if kind == "twist" else 2
    action = Field("command", (size,), kind, low=(-1.0,) * size, high=(1.0,) * size)
    spec = Spec("arm", 20.0, Layout((Field("q", (size,), "joint_position"),)), Layout((action,)))
    largest = {"rate": 1.0, "initial": 0.0} if order == "position" else {"acceleration": 1.0}
    limits = {"command_timeout": 0.2, "observation_timeout": 0.2, "command": {"order": order, **largest}}
    with pytest.raises(SpecError, match=f"'command': order is '{order}', and to hold a {kind} still takes"):
        parse(spec, limits)
