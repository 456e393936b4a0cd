"""Time: stamps in integer nanoseconds, and waiting until one."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Now, and sleeping until then."""

    def now(self) -> int:
        """The present stamp [ns]."""
        ...

    def sleep_until(self, stamp: int) -> None:
        """Return once `now() >= stamp`. On a simulated clock this steps the physics."""
        ...


class SystemClock:
    """The computer's clock: stamps are Unix time, waiting is monotonic, so a step of the wall clock
    (NTP) changes neither the loop's period nor the order of the stamps."""

    def __init__(self) -> None:
        self._offset = time.time_ns() - time.monotonic_ns()

    def now(self) -> int:
        return time.monotonic_ns() + self._offset

    def sleep_until(self, stamp: int) -> None:
        remaining = stamp - self.now()
        if remaining > 0:
            time.sleep(remaining * 1e-9)


class ManualClock:
    """A clock that jumps where it is told: for simulations and tests."""

    def __init__(self, start: int = 0) -> None:
        self._now = start

    def now(self) -> int:
        return self._now

    def sleep_until(self, stamp: int) -> None:
        self._now = max(self._now, stamp)
