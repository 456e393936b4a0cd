"""Look after a data set: verify that every episode is what was committed, salvage what a crash left behind.

`verify` reads every file and exits with 1 if anything was damaged. `salvage` commits what a killed recording had on
disk as unlabelled episodes; with --drop it removes those remains instead.

Examples:
  robot-rl data verify lift
  robot-rl data salvage lift
  robot-rl data salvage lift --drop
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from robot_rl.commands.names import UsageError, existing_dataset
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.salvage import drop, salvage
from robot_rl.datasets.verify import verify


@dataclass(frozen=True)
class Options:
    """What to do, with which data set."""

    job: Positional[Literal["verify", "salvage"]]
    dataset: Positional[str]
    """A data set: a name under datasets/, or a path."""
    drop: bool = False
    """With salvage: remove what was left behind instead of keeping it."""


def run(options: Options) -> int:
    path = existing_dataset(options.dataset)
    if options.job == "salvage":
        return _salvage(path, remove=options.drop)
    if options.drop:
        raise UsageError("--drop goes with salvage, not with verify")
    return _verify(path)


def _verify(path: Path) -> int:
    dataset = Dataset.open(path)
    problems = 0
    for problem in verify(dataset):
        print(problem)
        problems += 1
    print(f"{len(dataset)} episodes, {problems} problems" if problems else f"{len(dataset)} episodes, all as committed")
    return int(problems > 0)


def _salvage(path: Path, *, remove: bool) -> int:
    with Dataset.open(path, "a") as dataset:
        folders = dataset.unfinished()
        for folder in folders:
            number = None if remove else salvage(dataset, folder)
            if number is None:
                drop(dataset, folder)
                print(f"{folder.name}: dropped" + ("" if remove else ", not one whole step was on disk"))
            else:
                print(f"{folder.name}: kept as episode {number}, {len(dataset.episode(number))} steps, unlabelled")
    if not folders:
        print("nothing unfinished")
    return 0
