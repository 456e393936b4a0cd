"""Keeping the beat of a control loop, and measuring how well it is kept."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from robot_rl.hardware.clock import Clock


@dataclass(frozen=True)
class TickStatistics:
    """Over the ticks that a pacer remembers; times in seconds."""

    ticks: int
    """All that there were."""
    error_p50: float
    """How late a tick began."""
    error_p99: float
    compute_p50: float
    """How long everything but waiting took."""
    compute_p99: float
    overruns: int
    """Ticks that began more than a period late."""


class Pacer:
    """Waits for absolute deadlines a period apart, so that a late tick does not delay those after it.

    A tick that is late by more than a period is counted, and the deadlines go on from there: nothing is
    caught up in a burst.

    Args:
        period: [ns]
        remember: `statistics` looks at so many of the newest ticks; by default at all.
    """

    def __init__(self, clock: Clock, period: int, remember: int | None = None) -> None:
        self._clock = clock
        self._period = period
        self._errors: deque[float] = deque(maxlen=remember)
        self._computes: deque[float] = deque(maxlen=remember)
        self._ticks = self._overruns = 0
        self.start()

    def start(self) -> None:
        """The first tick begins now."""
        self._deadline = self._clock.now()
        self._woke = time.perf_counter()

    def wait(self) -> None:
        """The work of this tick is done: return when the next one begins."""
        self._computes.append(time.perf_counter() - self._woke)
        self._deadline += self._period
        self._clock.sleep_until(self._deadline)
        self._woke = time.perf_counter()
        late = self._clock.now() - self._deadline
        self._errors.append(late * 1e-9)
        self._ticks += 1
        if late > self._period:
            self._overruns += 1
            self._deadline += late

    def statistics(self) -> TickStatistics:
        """Over the ticks that have ended. May be called from another thread than `wait`."""
        errors, computes = self._errors.copy(), self._computes.copy()  # at once: `wait` goes on adding to them
        return TickStatistics(self._ticks, *_quantiles(errors), *_quantiles(computes), overruns=self._overruns)


def _quantiles(values: Iterable[float]) -> tuple[float, float]:
    """Median and 99th percentile; 0 of nothing."""
    known = np.fromiter(values, np.float64)
    if not known.size:
        return 0.0, 0.0
    p50, p99 = np.quantile(known, (0.5, 0.99))
    return float(p50), float(p99)
