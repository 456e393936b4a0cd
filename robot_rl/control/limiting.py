"""How fast a number may change: the three limiting laws of the safety envelope."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


_TINY = 1e-12
"""Stands for a dt of 0 [s], so that an unlimited slope times no time is not undefined."""


_FAR = 1e12
"""Distances beyond this are as good as infinite; the cap keeps their square finite."""


def approach_speed(distance: Array, deceleration: Array, reaction: Any) -> Array:
    """The largest speed (n,) from which one can still stop within `distance` (n,).

    With a reaction time r and a deceleration a, stopping from v takes v r + v^2 / (2 a); solved for v
    in the form that stays exact as the distance goes to 0. A command held for at most r between two
    decisions, each of which lowers v by a times the time passed, stops within the distance: lowering v
    by a dt changes v^2 / (2 a) + v r by no less than v dt where r >= dt / 2, and the last partial step,
    v < a dt, needs r >= dt. A distance below 0 gives 0.
    """
    d = np.minimum(np.maximum(distance, 0.0), _FAR)
    return np.asarray(2.0 * d / (reaction + np.sqrt(reaction * reaction + 2.0 * d / deceleration)))


def slew(target: Array, last: Array, first: Array, dt: float) -> Array:
    """`target` (n,) moved to within `first` (n,) [per s] times dt [s] of `last` (n,)."""
    step = first * dt
    return np.minimum(np.maximum(target, last - step), last + step)


def smooth_slew(
    target: Array, last: Array, slope: Array, first: Array, second: Array, dt: float, longest: float
) -> Array:
    """As `slew`, and the slope (n,) [per s] changes by at most `second` (n,) [per s^2] times dt.

    The slope is kept to what can be brought to 0 by the time the target is reached, so that a target
    inside bounds is approached without passing them.

    Args:
        slope: (target - last) / dt of the step before.
        longest: the longest dt [s] that any later step may have.
    """
    distance = target - last
    wanted = np.sign(distance) * np.minimum(approach_speed(np.abs(distance), second, longest), first)
    change = second * max(dt, _TINY)
    return last + np.minimum(np.maximum(wanted, slope - change), slope + change) * dt
