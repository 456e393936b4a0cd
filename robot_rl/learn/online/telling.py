"""How far a session is, said now and then: where no progress bar shows it all the time."""

from __future__ import annotations

import time
from collections.abc import Callable

EVERY = 30.0
"""Seconds between two such lines at least; an episode's end is when they are said."""


class Telling:
    """Says a line at the end of an episode, if the last one was long ago.

    Args:
        say: takes the line.
        total: robot steps of the whole session.
        clock: seconds that only grow.
    """

    def __init__(self, say: Callable[[str], None], total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._say, self._total, self._clock = say, total, clock
        self._last: float | None = None

    def episode(self, steps: int, text: str) -> None:
        """An episode is over.

        Args:
            steps: robot steps so far.
            text: how it goes, as `Book.episode` has it.
        """
        now = self._clock()
        if self._last is None or now - self._last >= EVERY:
            self._last = now
            self._say(f"{steps} of {self._total} robot steps: {text}")
