"""Deleting episodes: they move to the trash inside the data set."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.edit.attributes import episode_path
from robot_rl.datasets.edit.numbers import as_ranges, check_there
from robot_rl.datasets.edit.transaction import Transaction
from robot_rl.datasets.errors import DatasetError


@dataclass(frozen=True)
class Delete:
    """Take episodes out. Their numbers are not used again."""

    numbers: tuple[int, ...]
    job: str = "delete"

    def plan(self, dataset: Dataset) -> list[str]:
        folders = {int(p.name) for p in (dataset.path / "episodes").iterdir() if p.name.isdigit()}
        check_there(self.numbers, folders | set(dataset.numbers), dataset.path)
        steps = sum(e.steps for n, e in dataset.journal.entries.items() if n in set(self.numbers))
        left = len(set(dataset.numbers) - set(self.numbers))
        line = f"delete {_count(self.numbers)} ({as_ranges(self.numbers)}), {steps} steps; {left} stay"
        return [line, *(_line(dataset, n) for n in self.numbers[:10]), *_more(self.numbers, 10)]

    def prepare(self, dataset: Dataset, to: Transaction) -> None:
        for number in self.numbers:
            to.episodes.add(number)
            if (dataset.path / episode_path(number)).is_dir():
                to.remove(episode_path(number))


@dataclass(frozen=True)
class Keep:
    """Take out every episode but these."""

    numbers: tuple[int, ...]
    job: str = "keep"

    def plan(self, dataset: Dataset) -> list[str]:
        check_there(self.numbers, dataset.numbers, dataset.path)
        first, *rest = self._rest(dataset).plan(dataset)
        return [f"keep episodes {as_ranges(self.numbers)}: {first}", *rest]

    def prepare(self, dataset: Dataset, to: Transaction) -> None:
        self._rest(dataset).prepare(dataset, to)

    def _rest(self, dataset: Dataset) -> Delete:
        rest = tuple(n for n in dataset.numbers if n not in set(self.numbers))
        if not rest:
            raise DatasetError(f"{dataset.path} holds no other episodes than {as_ranges(self.numbers)}")
        return Delete(rest)


def _count(numbers: Iterable[int]) -> str:
    n = len(tuple(numbers))
    return f"{n} episode" + ("s" if n != 1 else "")


def _line(dataset: Dataset, number: int) -> str:
    entry = dataset.journal.entries.get(number)
    if entry is None:
        return f"  episode {number}: damaged, not among those read"
    label = {True: "success", False: "failure", None: "unlabelled"}[entry.success]
    return f"  episode {number}: {entry.steps} steps, {entry.purpose}, {label}"


def _more(numbers: tuple[int, ...], shown: int) -> list[str]:
    return [f"  and {len(numbers) - shown} more"] if len(numbers) > shown else []
