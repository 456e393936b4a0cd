"""Taking the episodes of other data sets in."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.edit.attributes import episode_json, episode_path
from robot_rl.datasets.edit.numbers import as_ranges
from robot_rl.datasets.edit.transaction import Transaction
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.store.description import camera_differences
from robot_rl.datasets.store.verify import verify_episode


@dataclass(frozen=True)
class Merge:
    """Copy every episode of other data sets of the same robot; those stay as they are."""

    sources: tuple[Path, ...]
    job: str = "merge"

    @cached_property
    def _open(self) -> list[Dataset]:
        return [Dataset.open(path) for path in self.sources]

    def plan(self, dataset: Dataset) -> list[str]:
        if not self.sources:
            raise DatasetError("no data set to merge was named")
        lines, number = [], dataset.journal.next_number
        seen = {str(episode.attributes["id"]): str(dataset.path) for episode in dataset}
        for source in self._open:
            _check_fits(dataset, source)
            for episode in source:
                before = seen.setdefault(str(episode.attributes["id"]), str(source.path))
                if before != str(source.path):
                    raise DatasetError(
                        f"episode {episode.number} of {source.path} is in {before} already; delete it in one of them"
                    )
            numbers = range(number, number + len(source))
            lines.append(f"  {source.path}: {len(source)} episodes become {as_ranges(numbers)}")
            number += len(source)
        total = sum(len(source) for source in self._open)
        names = ", ".join(source.path.name for source in self._open)
        return [f"merge {total} episodes of {names} into {dataset.path.name}", *lines]

    def prepare(self, dataset: Dataset, to: Transaction) -> None:
        number = dataset.journal.next_number
        for source in self._open:
            for episode in source:
                folder = to.fresh(episode_path(number))
                shutil.copytree(episode.folder, folder)
                if problem := next(verify_episode(folder), None):
                    raise DatasetError(f"{source.path}: episode {episode.number}: {problem.file}: {problem.what}")
                origin = {"identity": source.identity, "number": episode.number}
                changes = {"number": number, "merged_from": origin}
                (folder / "zarr.json").write_bytes(episode_json(episode.attributes, changes))
                to.put(episode_path(number))
                to.episodes.add(number)
                number += 1


def _check_fits(dataset: Dataset, source: Dataset) -> None:
    if source.path.resolve() == dataset.path.resolve():
        raise DatasetError(f"{dataset.path} cannot be merged into itself")
    if not len(source):
        raise DatasetError(f"{source.path} holds no episode to merge")
    differences = dataset.spec.differences(source.spec) + camera_differences(dataset.cameras, source.cameras)
    if differences:
        lines = "\n  ".join(differences)
        raise DatasetError(f"{source.path} (second) does not fit {dataset.path} (first):\n  {lines}")
