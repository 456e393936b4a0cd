"""Trimming an episode to a range of its steps, and splitting one into several."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from itertools import pairwise

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.edit.attributes import episode_json, episode_path
from robot_rl.datasets.edit.cut import write_part
from robot_rl.datasets.edit.numbers import check_there
from robot_rl.datasets.edit.relabel import check_range
from robot_rl.datasets.edit.transaction import Transaction
from robot_rl.datasets.errors import DatasetError


@dataclass(frozen=True)
class Trim:
    """Keep only a range of an episode's steps; its number, labels and outcome stay, its id is new."""

    number: int
    start: int
    stop: int
    """One after the last step that stays."""
    job: str = "trim"

    def plan(self, dataset: Dataset) -> list[str]:
        check_there((self.number,), dataset.numbers, dataset.path)
        episode = dataset.episode(self.number)
        check_range(episode, (self.start, self.stop))
        if self.stop - self.start == len(episode):
            raise DatasetError(f"episode {self.number} has these {len(episode)} steps already: nothing to trim")
        line = f"trim episode {self.number} to steps {self.start} to {self.stop - 1}: {self.stop - self.start} stay"
        lines = [line, f"  {self.start} steps go at the start, {len(episode) - self.stop} at the end"]
        if self.stop < len(episode):
            lines.append(f"  it stays labelled {_outcome(episode.success)}, though what was judged last is cut off")
        return lines

    def prepare(self, dataset: Dataset, to: Transaction) -> None:
        episode, relative = dataset.episode(self.number), episode_path(self.number)
        folder = to.fresh(relative)
        part = write_part(dataset, episode, folder, self.start, self.stop)
        origin = {"id": episode.attributes["id"], "steps": [self.start, self.stop]}
        changes = part.attributes() | {"id": uuid.uuid4().hex, "trimmed_from": origin}
        (folder / "zarr.json").write_bytes(episode_json(episode.attributes, changes))
        to.remove(relative)
        to.put(relative)
        to.episodes.add(self.number)


@dataclass(frozen=True)
class Split:
    """Make several episodes of one. The last part keeps the outcome, those before are unlabelled."""

    number: int
    at: tuple[int, ...]
    """The first step of each part but the first."""
    job: str = "split"

    def plan(self, dataset: Dataset) -> list[str]:
        check_there((self.number,), dataset.numbers, dataset.path)
        episode = dataset.episode(self.number)
        bounds = [0, *self.at, len(episode)]
        if not self.at or any(b <= a for a, b in pairwise(bounds)):
            raise DatasetError(
                f"episode {self.number} has steps 0 to {len(episode) - 1}: split it at rising steps from 1 to "
                f"{len(episode) - 1}, not at {', '.join(map(str, self.at)) or 'none'}"
            )
        new = dataset.journal.next_number
        numbers = f"{new} to {new + len(self.at)}"
        lines = [f"split episode {self.number} at {', '.join(map(str, self.at))} into episodes {numbers}"]
        for i, (a, b) in enumerate(pairwise(bounds)):
            outcome = _outcome(episode.success if b == len(episode) else None)
            lines.append(f"  episode {new + i}: steps {a} to {b - 1}, {outcome}")
        return lines

    def prepare(self, dataset: Dataset, to: Transaction) -> None:
        episode = dataset.episode(self.number)
        to.remove(episode_path(self.number))
        to.episodes.add(self.number)
        for i, (a, b) in enumerate(pairwise([0, *self.at, len(episode)])):
            number = dataset.journal.next_number + i
            folder = to.fresh(episode_path(number))
            part = write_part(dataset, episode, folder, a, b)
            changes = part.attributes() | {
                "number": number,
                "id": uuid.uuid4().hex,
                "success": episode.attributes["success"] if b == len(episode) else None,
                "split_from": {"number": self.number, "id": episode.attributes["id"], "steps": [a, b]},
            }
            (folder / "zarr.json").write_bytes(episode_json(episode.attributes, changes))
            to.put(episode_path(number))
            to.episodes.add(number)


def _outcome(success: bool | None) -> str:
    return {True: "a success", False: "a failure", None: "unlabelled"}[success]
