"""The progress bar of a session, and when the user or a stop rule wants an end."""

from __future__ import annotations

import threading
from types import TracebackType

from robot_rl.commands.session import progress
from robot_rl.learn.interrupt import deferred_interrupt
from robot_rl.learn.online.telling import Telling
from robot_rl.runtime.loop import EpisodeResult
from robot_rl.runtime.stopping import Streak


class Watch:
    """A bar over robot steps; where there is no terminal to show it, a line now and then. Ctrl-C is taken at the end of
    an episode; a second one at once.

    Args:
        untouched: successes in a row without help after which the session is over; 0 for no such rule.
    """

    def __init__(self, untouched: int = 0) -> None:
        self._rule = Streak(untouched) if untouched else None
        self.reason: str | None = None
        """Why the stop rule wants an end."""
        self._bar = progress()
        self._interrupt = deferred_interrupt()
        self._stop = threading.Event()
        self._row = self._bar.add_task("preparing", total=None, tally="")
        self._telling: Telling | None = None

    def __enter__(self) -> Watch:
        self._stop = self._interrupt.__enter__()
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        self._interrupt.__exit__(None, None, None)

    def stopped(self) -> bool:
        """The user wants an end, or the stop rule does."""
        return self._stop.is_set() or self.reason is not None

    def prepared(self, share: float) -> None:
        """This share of what comes before the first robot step is done."""
        self._bar.update(self._row, description="offline phase", total=100, completed=round(100 * share))

    def say(self, text: str) -> None:
        """One line above the bar, however long: what it says may be a command to copy."""
        self._bar.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def begin(self, title: str, steps: int, total: int) -> None:
        """The first robot step is near; `steps` of `total` were taken in earlier sittings."""
        self._bar.update(self._row, description=title, total=total, completed=steps)
        if not self._bar.console.is_terminal:
            self._telling = Telling(self.say, total)

    def episode(self, steps: int, text: str, result: EpisodeResult | None = None) -> None:
        """An episode is over, and safe on disk.

        Args:
            steps: robot steps so far.
            text: beside the bar.
            result: for the stop rule.
        """
        if self._rule is not None and self.reason is None and result is not None:
            self.reason = self._rule.add(result)
        self._bar.update(self._row, completed=steps, tally=text)
        if self._telling is not None:
            self._telling.episode(steps, text)
