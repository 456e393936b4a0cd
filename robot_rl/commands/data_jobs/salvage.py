"""Keep or drop what a killed recording left behind."""

from __future__ import annotations

from dataclasses import dataclass

from tyro.conf import Positional

from robot_rl.commands.names import existing_dataset
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.recording.salvage import drop, salvage


@dataclass(frozen=True)
class Salvage:
    """Commit what a killed recording had on disk as unlabelled episodes."""

    dataset: Positional[str]
    """A data set: a name under datasets/, or a path."""
    drop: bool = False
    """Remove what was left behind instead of keeping it."""

    def run(self) -> int:
        with Dataset.open(existing_dataset(self.dataset), "a") as dataset:
            folders = dataset.unfinished()
            for folder in folders:
                number = None if self.drop else salvage(dataset, folder)
                if number is None:
                    drop(dataset, folder)
                    print(f"{folder.name}: dropped" + ("" if self.drop else ", not one whole step was on disk"))
                else:
                    steps = len(dataset.episode(number))
                    print(f"{folder.name}: kept as episode {number}, {steps} steps, unlabelled")
        if not folders:
            print("nothing unfinished")
        return 0
