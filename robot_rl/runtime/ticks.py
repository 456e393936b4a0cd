"""Keeping the beat of a control loop, and measuring how well it is kept."""

from __future__ import annotations

import time
from array import array
from dataclasses import dataclass

import numpy as np

from robot_rl.hardware.clock import Clock


@dataclass(frozen=True)
class TickStatistics:
    """Over the ticks of one episode; times in seconds."""

    ticks: int
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
    caught up in a burst. Remembers 16 bytes a tick.

    Args:
        period: [ns]
    """

    def __init__(self, clock: Clock, period: int) -> None:
        self._clock = clock
        self._period = period
        self._errors = array("d")
        self._computes = array("d")
        self._overruns = 0
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
        if late > self._period:
            self._overruns += 1
            self._deadline += late

    def statistics(self) -> TickStatistics:
        """Over all ticks that have ended."""
        return TickStatistics(
            len(self._errors), *_quantiles(self._errors), *_quantiles(self._computes), overruns=self._overruns
        )


def _quantiles(values: array[float]) -> tuple[float, float]:
    """Median and 99th percentile; 0 of nothing."""
    if not values:
        return 0.0, 0.0
    p50, p99 = np.quantile(np.array(values), (0.5, 0.99))
    return float(p50), float(p99)
