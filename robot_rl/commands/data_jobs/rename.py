"""Rename a field throughout a data set."""

from __future__ import annotations

from dataclasses import dataclass

from tyro.conf import Positional

from robot_rl.commands.data_jobs.doing import edit
from robot_rl.datasets.edit.rename import Rename as RenameEdit


@dataclass(frozen=True)
class Rename:
    """Give an observation field, a camera or an action field another name."""

    dataset: Positional[str]
    """A data set: a name under datasets/, or a path."""
    old: str
    """The name it has."""
    new: str
    """The name it gets."""
    yes: bool = False
    """Do it without asking."""

    def run(self) -> int:
        return edit(self.dataset, RenameEdit(self.old, self.new), yes=self.yes)
