"""The on-board flight controller: setpoints in, four motor thrusts out, one call every 2 ms.

A cascade in five stages, each a method or a pure function:

1. reference: velocity or position setpoints drive a reference (position, velocity, acceleration) with
   bounded speed and acceleration and with the vehicle's own lag from asked to flown acceleration, so a step
   becomes a motion that the vehicle can follow;
2. position: acceleration command = reference acceleration + PID on the error to the reference;
3. attitude: the thrust vector gives the collective thrust and the wanted rotation, whose error on SO(3)
   is that of Lee, Leok & McClamroch, Geometric Tracking Control of a Quadrotor UAV on SE(3) (CDC 2010);
4. rate: attitude error -> body rate -> body torque;
5. motors: the known first-order lag is partly inverted, then `mixer.mix` shares the wrench out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robot_rl.sim.quadrotor.mixer import allocation, mix
from robot_rl.sim.quadrotor.parameters import GRAVITY, QuadrotorParameters

Array = NDArray[np.float64]


@dataclass(frozen=True)
class VehicleState:
    """What the controller knows of the vehicle."""

    position: Array  # (3,) world [m]
    velocity: Array  # (3,) world [m/s]
    rotation: Array  # (3, 3) body to world
    rates: Array  # (3,) body [rad/s]

    @property
    def yaw(self) -> float:
        """Heading of body x in the world [rad]."""
        return math.atan2(self.rotation[1, 0], self.rotation[0, 0])


@dataclass(frozen=True)
class Gains:
    """Tuned on `cf2x_l250`; normalised by mass and inertia, so they carry over to the other sets."""

    position: tuple[float, float, float] = (8.0, 8.0, 12.0)
    """[1/s^2]"""
    velocity: tuple[float, float, float] = (4.5, 4.5, 7.0)
    """[1/s]"""
    integral: tuple[float, float, float] = (2.0, 2.0, 4.0)
    """[1/s^3]"""
    integral_limit: float = 1.5
    """Largest acceleration the integral may ask for [m/s^2]."""
    attitude: tuple[float, float, float] = (9.0, 9.0, 2.0)
    """Attitude error to body rate [1/s]."""
    rate: tuple[float, float, float] = (28.0, 28.0, 8.0)
    """Body rate error to angular acceleration [1/s]."""
    motor_time_constant: float = 0.015
    """What the lag of the motors is brought down to by leading their command [s]."""
    lag: tuple[float, float, float] = (0.13, 0.13, 0.02)
    """From asked to flown acceleration [s]: attitude for x and y, motors for z."""
    approach: float = 1.2
    """Distance to a position setpoint to reference velocity [1/s]."""
    follow: float = 3.5
    """How fast the reference velocity follows [1/s]."""
    speed: float = 1.5
    """Largest horizontal reference speed [m/s]."""
    climb: float = 1.0
    """Largest vertical reference speed [m/s]."""
    acceleration: float = 3.0
    """Largest reference acceleration, horizontal and vertical [m/s^2]."""
    tilt: float = 0.6
    """Largest tilt asked for [rad]."""
    leash: float = 0.3
    """How far the reference may run ahead of the vehicle [m]."""
    yaw_rate: float = 2.0
    """Largest reference yaw rate [rad/s]."""
    yaw_leash: float = 0.5
    """How far the reference yaw may run ahead [rad]."""


class FlightController:
    """The cascade with its memory: reference, integral and a model of the motors' thrust."""

    def __init__(self, p: QuadrotorParameters, dt: float, gains: Gains | None = None) -> None:
        """`dt` is the period [s] at which one of `velocity`, `position` or `idle` is called."""
        self._p, self._dt, self._g = p, dt, gains or Gains()
        g = self._g
        self._kp, self._kv, self._ki = np.array(g.position), np.array(g.velocity), np.array(g.integral)
        self._catch_up = -np.expm1(-dt / np.array(g.lag))
        self._attitude, self._rate = np.array(g.attitude), np.array(g.rate)
        self._inertia = np.array(p.inertia)
        self._allocation = allocation(p)
        self._inverse = np.asarray(np.linalg.inv(self._allocation), np.float64)
        self._lead = max(p.motor_time_constant / g.motor_time_constant, 1.0)
        self._response = -math.expm1(-dt / p.motor_time_constant) if p.motor_time_constant > 0 else 1.0
        self._vertical = (-0.5 * GRAVITY, (0.95 * p.thrust_to_weight - 1.0) * GRAVITY)
        self._motors = np.zeros(4)
        self._restart(np.zeros(3), np.zeros(3), 0.0)

    def reset(self, state: VehicleState, thrusts: Array) -> None:
        """Begin at `state` with the motors giving `thrusts` (4,) [N]; what was asked before is forgotten."""
        self._motors = thrusts.copy()
        self._restart(state.position, state.velocity, state.yaw)

    def velocity(self, state: VehicleState, velocity: Array, yaw_rate: float) -> Array:
        """Thrust commands (4,) [N] that follow a velocity (3,) in the world [m/s] and a yaw rate [rad/s].

        At zero velocity the place where the reference came to rest is held, so the vehicle does not drift.
        """
        self._advance(state, velocity)
        self._turn(state, yaw_rate)
        return self._thrusts(state)

    def position(self, state: VehicleState, position: Array, yaw: float) -> Array:
        """Thrust commands (4,) [N] that go to and hold a position (3,) in the world [m] and a yaw [rad]."""
        self._advance(state, self._g.approach * (position - self._p_ref))
        self._turn(state, 4.0 * wrap(yaw - self._yaw_ref))
        return self._thrusts(state)

    def idle(self, state: VehicleState) -> Array:
        """Motors off; the reference stays with the vehicle, so that flight begins from where it is."""
        self._restart(state.position, np.zeros(3), state.yaw)
        return self._spin(np.zeros(4))

    def _restart(self, position: Array, velocity: Array, yaw: float) -> None:
        self._p_ref, self._v_ref, self._a_ref = position.copy(), velocity.copy(), np.zeros(3)
        self._a_flown = np.zeros(3)
        self._integral = np.zeros(3)
        self._yaw_ref, self._yaw_rate_ref = yaw, 0.0

    def _advance(self, state: VehicleState, wanted: Array) -> None:
        """Stage 1: move the reference towards the `wanted` velocity (3,) for one period."""
        g, dt = self._g, self._dt
        wanted = limit(wanted, g.speed, g.climb)
        self._a_ref = limit(g.follow * (wanted - self._v_ref), g.acceleration, g.acceleration)
        self._a_flown = self._a_flown + self._catch_up * (self._a_ref - self._a_flown)
        self._v_ref = self._v_ref + dt * self._a_flown
        ahead = self._p_ref + dt * self._v_ref - state.position
        self._p_ref = state.position + limit(ahead, g.leash, g.leash)

    def _turn(self, state: VehicleState, rate: float) -> None:
        self._yaw_rate_ref = min(max(rate, -self._g.yaw_rate), self._g.yaw_rate)
        ahead = wrap(self._yaw_ref + self._dt * self._yaw_rate_ref - state.yaw)
        self._yaw_ref = wrap(state.yaw + min(max(ahead, -self._g.yaw_leash), self._g.yaw_leash))

    def _thrusts(self, state: VehicleState) -> Array:
        force = self._acceleration(state)
        force[2] += GRAVITY
        wanted = attitude(force, self._yaw_ref)
        rates = -self._attitude * attitude_error(state.rotation, wanted) + self._yaw_rate_ref * state.rotation[2]
        inertia = self._inertia
        torque = inertia * self._rate * (rates - state.rates) + cross(state.rates, inertia * state.rates)
        collective = self._p.mass * float(force @ state.rotation[:, 2])
        return self._command(np.array([collective, *torque]))

    def _acceleration(self, state: VehicleState) -> Array:
        """Stage 2: the acceleration (3,) in the world [m/s^2], within what thrust and tilt allow."""
        g = self._g
        error = self._p_ref - state.position
        integral = self._integral + self._dt * self._ki * error
        self._integral = np.minimum(np.maximum(integral, -g.integral_limit), g.integral_limit)
        wanted = self._a_ref + self._kp * error + self._kv * (self._v_ref - state.velocity) + self._integral
        up = min(max(float(wanted[2]), self._vertical[0]), self._vertical[1])
        sideways = math.tan(g.tilt) * (GRAVITY + up)
        limited = limit(wanted, sideways, math.inf)
        limited[2] = up
        return limited

    def _command(self, wrench: Array) -> Array:
        """Stage 5: motor commands (4,) [N] for a wrench (4,), leading it to make up for the motors' lag."""
        present = self._allocation @ self._motors
        led = present + self._lead * (wrench - present)
        return self._spin(mix(led, self._inverse, self._p.thrust_min, self._p.thrust_max))

    def _spin(self, commands: Array) -> Array:
        """Keep account of the thrust the motors will have reached by the next call."""
        self._motors = self._motors + self._response * (commands - self._motors)
        return commands


def attitude(force: Array, yaw: float) -> Array:
    """The rotation (3, 3) whose z axis lies along `force` (3,) and whose x axis points towards `yaw` [rad].

    `force` must point upwards (positive z), as it does below the tilt limit.
    """
    z1, z2, z3 = _unit(*force.tolist())
    c, s = math.cos(yaw), math.sin(yaw)
    y1, y2, y3 = _unit(-z3 * s, z3 * c, z1 * s - z2 * c)  # z x (c, s, 0)
    x1, x2, x3 = y2 * z3 - y3 * z2, y3 * z1 - y1 * z3, y1 * z2 - y2 * z1
    return np.array([[x1, y1, z1], [x2, y2, z2], [x3, y3, z3]])


def attitude_error(rotation: Array, wanted: Array) -> Array:
    """Lee et al. (2010), eq. 10: half the vee of (Rd^T R - R^T Rd), (3,) in the body frame.

    For a small rotation away from `wanted` it is that rotation's vector [rad].
    """
    (_, m01, m02), (m10, _, m12), (m20, m21, _) = (wanted.T @ rotation).tolist()
    return np.array([0.5 * (m21 - m12), 0.5 * (m02 - m20), 0.5 * (m10 - m01)])


def limit(vector: Array, horizontal: float, vertical: float) -> Array:
    """A copy of `vector` (3,) with the length of x y at most `horizontal` and |z| at most `vertical`."""
    x, y, z = vector.tolist()
    length = math.hypot(x, y)
    scale = horizontal / length if length > horizontal else 1.0
    return np.array([x * scale, y * scale, min(max(z, -vertical), vertical)])


def _unit(x: float, y: float, z: float) -> tuple[float, float, float]:
    length = math.sqrt(x * x + y * y + z * z)
    return x / length, y / length, z / length


def cross(a: Array, b: Array) -> Array:
    """The cross product of two vectors (3,); several times quicker than numpy.cross at this size."""
    ax, ay, az = a.tolist()
    bx, by, bz = b.tolist()
    return np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])


def wrap(angle: float) -> float:
    """The same angle in [-pi, pi] [rad]."""
    return math.remainder(angle, 2.0 * math.pi)
