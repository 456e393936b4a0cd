"""Time: stamps in integer nanoseconds, and waiting until one."""

from __future__ import annotations

import os
import time
from typing import Protocol

OFFSET = "ROBOT_RL_CLOCK_OFFSET"
"""The environment variable by which the processes of a graph share one: Unix time less the monotonic clock [ns]."""
_offset = int(os.environ.get(OFFSET, "") or time.time_ns() - time.monotonic_ns())


class Clock(Protocol):
    """Now, and sleeping until then."""

    def now(self) -> int:
        """The present stamp [ns]."""
        ...

    def sleep_until(self, stamp: int) -> None:
        """Return once `now() >= stamp`. On a simulated clock this steps the physics."""
        ...


class SystemClock:
    """The computer's clock: stamps are Unix time as it was when the graph began, and go on with the monotonic clock.

    So a step of the wall clock (NTP) changes neither the loop's period nor the order of the stamps, and every clock of
    a graph on this computer shows the same, also one that is made later.
    """

    def now(self) -> int:
        return time.monotonic_ns() + _offset

    def sleep_until(self, stamp: int) -> None:
        remaining = stamp - self.now()
        if remaining > 0:
            time.sleep(remaining * 1e-9)


def shared() -> dict[str, str]:
    """What makes the clocks of a process that is started with it show what those of this one show."""
    return {OFFSET: str(_offset)}


class ManualClock:
    """A clock that jumps where it is told: for simulations and tests."""

    def __init__(self, start: int = 0) -> None:
        self._now = start

    def now(self) -> int:
        return self._now

    def sleep_until(self, stamp: int) -> None:
        self._now = max(self._now, stamp)
