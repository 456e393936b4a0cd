"""How many pictures a second are looked at: false successes are counted per picture (pure)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

JITTER = 0.25
"""A picture may come so much of a period early and still be the next one."""


class Pace:
    """Of pictures that come faster than `rate`, lets about so many through; of slower ones all.

    Args:
        rate: [Hz]; 0 lets all through.
    """

    def __init__(self, rate: float) -> None:
        self._period = 1e9 / rate if rate > 0 else 0.0
        self._due: float | None = None

    def reset(self) -> None:
        """The next picture is the first."""
        self._due = None

    def takes(self, stamp: int) -> bool:
        """Whether the picture of `stamp` [ns] is let through; they come in order."""
        period, due = self._period, self._due
        if due is None or stamp > due + period:
            self._due = stamp + period
            return True
        if stamp < due - JITTER * period:
            return False
        self._due = max(due + period, stamp + period / 2)
        return True


def thinned(stamps: NDArray[np.int64], rate: float) -> NDArray[np.int64]:
    """Indices of the pictures, by their stamps (M,) [ns] in order, that `Pace` lets through."""
    pace = Pace(rate)
    return np.flatnonzero([pace.takes(s) for s in stamps.tolist()])


def measured_rate(stamps: Sequence[NDArray[np.int64]]) -> float:
    """Pictures a second [Hz], by the median time between neighbours of each episode (M,) [ns]; 0 without any two."""
    between = np.concatenate([np.diff(s) for s in stamps]) if stamps else np.empty(0)
    return 1e9 / float(np.median(between)) if len(between) else 0.0
