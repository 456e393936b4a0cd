"""The acquisition times of a stream: rate, gaps, jitter, and clocks that jumped (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GAP = 1.5
"""An interval longer than this many usual ones is a gap: at least one sample is missing in it."""
JUMP_PERIODS, JUMP_SECONDS = 5.0, 0.25
"""A hole in every stream at once is a jump of the clock (or a stall) when longer than both."""


@dataclass(frozen=True)
class Timing:
    """The regularity of one stream in one episode."""

    period: float
    """Usual interval, the median [s]; 0 with fewer than two samples."""
    dropped: int
    """Samples missing in gaps: each interval over 1.5 usual ones lacks round(interval / usual) - 1."""
    longest: float
    """Longest interval [s]."""
    jitter: float
    """95 % of the intervals that are no gaps lie within this of the usual one [s]."""
    repeated: int
    """Samples with the stamp of the one before."""
    backwards: tuple[int, ...]
    """Indices of samples stamped before their predecessor."""

    @property
    def rate(self) -> float:
        """Usual rate [Hz]; 0 when unknown."""
        return 1.0 / self.period if self.period > 0 else 0.0


def timing(stamps: NDArray[np.int64]) -> Timing:
    """How regular stamps (N,) [ns] in order of arrival are."""
    intervals = np.diff(stamps) * 1e-9
    rising = intervals[intervals > 0]
    backwards = tuple((np.flatnonzero(intervals < 0) + 1).tolist())
    repeated = int((intervals == 0).sum())
    if not len(rising):
        return Timing(0.0, 0, 0.0, 0.0, repeated, backwards)
    usual = float(np.median(rising))
    gaps = rising[rising > GAP * usual]
    regular = rising[rising <= GAP * usual]
    return Timing(
        period=usual,
        dropped=int((np.round(gaps / usual) - 1).sum()),
        longest=float(rising.max()),
        jitter=float(np.quantile(np.abs(regular - usual), 0.95)),
        repeated=repeated,
        backwards=backwards,
    )


@dataclass(frozen=True)
class Jump:
    """A hole in the time of every stream at once."""

    after: int
    """Last stamp before it [ns]."""
    seconds: float
    """How long it is beyond a usual interval [s]."""


def clock_jumps(steps: NDArray[np.int64], streams: Mapping[str, NDArray[np.int64]]) -> list[Jump]:
    """Moments at which the stamps of the steps and of every stream leap ahead together.

    Sensors do not fail together at one instant: either the clock was set forward, or everything stood still.

    Args:
        steps: (T,) stamps of the steps [ns].
        streams: by name, stamps (N,) [ns]; those with fewer than 3 samples are left out.
    """
    usual = timing(steps).period
    intervals = np.diff(steps) * 1e-9
    found = []
    for i in np.flatnonzero(intervals > max(JUMP_PERIODS * usual, JUMP_SECONDS)):
        before, after = int(steps[i]), int(steps[i + 1])
        if all(_silent(s, before, after) for s in streams.values() if len(s) >= 3):
            found.append(Jump(before, float(intervals[i]) - usual))
    return found


def without_jumps(stamps: NDArray[np.int64], jumps: list[Jump]) -> NDArray[np.int64]:
    """Stamps (N,) [ns] as if the clock had not jumped, so that the holes do not count as dropped samples."""
    out = stamps.copy()
    for jump in jumps:
        out[stamps > jump.after + round(0.5e9 * jump.seconds)] -= round(1e9 * jump.seconds)
    return out


def _silent(stamps: NDArray[np.int64], before: int, after: int) -> bool:
    """Whether a stream has no sample in the middle half of a hole."""
    quarter = (after - before) // 4
    inside = (stamps > before + quarter) & (stamps < after - quarter)
    return not inside.any()
