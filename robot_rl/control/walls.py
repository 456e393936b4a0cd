"""How fast a number may move towards the walls of its box, so that it can still stop before them."""

from __future__ import annotations

import numpy as np

from robot_rl.control.limiting import Array, approach_speed
from robot_rl.control.limits import Box, FieldLimits


class Wall:
    """A box around some numbers of the flat action.

    Args:
        box: where their positions must stay.
        limits: of the field that they belong to.
        start: where the field begins in the action.
        reaction: the longest time [s] from one decision to the next.
    """

    def __init__(self, box: Box, limits: FieldLimits, start: int, reaction: float) -> None:
        self.index = slice(start, start + len(box.low))
        self.low, self.high = box.low, box.high
        self.flag = int(box.flag)
        self.measurement = box.measurement
        self.velocity = limits.order == "velocity"
        n = len(box.low)
        self.braking, self.jerk = limits.first[:n], limits.second[:n]
        self.smooth = bool(np.isfinite(self.jerk).any())
        self.reaction = reaction + box.reaction

    def allowed(self, position: Array, last: Array, age: float) -> tuple[Array, Array]:
        """The slowest and fastest velocity (n,), (n,) at `position` measured `age` [s] ago while moving at `last`."""
        return self._corridor(position, last * age, self.reaction)

    def planned(self, position: Array, last: Array, slope: Array, age: float) -> tuple[Array, Array]:
        """As `allowed`, with room to spare for braking that sets in at the jerk limit.

        With an acceleration s and a jerk j it takes s / j to stop accelerating, in which the robot goes
        v s / j + s^3 / (3 j^2) further; and then (braking / j) until it brakes fully.
        """
        ramp = np.abs(slope) / self.jerk
        drift = last * (age + ramp) + slope * ramp * ramp / 3.0
        return self._corridor(position, drift, self.reaction + self.braking / self.jerk)

    def clip(self, values: Array, low: Array, high: Array) -> int:
        """Clip these numbers of `values` (A,) in place; the wall's flag if that changed any, else 0."""
        part = values[self.index]
        clipped = np.minimum(np.maximum(part, low), high)
        if (clipped == part).all():
            return 0
        values[self.index] = clipped
        return self.flag

    def _corridor(self, position: Array, drift: Array, reaction: Array | float) -> tuple[Array, Array]:
        below = position + np.minimum(drift, 0.0) - self.low
        above = self.high - position - np.maximum(drift, 0.0)
        return -approach_speed(below, self.braking, reaction), approach_speed(above, self.braking, reaction)
