"""Where set-points begin: where they are measured, once something else than a command has moved the robot."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from robot_rl.control.bounds import Bounds
from robot_rl.control.circle import Array
from robot_rl.control.measured import Measurement, Seen

SLACK = 0.02
"""How far outside its bounds a set-point may be measured and still begin there, at the bound: a share of its range."""
_log = logging.getLogger(__name__)


class Beginning:
    """Which set-points are not yet known to stand where the robot does.

    Args:
        bounds: of the action.
        measured: the set-points that are measured: where in the action, and by what.
        labels: (A,) names of the action's numbers.
    """

    def __init__(self, bounds: Bounds, measured: Sequence[tuple[slice, Measurement]], labels: Sequence[str]) -> None:
        self._bounds, self._measured, self._labels = bounds, list(measured), labels
        self._placed_at: int | None = None
        """When that was measured [ns] from which the set-points began last."""
        self.anew(0)

    @property
    def placed(self) -> bool:
        """It is known where every set-point that is measured begins."""
        return not self._waiting

    @property
    def astray(self) -> bool:
        """A set-point is measured too far outside its bounds to begin there."""
        return bool(self._astray)

    def anew(self, since: int) -> None:
        """Nothing is known any more; what was measured before `since` [ns] places nothing."""
        self._waiting, self._since, self._placed_at = list(self._measured), since, None
        self._astray: set[int] = set()

    def anew_after(self, stamp: int) -> None:
        """Nothing is known any more; what was measured before `stamp` [ns], or counted before as too old, places
        nothing."""
        self.anew(max(self._since, stamp))

    def place(self, seen: Seen, last: Array) -> Array:
        """The commands (A,) with the set-points that were not known where they are measured now, if they are."""
        waiting = []
        placed_at = [] if self._placed_at is None else [self._placed_at]
        for index, measurement in self._waiting:
            value, stamp = seen.read(measurement), seen.stamp(measurement.field)
            if value is None or stamp is None or stamp < self._since:
                waiting.append((index, measurement))
            elif self._outside(index, value, last):
                waiting.append((index, measurement))
                self._tell_astray(index, measurement.field, value)
            else:
                self._astray.discard(index.start)
                last = self.at(last, index, value)
                placed_at.append(stamp)
        self._waiting = list(self._measured) if self._astray else waiting  # it may be brought back by hand: all anew
        self._placed_at = max(placed_at, default=None)
        return last

    def known(self, seen: Seen) -> bool:
        """Every set-point is placed, and its measurement fresh."""
        return self.placed and all(seen.read(m) is not None for _, m in self._measured)

    def before(self, command_stamp: int) -> bool:
        """A command made then [ns] was made before the set-points were measured where they began last."""
        return self._placed_at is not None and command_stamp < self._placed_at

    def measured(self, seen: Seen, last: Array) -> Array:
        """The commands (A,) with every set-point that is known where it is measured now, clipped to its bounds."""
        for index, measurement in self._measured:
            if (value := seen.read(measurement)) is not None:
                last = self.at(last, index, value)
        return last

    def at(self, values: Array, index: slice, measured: Array) -> Array:
        """`values` (A,) with those at `index` as measured, inside the bounds."""
        out = values.copy()
        out[index] = measured
        return self._bounds.clip(out)

    def _outside(self, index: slice, measured: Array, last: Array) -> bool:
        """Set-points measured there would have to leap to get inside their bounds."""
        low, high, _ = self._bounds
        out = last.copy()
        out[index] = measured
        out = self._bounds.turned(out)
        slack = SLACK * (high - low) + 1e-9
        return bool(((out < low - slack) | (out > high + slack))[index].any())

    def _tell_astray(self, index: slice, field: str, value: Array) -> None:
        """Say once why the robot holds."""
        if index.start in self._astray:
            return
        self._astray.add(index.start)
        _log.warning(
            "the robot holds: '%s' measures %s, and the set-points that begin there (%s) have the bounds %s to %s. "
            "Bring the robot inside by hand, or correct low and high, or the unit of the one or the other",
            field,
            value.tolist(),
            ", ".join(self._labels[index]),
            self._bounds.low[index].tolist(),
            self._bounds.high[index].tolist(),
        )
