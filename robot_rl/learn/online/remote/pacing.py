"""Simulated robots in real time, so that a learner elsewhere has the time that it would have beside a real one."""

from __future__ import annotations

import time
from typing import Any


class PacedClock:
    """A simulation's clock that also waits; deadlines are absolute, and a late step delays none after it.

    Args:
        clock: of the simulation.
        speed: seconds of simulated time in one of real time; 0 waits for nothing.
    """

    def __init__(self, clock: Any, speed: float) -> None:
        self._clock, self.speed = clock, speed
        self._start: tuple[float, int] | None = None

    def now(self) -> int:
        """The present simulated stamp [ns]."""
        return int(self._clock.now())

    def sleep_until(self, stamp: int) -> None:
        """Step until `stamp`, and wait until that much real time has passed."""
        before = self.now()
        self._clock.sleep_until(stamp)
        if self.speed <= 0:
            self._start = None
            return
        if self._start is None:
            self._start = (time.monotonic(), before)
        due = self._start[0] + (stamp - self._start[1]) * 1e-9 / self.speed
        wait = due - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        else:
            self._start = (time.monotonic(), stamp)

    def skip(self) -> None:
        """Let one period pass without physics, and begin to wait anew."""
        self._clock.skip()
        self._start = None
