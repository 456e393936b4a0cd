"""Take episodes out, by naming them or by naming those that stay."""

from __future__ import annotations

from dataclasses import dataclass

from tyro.conf import Positional

from robot_rl.commands.data_jobs.doing import edit
from robot_rl.datasets.edit.numbers import parse_numbers
from robot_rl.datasets.edit.remove import Delete as DeleteEdit
from robot_rl.datasets.edit.remove import Keep as KeepEdit


@dataclass(frozen=True)
class Delete:
    """Move episodes to the trash inside the data set; their numbers are not used again."""

    dataset: Positional[str]
    """A data set: a name under datasets/, or a path."""
    episodes: tuple[str, ...]
    """Numbers and ranges: 3 7-9."""
    yes: bool = False
    """Do it without asking."""

    def run(self) -> int:
        return edit(self.dataset, DeleteEdit(parse_numbers(self.episodes)), yes=self.yes)


@dataclass(frozen=True)
class Keep:
    """Move every episode but those named to the trash."""

    dataset: Positional[str]
    """A data set: a name under datasets/, or a path."""
    episodes: tuple[str, ...]
    """Numbers and ranges of the episodes that stay: 0-19 25."""
    yes: bool = False
    """Do it without asking."""

    def run(self) -> int:
        return edit(self.dataset, KeepEdit(parse_numbers(self.episodes)), yes=self.yes)
