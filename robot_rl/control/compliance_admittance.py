"""Compliance for an arm that only takes positions: the measured force moves the pose it is commanded to.

The commanded pose is offset by the motion of a mass on a spring and a damper that the measured force pushes,

    M a + D v + K x = f - f_desired,

(Hogan, "Impedance control", 1985; Maples and Becker, "Experiments in force control of robotic manipulators", 1986),
integrated by backward Euler, v' = (M v + dt (f - K x)) / (M + dt D + dt^2 K), x' = x + dt v', which is stable for any
period as long as M > 0 or D > 0. What can make it unstable is the world: an arm that answers a delay T late turns an
environment of stiffness E into negative damping. With x in closed loop, M s^2 + D s + K + E exp(-T s) has no root on
the imaginary axis where D >= E T, since there D w = E sin(w T) <= E T w would need equality: so D > E T keeps contact
stable whatever M and K are, and less than that is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robot_rl.control import poses
from robot_rl.control.compliance import ComplianceError, six

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Admittance:
    """How the offset of the commanded pose answers a force; x, y, z, then rotations, in the control frame.

    Two numbers stand for three linear and three angular ones.
    """

    mass: tuple[float, ...] = (4.0, 0.1)
    """Virtual [kg, kg m^2]."""
    damping: tuple[float, ...] = (800.0, 12.0)
    """[N s/m, N m s/rad]"""
    stiffness: tuple[float, ...] = (600.0, 20.0)
    """[N/m, N m/rad]; 0 lets the arm be pushed away, or controls the force on that axis."""
    deadband: tuple[float, ...] = (1.0, 0.1)
    """Forces up to this are taken for noise, and larger ones lose as much [N, N m]."""
    reach: tuple[float, ...] = (0.02, 0.1)
    """The offset never exceeds this [m, rad]."""
    speed: tuple[float, ...] = (0.1, 0.5)
    """Nor its rate this [m/s, rad/s]."""
    environment: tuple[float, ...] = (20_000.0, 300.0)
    """The stiffest thing that is touched, in series with the arm's own and the gripper's give [N/m, N m/rad]."""
    delay: float = 0.03
    """From a force to the arm's answer: filter of the sensor, transport and servo lag together [s]."""

    def __post_init__(self) -> None:
        for name in ("mass", "damping", "reach", "speed", "environment"):
            object.__setattr__(self, name, six(name, getattr(self, name)))
        for name in ("stiffness", "deadband"):
            object.__setattr__(self, name, six(name, getattr(self, name), zero=True))
        if not 0.0 < self.delay < 1.0:
            raise ComplianceError(f"delay is {self.delay} s; measure it, it lies between 0 and 1")
        for axis, (d, e) in enumerate(zip(self.damping, self.environment)):
            if d <= e * self.delay:
                raise ComplianceError(
                    f"damping {d:g} on axis {axis} makes contact with a stiffness of {e:g} unstable at a delay of "
                    f"{self.delay:g} s; it must exceed {e * self.delay:g}, or the environment must be softer"
                )


class Step(NamedTuple):
    """One period of the admittance."""

    offset: Array  # (6,) [m, then a rotation vector in rad] in the control frame
    velocity: Array  # (6,) of the offset
    refused: bool
    """The measurement was missing, misshapen or not finite: the offset stayed where it was."""


class AdmittanceFilter:
    """Integrates one `Admittance`. Call `step` in every period of the arm's servo stream (UR5e 500 Hz, xArm 250 Hz).

    Args:
        period: of the calls [s].

    Raises:
        ComplianceError: a period that is no time above 0, or longer than the delay it is a part of.
    """

    def __init__(self, config: Admittance, period: float) -> None:
        if not 0.0 < period <= config.delay:
            raise ComplianceError(f"period is {period} s; it must lie above 0 and within the delay, {config.delay} s")
        self.config, self._dt = config, period
        mass, damping, stiffness = (np.array(v) for v in (config.mass, config.damping, config.stiffness))
        self._mass, self._stiffness = mass, stiffness
        self._inverse = 1.0 / (mass + period * damping + period * period * stiffness)
        self._deadband, self._reach, self._speed = (np.array(v) for v in (config.deadband, config.reach, config.speed))
        self.reset()

    def reset(self) -> None:
        """No offset, at rest."""
        self._offset, self._velocity = np.zeros(6), np.zeros(6)

    def step(self, wrench: ArrayLike | None, desired: ArrayLike | None = None) -> Step:
        """The offset after another period; never raises on what is measured.

        Args:
            wrench: of the surroundings on the tool (6,) [N, N m] in the control frame, weight taken off.
            desired: which of it is wanted (6,), for force control; by default none.
        """
        force = _finite(wrench)
        wanted = np.zeros(6) if desired is None else _finite(desired)
        if force is None or wanted is None:
            self._velocity = np.zeros(6)
            return Step(self._offset.copy(), self._velocity.copy(), True)
        net = force - wanted
        net = np.sign(net) * np.maximum(np.abs(net) - self._deadband, 0.0)
        velocity = (self._mass * self._velocity + self._dt * (net - self._stiffness * self._offset)) * self._inverse
        velocity = np.clip(velocity, -self._speed, self._speed)
        offset = np.clip(self._offset + self._dt * velocity, -self._reach, self._reach)
        # at the end of its reach the mass stands still: it stores no energy that would be let go later
        self._velocity, self._offset = (offset - self._offset) / self._dt, offset
        return Step(offset.copy(), self._velocity.copy(), False)

    def apply(self, pose: ArrayLike, axes: Array | None = None) -> Array:
        """The pose (7,) to send to the arm: the commanded one moved by the present offset.

        Args:
            axes: columns of the control frame (3, 3) in the frame of the pose; by default that frame's own.
        """
        pose = np.asarray(pose, float)
        offset = self._offset if axes is None else (self._offset.reshape(2, 3) @ axes.T).reshape(6)
        return np.concatenate([pose[:3] + offset[:3], poses.multiply(poses.exp(offset[3:]), pose[3:])])


def _finite(value: ArrayLike | None) -> Array | None:
    """Six finite numbers, or None."""
    if value is None:
        return None
    try:
        numbers = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        return None
    return numbers if numbers.shape == (6,) and np.isfinite(numbers).all() else None
