"""The clock of a simulation: time passes only while someone sleeps, a whole control period at a time."""

from __future__ import annotations

from collections.abc import Callable


class SteppedClock:
    """Simulated time [ns] from 0; `sleep_until` runs the physics, so no wall-clock time is waited.

    Args:
        period: one control period [ns].
        step: advances the physics by one control period under the command that is held.
    """

    def __init__(self, period: int, step: Callable[[], None]) -> None:
        self._period = period
        self._step = step
        self._now = 0

    def now(self) -> int:
        """The present simulated stamp [ns]; it never goes back, also not when the scene is reset."""
        return self._now

    def sleep_until(self, stamp: int) -> None:
        """Step whole control periods until `now() >= stamp`."""
        while self._now < stamp:
            self._step()
            self._now += self._period

    def skip(self) -> None:
        """Let one period pass without physics: a reset sets the scene anew, and its stamps must be new too."""
        self._now += self._period
