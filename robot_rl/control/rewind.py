"""Going back along a path of poses that were driven before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robot_rl.control import poses

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RewindSpeed:
    """How fast a path is driven back."""

    linear: float
    """[m/s]"""
    angular: float
    """[rad/s]; 0 leaves the rotation alone."""
    period: float
    """Control period [s]: how long each twist is held."""
    lag: float = 0.0
    """How long the robot takes to follow its command [s]: a point passed by in that time counts as reached."""

    @property
    def reach(self) -> float:
        """The motion of this time [s] away counts as there."""
        return self.period + self.lag


def near(a: Array, b: Array, speed: RewindSpeed) -> bool:
    """Whether pose b lies within the reach of one motion from pose a, so that it counts as reached."""
    if float(np.linalg.norm(b[:3] - a[:3])) > speed.linear * speed.reach:
        return False
    return speed.angular == 0.0 or float(poses.angle(a[3:], b[3:])) <= speed.angular * speed.reach


def twist_towards(pose: Array, target: Array, speed: RewindSpeed) -> Array:
    """The twist (6,) in the fixed frame that drives from one pose to the next of a path.

    At the full speed while the target is more than a period's motion away, else such that half the
    rest is covered in a period. The rotation is brought along at most as fast as `speed.angular`.
    """
    error = poses.error(pose, target)
    linear = _limited(error[:3], speed.linear, speed.period)
    angular = _limited(error[3:], speed.angular, speed.period) if speed.angular else np.zeros(3)
    return np.concatenate([linear, angular])


def _limited(error: Array, speed: float, period: float) -> Array:
    """The velocity (3,) along `error` (3,)."""
    distance = float(np.linalg.norm(error))
    if distance > speed * period:
        return error * (speed / distance)
    return error / (2.0 * period)
