"""Taking marks back where no episode is recorded: nobody but the results hears of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from robot_rl.runtime.episodes import Ending
from robot_rl.runtime.keys import Undo
from robot_rl.runtime.results import Results


class UnrecordedMarks:
    """Told of every episode of a sitting, in order. Where they are recorded, `learn.online.marks` does this.

    Args:
        say: a line for the user.
    """

    def __init__(self, results: Results, say: Callable[[str], None]) -> None:
        self._results, self._say, self._undo = results, say, Undo()

    def undo(self, *, under_way: bool) -> None:
        """The newest mark that stands is taken back, once no episode is `under_way`."""
        self._undo()
        if not under_way:
            self._settle()

    def add(self, episode: str, ending: Ending, *, states_judged: bool) -> None:
        """An episode of this name is over and among the results."""
        self._settle()
        if ending.marked:
            judged = ending.judged_unmarked(states=states_judged)
            self._undo.note(partial(self._take_back, episode, ending.result, judged=judged))

    def _settle(self) -> None:
        self._undo.settle(lambda: self._say("undo: there is no mark of this sitting left to take back"))

    def _take_back(self, episode: str, was: str, *, judged: bool) -> None:
        self._results.take_back(episode, judged=judged)
        self._say(f"undo: the newest {was} is taken back; that episode counts as cut off")
