"""The contract of a compliant arm: a target that leads the measured pose by a bounded distance on each axis.

A spring of stiffness K draws the arm from where it is to a target. If the target may lead the arm by at most l on an
axis, the static force on that axis cannot exceed K l, whatever the commands were: a policy that pushes on does not
wind the spring up. HIL-SERL clips in its real-time loop in this way (Luo et al., "Precise and dexterous robotic
manipulation via human-in-the-loop reinforcement learning", 2024). Every compliant driver keeps this contract;
hardware/README.md says who runs which loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robot_rl.control import poses

Array = NDArray[np.float64]


class ComplianceError(ValueError):
    """A gain, a limit or a period that does not make a safe compliant arm; the message names it and its value."""


def limit_lead(reference: Sequence[float], measured: Sequence[float], most: Sequence[float]) -> tuple[float, ...]:
    """The reference, each number drawn towards `measured` until it leads by no more than `most` of it.

    Plain numbers, so that a loop of a kilohertz can afford it. All three have the same length; finite numbers only.
    """
    return tuple(max(m - b, min(m + b, r)) for r, m, b in zip(reference, measured, most, strict=True))


def limit_displacement(displacement: Array, most: Sequence[float], axes: Array | None = None) -> Array:
    """A displacement (6,) [m, then a rotation vector in rad], each axis clipped to +- `most` (6,).

    Args:
        axes: rotation matrix (3, 3) whose columns are the axes that are clipped along, such as the tool's, in the
            frame of `displacement`; by default that frame's own.
    """
    zero = (0.0,) * 6
    if axes is None:
        return np.array(limit_lead(displacement.tolist(), zero, most))
    local = (displacement.reshape(2, 3) @ axes).reshape(6)
    return (np.array(limit_lead(local.tolist(), zero, most)).reshape(2, 3) @ axes.T).reshape(6)


def limit_pose_lead(target: ArrayLike, measured: ArrayLike, most: Sequence[float], axes: Array | None = None) -> Array:
    """The target pose (7,), drawn towards the measured pose (7,) until it leads by at most `most` (6,) on each axis.

    The lead is `poses.error`: a difference of positions [m] and the rotation vector from the measured to the target's
    rotation [rad], in the frame of the poses, or along the columns of `axes` (3, 3) in that frame.

    Raises:
        ComplianceError: a pose is not finite, or its quaternion not of length 1; nothing that follows it is a target.
    """
    target, measured = np.asarray(target, float), np.asarray(measured, float)
    for name, pose in (("target", target), ("measured pose", measured)):
        if not (np.isfinite(pose).all() and poses.is_rotation(pose[3:])):
            raise ComplianceError(f"{name} {pose.tolist()} must be finite, with a quaternion x y z w of length 1")
    lead = limit_displacement(poses.error(measured, target), most, axes)
    turned = poses.multiply(poses.exp(lead[3:]), measured[3:])
    return np.concatenate([measured[:3] + lead[:3], turned])


@dataclass(frozen=True)
class Impedance:
    """Spring and damper from a target pose to the arm, and how far the target may lead; x, y, z, then rotations."""

    stiffness: tuple[float, ...] = (2000.0, 2000.0, 2000.0, 150.0, 150.0, 150.0)
    """[N/m, N m/rad]"""
    damping: tuple[float, ...] = (89.0, 89.0, 89.0, 7.0, 7.0, 7.0)
    """[N s/m, N m s/rad]"""
    lead: tuple[float, ...] = (0.005, 0.005, 0.005, 0.02, 0.02, 0.02)
    """The target leads the measured pose by at most this [m, rad]."""

    def __post_init__(self) -> None:
        for name in ("stiffness", "damping", "lead"):
            object.__setattr__(self, name, six(name, getattr(self, name)))

    @property
    def force_limit(self) -> Array:
        """The largest static wrench (6,) [N, N m] that any sequence of commands can ask for: stiffness times lead."""
        return np.array(self.stiffness) * np.array(self.lead)

    def target(self, wanted: ArrayLike, measured: ArrayLike, axes: Array | None = None) -> Array:
        """What the spring is attached to: the wanted pose (7,) within its lead of the measured one (7,)."""
        return limit_pose_lead(wanted, measured, self.lead, axes)

    def wrench(self, target: ArrayLike, measured: ArrayLike, velocity: ArrayLike, axes: Array | None = None) -> Array:
        """K (target - measured) - D velocity: the wrench (6,) [N, N m] that a torque-controlled arm applies.

        Args:
            velocity: measured twist (6,) [m/s, rad/s].
            axes: the columns along which stiffness and damping count (3, 3); by default the frame's own.
        """
        error, velocity = poses.error(measured, target), np.asarray(velocity, float)
        axes = np.eye(3) if axes is None else axes
        local, speed = (error.reshape(2, 3) @ axes).reshape(6), (velocity.reshape(2, 3) @ axes).reshape(6)
        force = np.array(self.stiffness) * local - np.array(self.damping) * speed
        return (force.reshape(2, 3) @ axes.T).reshape(6)


def six(name: str, value: Any, *, zero: bool = False) -> tuple[float, ...]:
    """Six finite numbers above 0 (or, with `zero`, not below); two numbers stand for three linear and three angular."""
    try:
        numbers = [float(v) for v in value]
    except (TypeError, ValueError):
        raise ComplianceError(f"{name} is {value!r}; two or six numbers are needed") from None
    if len(numbers) == 2:
        numbers = [numbers[0]] * 3 + [numbers[1]] * 3
    fits = all(np.isfinite(n) and (n > 0.0 or (zero and n == 0.0)) for n in numbers)
    if len(numbers) != 6 or not fits:
        least = "0 or more" if zero else "above 0"
        raise ComplianceError(f"{name} is {value!r}; two (linear, angular) or six finite numbers {least} are needed")
    return tuple(numbers)
