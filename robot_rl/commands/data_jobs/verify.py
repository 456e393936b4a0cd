"""Is every episode still, bit for bit, what was committed?"""

from __future__ import annotations

from dataclasses import dataclass

from tyro.conf import Positional

from robot_rl.commands.names import existing_dataset
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.report.unfinished import unfinished
from robot_rl.datasets.store.verify import verify


@dataclass(frozen=True)
class Verify:
    """Compare every file with its checksum; exit code 1 if anything was damaged."""

    dataset: Positional[str]
    """A data set: a name under datasets/, or a path."""

    def run(self) -> int:
        dataset = Dataset.open(existing_dataset(self.dataset))
        problems = 0
        for problem in verify(dataset):
            print(problem)
            problems += 1
        result = f"{problems} problems" if problems else "all as committed"
        print(f"{len(dataset)} episodes, {result}")
        if left := unfinished(dataset):
            print(left)
        return int(problems > 0)
