"""The bounds of an action's numbers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot_rl.control import circle
from robot_rl.control.circle import Array


class Bounds(NamedTuple):
    """From `low` to `high` (A,); those that are `circular` (A,) also where they are a turn away."""

    low: Array
    high: Array
    circular: NDArray[np.bool_]

    def turned(self, values: Array) -> Array:
        """`values` (A,), those on a circle within their bounds where a whole turn brings them there."""
        return circle.inside(values, self.low, self.high, self.circular)

    def clip(self, values: Array) -> Array:
        """`values` (A,) or the nearest inside."""
        return np.minimum(np.maximum(self.turned(values), self.low), self.high)
