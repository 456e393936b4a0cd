"""Trim an episode, or split one into several."""

from __future__ import annotations

from dataclasses import dataclass

from tyro.conf import Positional

from robot_rl.commands.data_jobs.doing import edit, parse_steps
from robot_rl.commands.names import existing_dataset
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.edit.divide import Split as SplitEdit
from robot_rl.datasets.edit.divide import Trim as TrimEdit


@dataclass(frozen=True)
class Trim:
    """Keep only a range of an episode's steps; the original goes to the trash."""

    dataset: Positional[str]
    """A data set: a name under datasets/, or a path."""
    episode: int
    """Its number."""
    steps: str
    """What stays, FIRST:STOP: 10:50 for steps 10 to 49; an empty side is the episode's own."""
    yes: bool = False
    """Do it without asking."""

    def run(self) -> int:
        first, stop = parse_steps(self.steps)
        if stop is None:
            stop = len(Dataset.open(existing_dataset(self.dataset)).episode(self.episode))
        return edit(self.dataset, TrimEdit(self.episode, first or 0, stop), yes=self.yes)


@dataclass(frozen=True)
class Split:
    """Make several episodes of one; the last part keeps the outcome, those before are unlabelled."""

    dataset: Positional[str]
    """A data set: a name under datasets/, or a path."""
    episode: int
    """Its number; the parts get new ones."""
    at: tuple[int, ...]
    """The first step of the second part, of the third, and so on."""
    yes: bool = False
    """Do it without asking."""

    def run(self) -> int:
        return edit(self.dataset, SplitEdit(self.episode, self.at), yes=self.yes)
