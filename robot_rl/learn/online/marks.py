"""The marks that a person's keys left in this sitting, and taking them back.

A press of `undo` takes back the newest mark that stood when it was pressed: the episode counts as cut off at its end
while the task could have gone on, in the record (an edit that can be undone), and in whatever learns from it. What
should have been said instead can be said at any time: `robot-rl reward relabel`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.edit.apply import apply
from robot_rl.datasets.episode import Episode
from robot_rl.learn.rewards.relabel import Label, RewardRelabel
from robot_rl.runtime.keys import Undo


class Marks:
    """Told of every episode of a data set, in order.

    Args:
        undo: what may be taken back; data sets of one robot share it.
        dataset: holds the episodes, open for appending.
        take_back: told of each episode whose mark was taken back, as it is now, and whether that was a success.
        say: a line for the user.
    """

    def __init__(
        self, undo: Undo, dataset: Dataset, take_back: Callable[[Episode, bool], None], say: Callable[[str], None]
    ) -> None:
        self._undo, self._dataset, self._take_back, self._say = undo, dataset, take_back, say

    def add(self, number: int | None, *, marked: bool) -> None:
        """An episode is over: first take back what was asked for while it went on, then note its own mark.

        Args:
            number: in the data set; None where it was not recorded.

        Raises:
            DatasetError: the record cannot be changed; nothing is.
        """
        try:
            self.settle()
        finally:
            if marked and number is not None:
                self._undo.note(partial(self._undo_mark, number))

    def settle(self) -> None:
        """Take back what was asked for so far, between two episodes. Raises DatasetError as `add`."""
        self._undo.settle(lambda: self._say("undo: there is no mark of this sitting left to take back"))

    def _undo_mark(self, number: int) -> None:
        episode = self._dataset.episode(number)
        was = bool(episode.success)
        apply(self._dataset, RewardRelabel({number: Label("timeout", len(episode) - 1)}, "human"))
        self._take_back(self._dataset.episode(number), was)
        what = "success" if was else "failure"
        self._say(f"undo: the {what} of episode {number} is taken back; it counts as cut off")
