"""The MuJoCo vehicle against mechanics worked by hand."""

from __future__ import annotations

import math

import mujoco
import numpy as np
import pytest

from robot_rl.sim.quadrotor.dynamics import QuadrotorDynamics
from robot_rl.sim.quadrotor.parameters import PARAMETERS, parameters

STEP = 0.002


def vehicle(name="cf2x_l250", thrust=0.0, height=2.0):
    dynamics = QuadrotorDynamics(parameters(name))
    dynamics.reset(np.array([0.0, 0.0, height]), 0.0, thrust, np.array([1.0, 1.0, 1.0]))
    return dynamics


def test_without_motors_it_falls_freely():
    falling = vehicle("cf2x_pybullet")  # the set without drag
    for _ in range(250):
        falling.step(np.zeros(4))
    t, state = 0.5, falling.state
    assert state.velocity[2] == pytest.approx(-9.81 * t, rel=1e-6)
    assert state.position[2] == pytest.approx(2.0 - 0.5 * 9.81 * t * (t + STEP), rel=1e-6)  # semi-implicit Euler
    np.testing.assert_allclose(falling.data.sensordata[3:6], 0.0, atol=1e-9)


def test_drag_bounds_the_fall_as_its_equation_says():
    falling = vehicle()
    p = falling.parameters
    for _ in range(250):
        falling.step(np.zeros(4))
    tau = p.mass / p.drag[2]
    assert falling.state.velocity[2] == pytest.approx(-9.81 * tau * (1 - math.exp(-0.5 / tau)), rel=1e-3)


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_hover_thrust_carries_the_weight(name):
    p = parameters(name)
    hovering = vehicle(name, thrust=p.hover_thrust, height=1.0)
    for _ in range(500):
        hovering.step(np.full(4, p.hover_thrust))
    assert 4 * hovering.thrust[0] == pytest.approx(p.mass * 9.81)
    np.testing.assert_allclose(hovering.state.position, [0.0, 0.0, 1.0], atol=1e-4)
    np.testing.assert_allclose(hovering.data.sensordata[3:6], [0.0, 0.0, 9.81], atol=1e-4)


def test_thrust_follows_a_command_with_the_motors_lag():
    p = parameters("cf2_l2f")  # 0.15 s
    spinning = vehicle("cf2_l2f")
    for _ in range(75):
        spinning.step(np.full(4, 0.1))
    np.testing.assert_allclose(spinning.thrust, 0.1 * (1 - math.exp(-75 * STEP / p.motor_time_constant)), rtol=1e-6)


def test_a_command_above_the_limit_gives_the_largest_thrust():
    spinning = vehicle("cf2x_pybullet")
    spinning.step(np.full(4, 9.9))
    mujoco.mj_forward(spinning.model, spinning.data)
    np.testing.assert_allclose(spinning.data.actuator_force, spinning.parameters.thrust_max, rtol=1e-5)


def test_counter_clockwise_rotors_turn_the_body_clockwise_at_the_rate_of_their_torque():
    p = parameters("cf2x_pybullet")
    turning = vehicle("cf2x_pybullet", thrust=p.hover_thrust)
    more = np.array([0.01, -0.01, 0.01, -0.01])
    for _ in range(50):
        turning.step(p.hover_thrust + more)
    expected = -4 * 0.01 * p.torque_ratio / p.inertia[2] * 50 * STEP
    np.testing.assert_allclose(turning.state.rates, [0.0, 0.0, expected], rtol=1e-4, atol=1e-9)


def test_the_goal_stays_where_it_is_put_and_is_never_touched():
    dynamics = vehicle(height=1.0)
    dynamics.reset(np.array([0.0, 0.0, 1.0]), 0.0, 0.0, np.array([0.0, 0.0, 0.5]))
    for _ in range(1000):
        dynamics.step(np.zeros(4))
    np.testing.assert_allclose(dynamics.goal, [0.0, 0.0, 0.5], atol=1e-9)
    assert dynamics.touching and dynamics.state.position[2] == pytest.approx(0.0125, abs=1e-3)


def test_the_scene_needs_no_files_and_has_both_cameras():
    model = mujoco.MjModel.from_xml_string(vehicle().xml)
    assert {model.camera(i).name for i in range(model.ncam)} == {"front", "chase"}
    data = mujoco.MjData(model)
    data.qpos[:3], data.qpos[3:7] = [0, 0, 1], [math.sqrt(0.5), 0, 0, math.sqrt(0.5)]  # nose to +y
    mujoco.mj_kinematics(model, data)
    mujoco.mj_camlight(model, data)
    np.testing.assert_allclose(-data.cam_xmat[0].reshape(3, 3)[:, 2], [0, 1, 0], atol=1e-9)
