"""The history of edits: look at it, take the last back, give up the means to."""

from __future__ import annotations

from dataclasses import dataclass

from tyro.conf import Positional

from robot_rl.commands.data_jobs.doing import agreed
from robot_rl.commands.names import existing_dataset
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.edit.apply import compact, last_undoable, trash_bytes, undo
from robot_rl.datasets.edit.transaction import records


@dataclass(frozen=True)
class Log:
    """List the edits, oldest first."""

    dataset: Positional[str]
    """A data set: a name under datasets/, or a path."""

    def run(self) -> int:
        dataset = Dataset.open(existing_dataset(self.dataset))
        found = records(dataset.path)
        for r in found:
            state = {"applied": "", "undone": " (undone)", "compacted": " (compacted)"}.get(r.state, "")
            print(f"{r.number:4d}  {r.when}  {r.summary}{state}")
        print(f"{trash_bytes(dataset) / 1e6:.1f} MB kept for undoing" if found else "no edits")
        return 0


@dataclass(frozen=True)
class Undo:
    """Take back the last edit that was not undone; every file is again what it was."""

    dataset: Positional[str]
    """A data set: a name under datasets/, or a path."""
    yes: bool = False
    """Do it without asking."""

    def run(self) -> int:
        with Dataset.open(existing_dataset(self.dataset), "a") as dataset:
            record = last_undoable(dataset)
            print(f"undo edit {record.number} of {record.when}: {record.summary}")
            if not agreed(self.yes):
                return 1
            undo(dataset)
            print(f"done: {len(dataset)} episodes")
        return 0


@dataclass(frozen=True)
class Compact:
    """Remove what edits displaced: frees the space, and they cannot be undone any more."""

    dataset: Positional[str]
    """A data set: a name under datasets/, or a path."""
    yes: bool = False
    """Do it without asking."""

    def run(self) -> int:
        with Dataset.open(existing_dataset(self.dataset), "a") as dataset:
            kept = [r for r in records(dataset.path) if r.state in ("applied", "undone")]
            if not kept:
                print("nothing to compact")
                return 0
            print(f"compact {len(kept)} edits: {trash_bytes(dataset) / 1e6:.1f} MB go, none can be undone any more")
            if not agreed(self.yes):
                return 1
            print(f"done: {compact(dataset) / 1e6:.1f} MB freed")
        return 0
