"""The flight controller's parts against values worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.sim.quadrotor import controller
from robot_rl.sim.quadrotor.controller import FlightController, VehicleState
from robot_rl.sim.quadrotor.mixer import allocation, mix
from robot_rl.sim.quadrotor.parameters import PARAMETERS, parameters

CF = parameters("cf2x_l250")
INVERSE = np.linalg.inv(allocation(CF))
LEVER, RATIO = 0.03253, 1.4593e-12 / 2.4583e-10


def at_rest(position=(0.0, 0.0, 1.0), rotation=None, rates=(0.0, 0.0, 0.0)):
    return VehicleState(
        np.array(position), np.zeros(3), np.eye(3) if rotation is None else rotation, np.array(rates, float)
    )


def test_hover_thrust_is_a_quarter_of_the_weight():
    assert CF.hover_thrust == pytest.approx(0.0328 * 9.81 / 4)
    assert parameters("cf2x_pybullet").thrust_to_weight == pytest.approx(2.25)


def test_an_unknown_vehicle_is_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match="Did you mean 'cf2x_l250'"):
        parameters("cf2x_l25")


def test_every_parameter_set_can_carry_itself():
    assert all(p.thrust_min < p.hover_thrust < p.thrust_max for p in PARAMETERS.values())


def test_thrust_of_one_motor_gives_the_torques_of_its_place_and_turning_sense():
    front_right = allocation(CF) @ [0.1, 0.0, 0.0, 0.0]
    # right of the centre: rolls left side up (negative x); in front: nose up (negative y); turns clockwise
    np.testing.assert_allclose(front_right, [0.1, -0.1 * LEVER, -0.1 * LEVER, -0.1 * RATIO])


@pytest.mark.parametrize(
    ("torque", "shares"),
    [
        ((1e-4, 0.0, 0.0), np.array([-1, -1, 1, 1]) * 1e-4 / (4 * LEVER)),
        ((0.0, 1e-4, 0.0), np.array([-1, 1, 1, -1]) * 1e-4 / (4 * LEVER)),
        ((0.0, 0.0, 1e-5), np.array([-1, 1, -1, 1]) * 1e-5 / (4 * RATIO)),
    ],
)
def test_mixing_shares_a_small_torque_out_over_hover_thrust(torque, shares):
    thrusts = mix(np.array([4 * 0.08, *torque]), INVERSE, 0.0, 0.12)
    np.testing.assert_allclose(thrusts, 0.08 + shares, atol=1e-12)


def test_saturated_motors_give_up_thrust_before_roll():
    roll = 0.02 * 4 * LEVER  # needs +-0.02 N on every motor
    thrusts = mix(np.array([4 * 0.115, roll, 0.0, 0.0]), INVERSE, 0.0, 0.12)
    np.testing.assert_allclose(thrusts, [0.08, 0.08, 0.12, 0.12], atol=1e-12)


def test_saturated_motors_give_up_yaw_before_thrust():
    yaw = 0.02 * 4 * RATIO  # needs +-0.02 N; only 0.01 N is left above
    thrusts = mix(np.array([4 * 0.11, 0.0, 0.0, yaw]), INVERSE, 0.0, 0.12)
    np.testing.assert_allclose(thrusts, [0.10, 0.12, 0.10, 0.12], atol=1e-12)


wrenches = st.tuples(*(st.floats(-s, s) for s in (2.0, 0.02, 0.02, 0.01)))


@given(wrenches)
def test_no_wrench_drives_a_motor_out_of_its_range_and_the_tilt_keeps_its_direction(wrench):
    thrusts = mix(np.array(wrench), INVERSE, CF.thrust_min, CF.thrust_max)
    assert (thrusts >= CF.thrust_min).all() and (thrusts <= CF.thrust_max).all()
    _, roll, pitch, _ = allocation(CF) @ thrusts
    asked = np.array(wrench[1:3])
    largest = (CF.thrust_max - CF.thrust_min) * 2 * LEVER  # |roll| + |pitch| the motors can give
    scale = min(1.0, largest / max(np.abs(asked).sum(), 1e-30))
    np.testing.assert_allclose([roll, pitch], asked * scale, atol=1e-12)


def test_the_attitude_puts_z_along_the_force_and_x_towards_the_yaw():
    np.testing.assert_allclose(
        controller.attitude(np.array([0.0, 0.0, 9.81]), math.pi / 2), [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-12
    )
    leaning = controller.attitude(np.array([1.0, 0.0, 1.0]), 0.0)  # 45 degrees nose down
    half = math.sqrt(0.5)
    np.testing.assert_allclose(leaning, [[half, 0, half], [0, 1, 0], [-half, 0, half]], atol=1e-12)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_attitude_error_is_the_sine_of_a_turn_about_one_axis(axis):
    angle = 0.3
    i, j = (axis + 1) % 3, (axis + 2) % 3
    turned = np.eye(3)
    turned[[i, j], [i, j]] = math.cos(angle)
    turned[i, j], turned[j, i] = -math.sin(angle), math.sin(angle)
    expected = np.zeros(3)
    expected[axis] = math.sin(angle)
    np.testing.assert_allclose(controller.attitude_error(turned, np.eye(3)), expected, atol=1e-12)


def test_limiting_keeps_the_horizontal_direction():
    np.testing.assert_allclose(controller.limit(np.array([3.0, 4.0, -9.0]), 1.0, 2.0), [0.6, 0.8, -2.0])


def test_yaw_wraps_to_within_half_a_turn():
    assert controller.wrap(3 * math.pi / 2) == pytest.approx(-math.pi / 2)
    assert controller.wrap(-2 * math.pi + 0.1) == pytest.approx(0.1)


def make_controller():
    made = FlightController(CF, 0.002)
    made.reset(at_rest(), np.full(4, CF.hover_thrust))
    return made


def test_at_rest_and_asked_to_stay_it_commands_hover_thrust():
    np.testing.assert_allclose(make_controller().velocity(at_rest(), np.zeros(3), 0.0), CF.hover_thrust, rtol=1e-9)
    np.testing.assert_allclose(
        make_controller().position(at_rest(), np.array([0.0, 0.0, 1.0]), 0.0), CF.hover_thrust, rtol=1e-9
    )


def test_a_roll_to_the_right_is_answered_by_the_right_motors():
    angle = 0.1  # about +x: left side up, so it leans right
    c, s = math.cos(angle), math.sin(angle)
    leaning = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    thrusts = make_controller().velocity(at_rest(rotation=leaning), np.zeros(3), 0.0)
    assert thrusts[0] > thrusts[3] and thrusts[1] > thrusts[2]
    # torque = -inertia * rate gain * attitude gain * sin(angle), led by the motor lag over what it is brought to
    lead = CF.motor_time_constant / 0.015
    torque = -CF.inertia[0] * 28.0 * 9.0 * s * lead
    np.testing.assert_allclose((allocation(CF) @ thrusts)[1], torque, rtol=1e-6)


def test_a_place_ahead_is_approached_nose_down_and_a_place_above_with_more_thrust():
    ahead = make_controller()
    for _ in range(20):
        thrusts = ahead.position(at_rest(), np.array([1.0, 0.0, 1.0]), 0.0)
    assert (allocation(CF) @ thrusts)[2] > 0
    above = make_controller().position(at_rest(), np.array([0.0, 0.0, 1.5]), 0.0)
    assert above.sum() > 4 * CF.hover_thrust


def test_idle_motors_are_off_and_flight_begins_where_the_vehicle_is():
    flight = make_controller()
    moved = at_rest(position=(1.0, 2.0, 0.5))
    for _ in range(2000):
        assert not flight.idle(moved).any()
    thrusts = flight.velocity(moved, np.zeros(3), 0.0)
    torques = (allocation(CF) @ thrusts)[1:]
    np.testing.assert_allclose(torques, 0.0, atol=1e-12)
