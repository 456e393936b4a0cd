"""Writing anew how recorded episodes ended: reward, success, termination and truncation, whole and undoable."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.edit.attributes import episode_json, episode_path
from robot_rl.datasets.edit.cut import write_part
from robot_rl.datasets.edit.numbers import as_ranges, check_there
from robot_rl.datasets.edit.relabel import check_range
from robot_rl.datasets.edit.transaction import Transaction
from robot_rl.datasets.episode import Episode
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.record import STEP_DTYPES
from robot_rl.datasets.store.arrays import RowWriter
from robot_rl.learn.rewards.words import word_of

JOB = "reward"
Result = Literal["success", "failure", "timeout"]
Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Label:
    """How an episode ended, and with which step.

    `success`: the task was done in the state that `step` led to. `failure`: it had become impossible there. Both
    terminate: nothing after counts, and the steps after are cut off. `timeout`: the episode was cut off there while
    the task could have gone on, so a learner bootstraps from its last state.
    """

    result: Result
    step: int


def columns(label: Label, reward: float = 1.0) -> Columns:
    """The columns that a label decides, for steps 0 to `label.step` (pure).

    A sparse reward: `reward` in the step of success, 0 in every other; no step before is a success.
    """
    n = label.step + 1
    at_end = np.arange(n) == label.step
    won = at_end & (label.result == "success")
    return {
        "reward": np.where(won, reward, 0.0).astype(STEP_DTYPES["reward"]),
        "success": won,
        "terminated": at_end & (label.result != "timeout"),
        "truncated": at_end & (label.result == "timeout"),
    }


@dataclass(frozen=True)
class RewardRelabel:
    """An edit of a data set (`datasets.edit.apply`): labels by number of the episode.

    An episode keeps its id, so that it stays on its side of every split. A replay that holds it already keeps the
    labels it was given: begin the session anew.
    """

    labels: Mapping[int, Label]
    by: str
    """Who says so: `human`, or the identity of a classifier."""
    reward: float = 1.0
    """In the step of success."""
    job: str = JOB

    def plan(self, dataset: Dataset) -> list[str]:
        check_there(tuple(self.labels), dataset.numbers, dataset.path)
        if not np.isfinite(self.reward):
            raise DatasetError(f"a reward of {self.reward}: a finite number is needed")
        lines = [f"reward of episodes {as_ranges(self.labels)}, by {self.by}"]
        for number, label in sorted(self.labels.items()):
            episode = dataset.episode(number)
            check_range(episode, (label.step, label.step + 1))
            cut = len(episode) - label.step - 1
            was = {True: "success", False: "failure", None: "no label"}[episode.success]
            lines.append(
                f"  episode {number}: {label.result} in step {label.step} (was {was})"
                + (f"; {cut} step{'s' if cut > 1 else ''} after it go" if cut else "")
            )
        return lines

    def prepare(self, dataset: Dataset, to: Transaction) -> None:
        for number, label in sorted(self.labels.items()):
            episode = dataset.episode(number)
            if label.step + 1 < len(episode):
                self._cut(dataset, episode, label, to)
            else:
                self._rewrite(episode, label, to)
            to.episodes.add(number)

    def _cut(self, dataset: Dataset, episode: Episode, label: Label, to: Transaction) -> None:
        """Write the episode up to the label anew, with the label's columns."""
        relative = episode_path(episode.number)
        folder = to.fresh(relative)
        part = write_part(dataset, episode, folder, 0, label.step + 1)
        checksums = dict(part.checksums)
        for name, values in columns(label, self.reward).items():
            column = folder / "steps" / name
            shutil.rmtree(column)
            prefix = f"steps/{name}/"
            checksums = {k: v for k, v in checksums.items() if not k.startswith(prefix)} | _write(column, name, values)
        changes = part.attributes() | {"checksums": checksums} | self._said(episode, label)
        (folder / "zarr.json").write_bytes(episode_json(episode.attributes, changes))
        to.remove(relative)
        to.put(relative)

    def _rewrite(self, episode: Episode, label: Label, to: Transaction) -> None:
        """Replace the columns; nothing is cut."""
        checksums = dict(episode.attributes["checksums"])
        for name, values in columns(label, self.reward).items():
            relative = episode_path(episode.number, f"steps/{name}")
            prefix = f"steps/{name}/"
            checksums = {k: v for k, v in checksums.items() if not k.startswith(prefix)}
            checksums |= _write(to.fresh(relative), name, values)
            to.remove(relative)
            to.put(relative)
        changes = {"checksums": checksums} | self._said(episode, label)
        to.replace(episode_path(episode.number, "zarr.json"), episode_json(episode.attributes, changes))

    def _said(self, episode: Episode, label: Label) -> dict[str, Any]:
        was = {"success": episode.attributes["success"], "steps": len(episode)}
        said = {"result": label.result, "step": label.step, "by": self.by, "was": was}
        return {"success": label.result == "success", "marked": self.by == "human", "reward_label": said}


def _write(folder: Path, name: str, values: NDArray[Any]) -> dict[str, str]:
    """Write a column to a new folder; the checksums of its files by their path within the episode."""
    writer = RowWriter(folder, (), STEP_DTYPES[name])
    for value in values.astype(STEP_DTYPES[name]):
        writer.append(value.tobytes())
    return {f"steps/{name}/{path.relative_to(folder).as_posix()}": digest for path, digest in writer.finish().items()}


def unlabelled_by_people(dataset: Dataset) -> tuple[int, ...]:
    """Numbers of the deployments whose reward is no person's word, a mark or a label: a classifier may label those."""
    return tuple(e.number for e in dataset.episodes() if e.purpose == "deployment" and word_of(e) != "person")
