from __future__ import annotations

import numpy as np
import pytest

from robot_rl.control.envelope import REFUSED, SafetyEnvelope
from robot_rl.control.safety import Safety
from robot_rl.spec import Field, Layout, Spec

MS = 1_000_000
CENTRE = {"ee_pose": np.array([0.0, 0.0, 0.25, 0, 0, 0, 1])}


def twist(x: float = 0.0, y: float = 0.0, z: float = 0.0, gripper: float = 0.0) -> np.ndarray:
    return np.array([x, y, z, 0.0, 0.0, 0.0, gripper])


class Driver:
    """Calls the envelope once a period with everything fresh, unless told otherwise."""

    def __init__(self, spec: Spec, limits: dict, measured: dict) -> None:
        self.envelope = SafetyEnvelope(spec, limits)
        self.envelope.reset(measured)
        self.now, self.period = 10**9, spec.period_ns
        self.measured = measured

    def __call__(self, action, **changes):
        self.now += self.period
        given = {"command_stamp": self.now, "measured": self.measured, "measured_stamp": self.now, **changes}
        return self.envelope.filter(action, now=self.now, **given)


@pytest.fixture
def drive(arm, arm_limits) -> Driver:
    return Driver(arm, arm_limits, CENTRE)


def test_a_command_within_every_limit_passes_unchanged(drive):
    result = drive(twist(0.04, -0.05, 0.01, 0.5))
    np.testing.assert_array_equal(result.action, twist(0.04, -0.05, 0.01, 0.5))
    assert result.flags == 0 and not result.changed.any()


def test_a_velocity_ramps_by_acceleration_times_the_period(drive):
    # 1 m/s^2 for 50 ms a step
    speeds = [drive(twist(0.25)).action[0] for _ in range(6)]
    np.testing.assert_allclose(speeds, [0.05, 0.10, 0.15, 0.20, 0.25, 0.25], atol=1e-12)
    assert drive.envelope.counts[Safety.RATE] == 4


def test_a_number_out_of_bounds_is_clipped_and_named(drive):
    result = drive(twist(0.05, gripper=1.4))
    assert result.flags & Safety.BOUND
    assert result.changed.tolist() == [False] * 6 + [True]
    assert drive(twist(0.05, gripper=1.4)).action[6] == 1.0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_number_that_is_not_finite_refuses_the_whole_command(drive, bad):
    drive(twist(0.05, gripper=0.5))
    result = drive(twist(0.05, bad, 0.0, 1.0))
    assert result.flags == Safety.NOT_FINITE and result.flags & REFUSED
    np.testing.assert_array_equal(result.action, twist(gripper=0.5))
    assert result.changed.all()


@pytest.mark.parametrize("bad", [np.zeros(6), np.zeros((1, 7)), 3.0, "left", [[1, 2], [3]], {}, object()])
def test_a_misshapen_command_is_refused_and_never_raises(drive, bad):
    assert drive(bad).flags == Safety.NOT_FINITE


def test_a_stale_command_ramps_to_rest_and_keeps_the_gripper(drive):
    for _ in range(5):
        drive(twist(0.25, gripper=1.0))
    results = [drive(twist(0.25, gripper=0.0), command_stamp=drive.now - 251 * MS) for _ in range(5)]
    np.testing.assert_allclose([r.action[0] for r in results], [0.20, 0.15, 0.10, 0.05, 0.0], atol=1e-12)
    assert all(r.action[6] == 1.0 and r.flags & Safety.STALE_COMMAND for r in results)


def test_a_command_is_fresh_up_to_its_timeout(drive):
    stamp = drive.now + drive.period - 250 * MS
    assert drive(twist(0.01), command_stamp=stamp).flags == 0


@pytest.mark.parametrize("ahead", [251 * MS, 10**18])
def test_a_command_from_the_future_is_refused(drive, ahead):
    assert drive(twist(0.01), command_stamp=drive.now + drive.period + ahead).flags == Safety.STALE_COMMAND


def test_a_command_without_a_stamp_is_refused(drive):
    assert drive(twist(0.01), command_stamp=None).flags == Safety.STALE_COMMAND


@pytest.mark.parametrize(
    "measured",
    [
        {},
        None,
        {"ee_pose": None},
        {"ee_pose": np.full(7, np.nan)},
        {"ee_pose": np.array([0, np.inf, 0.2, 0, 0, 0, 1])},
        {"ee_pose": np.zeros(3)},
        {"ee_pose": "here"},
    ],
)
def test_a_missing_or_broken_measurement_counts_as_stale(drive, measured):
    result = drive(twist(0.01), measured=measured)
    assert result.flags == Safety.STALE_OBSERVATION and result.action[0] == 0.0


def test_old_measurements_hold_the_robot_also_when_nobody_commands(drive):
    assert drive(None, measured_stamp=drive.now - 10**9).flags == Safety.STALE_OBSERVATION


def test_measurements_from_the_future_hold_the_robot(drive):
    ahead = drive.now + drive.period + 10**9
    assert drive(twist(0.01), measured_stamp=ahead).flags == Safety.STALE_OBSERVATION


def test_a_frozen_measurement_beside_fresh_ones_holds_the_robot(drive):
    for _ in range(5):
        drive(twist(0.25))
    stamps = {"ee_pose": drive.now, "joints": drive.now}
    results = []
    for _ in range(12):
        stamps["joints"] = drive.now + drive.period
        results.append(drive(twist(0.25), measured_stamp=stamps))
    # fresh for 250 ms, which are five periods; then 1 m/s^2 for 50 ms a step
    assert [bool(r.flags & Safety.STALE_OBSERVATION) for r in results] == [False] * 5 + [True] * 7
    np.testing.assert_allclose([r.action[0] for r in results[5:10]], [0.20, 0.15, 0.10, 0.05, 0.0], atol=1e-12)


def test_a_field_without_a_stamp_counts_as_stale_and_one_that_nothing_names_may_be_old(drive):
    assert drive(twist(0.01), measured_stamp={"joints": drive.now}).flags == Safety.STALE_OBSERVATION
    assert drive(twist(0.01), measured_stamp={"ee_pose": drive.now + drive.period, "joints": 0}).flags == 0


def test_a_robot_of_which_nothing_is_named_is_held_once_none_of_its_fields_is_fresh(arm, arm_limits):
    del arm_limits["twist"]["workspace"]
    drive = Driver(arm, arm_limits, CENTRE)
    assert drive.envelope.limits.named == ()
    assert drive(twist(0.01), measured_stamp={"ee_pose": 0, "joints": drive.now}).flags == 0
    assert drive(twist(0.01), measured_stamp={"ee_pose": 0, "joints": 0}).flags == Safety.STALE_OBSERVATION


def test_without_the_deadman_a_command_is_refused(drive):
    result = drive(twist(0.01), deadman=False)
    assert result.flags == Safety.DEADMAN and result.action[0] == 0.0


def test_nobody_commanding_holds_without_a_flag(drive):
    result = drive(None, command_stamp=None)
    assert result.flags == 0 and not result.action.any() and not result.changed.any()


def test_the_speed_towards_a_wall_is_what_braking_can_stop(arm, arm_limits):
    # d = 0.02 m, a = 1 m/s^2, reaction 2 periods = 0.1 s: v^2/2 + 0.1 v = 0.02 -> v = -0.1 + sqrt(0.05)
    drive = Driver(arm, arm_limits, {"ee_pose": np.array([0.28, 0, 0.25, 0, 0, 0, 1])})
    for _ in range(4):
        result = drive(twist(0.25))
    assert result.flags & Safety.WORKSPACE
    np.testing.assert_allclose(result.action[0], -0.1 + np.sqrt(0.05), rtol=1e-12)
    assert drive(twist(0.0)).flags & Safety.RATE  # leaving is an ordinary, limited change


@pytest.mark.parametrize(("axis", "position", "inwards"), [(0, 0.35, -1), (1, -0.31, 1), (2, -0.02, 1), (2, 0.6, -1)])
def test_outside_the_box_a_command_may_only_lead_inwards(arm, arm_limits, axis, position, inwards):
    pose = np.array([0.0, 0, 0.25, 0, 0, 0, 1])
    pose[axis] = position
    drive = Driver(arm, arm_limits, {"ee_pose": pose})
    outwards = np.zeros(7)
    outwards[axis] = -0.05 * inwards
    result = drive(outwards)
    assert result.action[axis] == 0.0 and result.flags == Safety.WORKSPACE
    result = drive(-outwards)
    assert result.action[axis] == 0.05 * inwards and result.flags == 0


@pytest.mark.parametrize("jerk", [10.0, 2.0])
def test_a_velocity_with_a_jerk_limit_is_braked_for_the_wall_within_it(arm, arm_limits, jerk):
    arm_limits["twist"]["jerk"] = jerk
    drive = Driver(arm, arm_limits, CENTRE)
    x, speeds = 0.0, []
    for _ in range(300):
        pose = np.array([x, 0, 0.25, 0, 0, 0, 1])
        speeds.append(drive(twist(0.25), measured={"ee_pose": pose}).action[0])
        x += speeds[-1] * 0.05
    assert max(speeds) > 0.15 and 0.29 < x <= 0.3
    acceleration = np.diff([0.0, *speeds]) / 0.05
    assert np.abs(acceleration).max() <= 1.0 + 1e-9
    assert np.abs(np.diff([0.0, *acceleration])).max() <= jerk * 0.05 + 1e-9


def test_a_measurement_beyond_the_wall_brakes_at_once(drive):
    for _ in range(5):
        drive(twist(0.25))
    result = drive(twist(0.25), measured={"ee_pose": np.array([0.31, 0, 0.25, 0, 0, 0, 1])})
    assert result.action[0] == 0.0 and result.flags & Safety.WORKSPACE


@pytest.mark.parametrize("far", [1.7e308, -1.7e308])
def test_a_measurement_absurdly_far_away_gives_a_finite_command(drive, far):
    result = drive(twist(0.05, -0.05), measured={"ee_pose": np.array([far, far, 0.25, 0, 0, 0, 1])})
    inwards = -np.sign(far) * 0.05
    np.testing.assert_array_equal(result.action[:2], [max(inwards, 0.0), 0.0] if far < 0 else [0.0, inwards])


def test_an_old_measurement_is_carried_forward_by_the_speed(arm, arm_limits):
    # 40 ms at 0.05 m/s is 2 mm nearer to the wall: d = 0.018
    drive = Driver(arm, arm_limits, {"ee_pose": np.array([0.28, 0, 0.25, 0, 0, 0, 1])})
    drive(twist(0.05))
    drive(twist(0.05))
    for _ in range(3):
        last = drive.envelope.last[0]
        result = drive(twist(0.25), measured_stamp=drive.now + drive.period - 40 * MS)
    d = 0.02 - last * 0.04
    np.testing.assert_allclose(result.action[0], -0.1 + np.sqrt(0.01 + 2 * d), rtol=1e-12)


def test_the_emergency_stop_latches_until_released(drive):
    for _ in range(5):
        drive(twist(0.25, gripper=1.0))
    drive.envelope.estop()
    result = drive(twist(0.25, gripper=0.0))
    np.testing.assert_array_equal(result.action, twist(gripper=1.0))
    assert result.flags == Safety.ESTOP and drive.envelope.stopped
    drive.envelope.reset(CENTRE)
    assert drive(twist(0.25)).flags == Safety.ESTOP
    drive.envelope.release_estop()
    assert drive(twist(0.05)).action[0] == 0.05


def test_a_jump_back_in_time_changes_nothing_and_is_recovered_from(drive):
    drive(twist(0.05))
    drive.now -= 5 * 10**9
    assert drive(twist(0.25)).action[0] == 0.05
    np.testing.assert_allclose(drive(twist(0.25)).action[0], 0.10)


def test_after_a_long_silence_a_command_changes_by_two_periods_at_most(drive):
    drive(twist(0.0))
    drive.now += 10**10
    np.testing.assert_allclose(drive(twist(0.25)).action[0], 0.10)


def test_counts_tell_how_often_each_flag_was_raised(drive):
    drive(twist(np.nan))
    drive(twist(np.nan), deadman=False)
    assert drive.envelope.counts[Safety.NOT_FINITE] == 2
    assert drive.envelope.counts[Safety.DEADMAN] == 1
    assert drive.envelope.counts[Safety.ESTOP] == 0


HOVER = {"pose": np.array([0.5, -0.5, 1.0, 0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5)])}


def test_set_points_begin_where_they_are_measured(drone, drone_limits):
    drive = Driver(drone, drone_limits, HOVER)
    np.testing.assert_allclose(drive(None).action, [0.5, -0.5, 1.0, np.pi / 2])


def test_a_set_point_without_a_measurement_begins_at_its_initial_value(drone, drone_limits):
    drone_limits["yaw"] = {"order": "position", "rate": 2.0, "initial": 0.3}
    np.testing.assert_array_equal(Driver(drone, drone_limits, HOVER)(None).action, [0.5, -0.5, 1.0, 0.3])


def test_an_arm_of_joint_set_points_stays_where_its_joints_are_until_somebody_commands():
    field = Field("target", (6,), "joint_position", unit="rad", low=(-3.0,) * 6, high=(3.0,) * 6)
    joints = Layout((Field("joint_position", (6,), "joint_position", unit="rad"),))
    limits = {
        "command_timeout": 0.25,
        "observation_timeout": 0.25,
        "target": {"order": "position", "rate": 0.5},
        "joints": {"position": "joint_position", "low": -2.9, "high": 2.9},
    }
    here = np.array([0.0, -1.2, 1.8, -1.5, -1.5, 0.0])
    drive = Driver(Spec("arm", 20.0, joints, Layout((field,))), limits, {"joint_position": here})
    np.testing.assert_array_equal(drive(None).action, here)
    assert drive(here).flags == 0


def test_a_set_point_moves_at_its_rate_and_holds_when_refused(drone, drone_limits):
    drive = Driver(drone, drone_limits, HOVER)
    result = drive(np.array([0.5, -0.5, 1.0, 0.0]))
    np.testing.assert_allclose(result.action[3], np.pi / 2 - 2.0 / 50)
    held = drive(np.array([0.5, -0.5, np.nan, 0.0])).action
    np.testing.assert_array_equal(held, result.action)


def test_a_set_point_is_clipped_to_the_box(drone, drone_limits):
    drive = Driver(drone, drone_limits, HOVER)
    for _ in range(200):
        result = drive(np.array([1.9, -0.5, 0.0, 0.0]))
    np.testing.assert_allclose(result.action[:3], [1.0, -0.5, 0.2], atol=1e-3)
    assert result.flags & Safety.WORKSPACE


def test_a_set_point_outside_the_box_stays_or_leads_inwards(drone, drone_limits):
    ground = {"pose": np.array([0.0, 0.0, 0.05, 0, 0, 0, 1])}
    drive = Driver(drone, drone_limits, ground)
    assert drive(None).action[2] == 0.05
    assert drive(np.array([0, 0, 0.05, 0])).action[2] == 0.05
    down = drive(np.array([0, 0, 0.0, 0]))
    assert down.action[2] == 0.05 and down.flags == Safety.WORKSPACE
    assert drive(np.array([0, 0, 0.1, 0])).action[2] > 0.05
    assert drive(np.array([0, 0, 0.05, 0])).action[2] > 0.05  # not outwards again


def test_a_second_limit_bounds_the_change_of_the_rate(drone, drone_limits):
    # 4 m/s^2 at 50 Hz: the rate grows by 0.08 m/s a step
    drive = Driver(drone, drone_limits, HOVER)
    x = [0.5] + [drive(np.array([0.9, -0.5, 1.0, np.pi / 2])).action[0] for _ in range(60)]
    rates = np.diff(x) * 50
    np.testing.assert_allclose(rates[:3], [0.08, 0.16, 0.24], rtol=1e-9)
    assert np.abs(np.diff(rates)).max() <= 0.08 + 1e-9
    assert max(x) <= 0.9 + 1e-12 and drive.envelope.counts[Safety.JERK] > 0


def test_an_emergency_stop_holds_set_points_at_the_measured_place(drone, drone_limits):
    drive = Driver(drone, drone_limits, HOVER)
    drive(np.array([0.9, -0.5, 1.0, 0.0]))
    drive.envelope.estop()
    here = {"pose": np.array([0.6, -0.4, 1.1, 0, 0, 0, 1.0])}
    there = {"pose": np.array([0.7, -0.4, 1.1, 0, 0, 0, 1.0])}
    np.testing.assert_allclose(drive(None, measured=here).action, [0.6, -0.4, 1.1, 0.0])
    np.testing.assert_allclose(drive(None, measured=there).action, [0.6, -0.4, 1.1, 0.0])


def test_a_robot_pushed_aside_in_an_emergency_stop_stays_where_it_is_when_released(drone, drone_limits):
    drive = Driver(drone, drone_limits, HOVER)
    drive.envelope.estop()
    drive(None)
    aside = {"pose": np.array([-0.4, 0.5, 0.7, 0.0, 0.0, 0.0, 1.0])}
    before = drive(None, measured=aside).action
    drive.envelope.release_estop()
    assert not drive.envelope.placed, "nothing is to be sent"
    unknown = drive(before, measured=aside, measured_stamp=drive.now - 1)
    assert not drive.envelope.placed and unknown.flags == Safety.STALE_OBSERVATION, "measured before it was released"
    np.testing.assert_array_equal(unknown.action, before)
    placed = drive(before, measured=aside)
    assert drive.envelope.placed and placed.flags == Safety.STALE_OBSERVATION
    np.testing.assert_allclose(placed.action, [-0.4, 0.5, 0.7, 0.0], atol=1e-12)
    after = drive(before, measured=aside).action
    assert np.abs(after - placed.action).max() <= 2.0 / 50 + 1e-12


def test_releasing_an_emergency_stop_keeps_what_nothing_measures_and_begins_at_rest(drone, drone_limits):
    drone_limits["yaw"] = {"order": "position", "rate": 2.0, "initial": 0.0}
    drive = Driver(drone, drone_limits, HOVER)
    for _ in range(10):
        moved = drive(np.array([0.9, -0.5, 1.0, 1.0])).action
    assert moved[3] == pytest.approx(0.4)
    drive.envelope.estop()
    drive.envelope.release_estop()
    held = drive(None).action
    np.testing.assert_allclose(held, [0.5, -0.5, 1.0, moved[3]])


def test_releasing_what_is_not_stopped_changes_nothing(drone, drone_limits):
    drive = Driver(drone, drone_limits, HOVER)
    before = drive(np.array([0.6, -0.5, 1.0, 1.0])).action
    drive.envelope.release_estop()
    assert drive.envelope.placed
    np.testing.assert_array_equal(drive.envelope.last, before)


def test_a_joint_is_not_driven_into_its_limit():
    spec = Spec(
        "arm",
        20.0,
        Layout((Field("q", (2,), "joint_position"),)),
        Layout((Field("dq", (2,), "joint_velocity", low=(-2.0, -2.0), high=(2.0, 2.0)),)),
    )
    limits = {
        "command_timeout": 0.2,
        "observation_timeout": 0.2,
        "dq": {"order": "velocity", "acceleration": 4.0},
        "joints": {"position": "q", "low": [-1.0, -1.0], "high": [1.0, 1.0], "velocity": [0.5, 2.0]},
    }
    drive = Driver(spec, limits, {"q": np.array([0.0, 1.0])})
    results = [drive(np.array([1.0, 1.0])) for _ in range(5)]
    np.testing.assert_allclose(results[-1].action, [0.5, 0.0])
    assert results[-1].flags == Safety.JOINT | Safety.BOUND


NOWHERE = {"pose": np.full(7, np.nan)}


def test_a_set_point_is_not_moved_while_its_measurement_is_unreadable_or_old(drone, drone_limits):
    drive = Driver(drone, drone_limits, HOVER)
    before = drive(None).action
    for changes in ({"measured": NOWHERE}, {"measured_stamp": drive.now - 10**9}):
        result = drive(np.array([0.6, -0.5, 1.0, 1.5]), **changes)
        assert result.flags == Safety.STALE_OBSERVATION
        np.testing.assert_array_equal(result.action, before)


def test_a_robot_that_was_moved_is_placed_by_the_first_measurement_since_then(drone, drone_limits):
    drive = Driver(drone, drone_limits, HOVER)
    before = drive(None).action
    elsewhere = {"pose": np.array([-0.5, 0.5, 1.2, 0, 0, 0, 1])}
    drive.envelope.reset(since=drive.now + drive.period)
    for changes in ({"measured": NOWHERE}, {"measured_stamp": drive.now}):
        result = drive(np.array([0.5, -0.5, 1.0, 1.0]), **changes)
        assert result.flags == Safety.STALE_OBSERVATION and not drive.envelope.placed
        np.testing.assert_array_equal(result.action, before)
    result = drive(np.array([0.5, -0.5, 1.0, 1.0]), measured=elsewhere)
    assert drive.envelope.placed and result.flags == Safety.STALE_OBSERVATION
    np.testing.assert_allclose(result.action, [-0.5, 0.5, 1.2, 0.0], atol=1e-12)
    assert drive(np.array([-0.5, 0.5, 1.2, 0.01]), measured=elsewhere).flags == 0


def test_a_command_made_before_the_measurement_that_placed_the_robot_is_too_old(drone, drone_limits):
    drive = Driver(drone, drone_limits, HOVER)
    drive(None)
    for since in (drive.now + 1, 0):  # and a clock that begins anew
        drive.envelope.reset(since=since)
        now = drive.now = max(since - drive.period, 0)
        drive.envelope.place(drive.envelope.seen(now + drive.period, HOVER, now + drive.period))
        assert drive.envelope.placed
        before = drive.envelope.last
        late = drive(np.array([0.6, -0.5, 1.0, 0.0]), command_stamp=now + drive.period - 1)
        assert late.flags == Safety.STALE_COMMAND
        np.testing.assert_array_equal(late.action, before)
        drive.now = now
        assert not drive(np.array([0.6, -0.5, 1.0, 0.0])).flags & REFUSED


def test_before_anything_is_measured_nothing_is_to_be_sent(drone, drone_limits):
    drive = Driver(drone, drone_limits, NOWHERE)
    assert drive(np.array([0.5, -0.5, 1.0, 1.0]), measured=NOWHERE).flags == Safety.STALE_OBSERVATION
    assert not drive.envelope.placed


@pytest.mark.parametrize("x", [42.0, -2.1, 1e300])
def test_what_is_measured_well_outside_its_bounds_places_nothing_and_is_told_once(drone, drone_limits, caplog, x):
    away = {"pose": np.array([x, 0.0, 1.0, 0, 0, 0, 1])}
    drive = Driver(drone, drone_limits, away)
    before = drive.envelope.last
    for _ in range(3):
        result = drive(np.array([0.5, 0.0, 1.0, 0.0]), measured=away)
        assert result.flags == Safety.STALE_OBSERVATION | Safety.BOUND and not drive.envelope.placed
        np.testing.assert_array_equal(result.action[:3], before[:3])
    (told,) = caplog.messages
    assert "the robot holds: 'pose' measures" in told and "position.0, position.1, position.2" in told
    drive(None, measured=HOVER)
    assert drive.envelope.placed
    assert drive(np.array([0.5, -0.5, 1.0, np.pi / 2]), measured=HOVER).flags == 0


def test_what_is_measured_a_hair_outside_its_bounds_begins_at_the_bound(drone, drone_limits):
    # 2 % of the 4 m between the bounds are 0.08 m
    drive = Driver(drone, drone_limits, {"pose": np.array([2.07, -2.07, 1.0, 0, 0, 0, 1])})
    assert drive.envelope.placed
    np.testing.assert_array_equal(drive.envelope.last, [2.0, -2.0, 1.0, 0.0])


def test_an_emergency_stop_outlives_a_reset_where_it_stopped(drone, drone_limits):
    drive = Driver(drone, drone_limits, HOVER)
    drive.envelope.estop()
    stopped = drive(None).action
    elsewhere = {"pose": np.array([0.0, 0.0, 0.5, 0, 0, 0, 1])}
    drive.envelope.reset(elsewhere)
    np.testing.assert_array_equal(drive(None, measured=elsewhere).action, stopped)


def test_an_emergency_stop_does_not_go_back_to_where_it_was_measured_long_ago(drone, drone_limits):
    drive = Driver(drone, drone_limits, HOVER)
    for _ in range(50):
        last = drive(np.array([0.0, 0.0, 1.0, 0.0])).action
    drive.envelope.estop()
    np.testing.assert_array_equal(drive(None, measured_stamp=drive.now - 10**9).action, last)
