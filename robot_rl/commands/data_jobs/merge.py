"""Take in the episodes of other data sets."""

from __future__ import annotations

from dataclasses import dataclass

from tyro.conf import Positional

from robot_rl.commands.data_jobs.doing import edit
from robot_rl.commands.names import existing_dataset
from robot_rl.datasets.edit.merge import Merge as MergeEdit


@dataclass(frozen=True)
class Merge:
    """Copy every episode of other data sets of the same robot into this one; those stay as they are."""

    dataset: Positional[str]
    """The data set that grows: a name under datasets/, or a path."""
    sources: tuple[str, ...]
    """The data sets whose episodes are copied."""
    yes: bool = False
    """Do it without asking."""

    def run(self) -> int:
        return edit(self.dataset, MergeEdit(tuple(existing_dataset(s) for s in self.sources)), yes=self.yes)
