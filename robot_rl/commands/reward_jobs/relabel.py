"""Saying later how episodes ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tyro.conf import Positional

from robot_rl.commands.data_jobs.doing import agreed, edit
from robot_rl.commands.names import UsageError, existing_dataset

if TYPE_CHECKING:
    from robot_rl.datasets.dataset import Dataset
    from robot_rl.learn.rewards.relabel import Label


@dataclass(frozen=True)
class Relabel:
    """Write reward, success, termination and truncation of episodes anew; steps after the end are cut off.

    Give one of --success-step, --failure-step, --timeout, --key, --keys, --classifier or --undo.
    """

    dataset: Positional[str]
    """A data set: a name under datasets/, or a path."""
    episodes: tuple[str, ...] = ()
    """Numbers and ranges: 3 7-9. With --classifier all deployments that no person has labelled when left out."""
    success_step: int | None = None
    """The task was done when this step had ended."""
    failure_step: int | None = None
    """The task had become impossible when this step had ended."""
    timeout: bool = False
    """Neither: the episode was cut off at its end while the task could have gone on."""
    key: Literal["success", "failure"] | None = None
    """A key was pressed, watching the episode at its own speed ..."""
    pressed: float | None = None
    """... so long after its first step began [s] ..."""
    latency: float = 0.4
    """... which concerns what was seen so much earlier [s]."""
    keys: Path | None = None
    """A log of keys, one JSON object a line: {"episode": 7, "key": "success", "at": 5.8}; key `undo` takes one back."""
    classifier: Path | None = None
    """Label by this reward classifier: success where it first says so."""
    undo: bool = False
    """Take the last relabelling back."""
    reward: float = 1.0
    """In the step of success; every other step gets 0."""
    yes: bool = False
    """Do it without asking."""

    def run(self) -> int:
        from robot_rl.datasets.dataset import Dataset
        from robot_rl.learn.rewards.relabel import RewardRelabel

        given = [
            self.success_step is not None,
            self.failure_step is not None,
            self.timeout,
            self.key is not None,
            self.keys is not None,
            self.classifier is not None,
            self.undo,
        ]
        if sum(given) != 1:
            raise UsageError(
                "give one of --success-step, --failure-step, --timeout, --key, --keys, --classifier and --undo; "
                f"{sum(given)} were given"
            )
        if self.undo:
            return self._undo()
        labels = self._labels(Dataset.open(existing_dataset(self.dataset)))
        by = "human" if self.classifier is None else f"classifier {_identity(self.classifier)}"
        return edit(self.dataset, RewardRelabel(labels, by, self.reward), yes=self.yes)

    def _labels(self, data: Dataset) -> dict[int, Label]:
        from robot_rl.datasets.edit.numbers import check_there, parse_numbers
        from robot_rl.learn.rewards.relabel import Label, unlabelled_by_people

        numbers = parse_numbers(self.episodes)
        if self.classifier is not None:
            return self._by_classifier(data, self.classifier, numbers or unlabelled_by_people(data))
        if self.keys is not None:
            return self._by_log(data, self.keys, numbers)
        check_there(numbers, data.numbers, data.path)
        if self.timeout:
            return {n: Label("timeout", len(data.episode(n)) - 1) for n in numbers}
        if self.success_step is not None:
            return {n: Label("success", self.success_step) for n in numbers}
        if self.failure_step is not None:
            return {n: Label("failure", self.failure_step) for n in numbers}
        return {n: self._by_key(data, n) for n in numbers}

    def _by_key(self, data: Dataset, number: int) -> Label:
        from robot_rl.learn.rewards.relabel import Label
        from robot_rl.rewards.keys import step_meant

        if self.key is None or self.pressed is None:
            raise UsageError("--key goes with --pressed: when the key went down [s] after the first step began")
        stamps = data.episode(number).steps["stamp"]
        return Label(self.key, step_meant(stamps, int(stamps[0]) + round(self.pressed * 1e9), self.latency))

    def _by_log(self, data: Dataset, path: Path, numbers: tuple[int, ...]) -> dict[int, Label]:
        from robot_rl.datasets.edit.numbers import check_there
        from robot_rl.learn.rewards.key_log import read

        log = read(path)
        chosen = numbers or tuple(sorted(log.marks))
        check_there(chosen, data.numbers, data.path)
        said = {n: log.label(data.episode(n), self.latency) for n in chosen}
        labels = {n: label for n, label in said.items() if label is not None}
        if not labels:
            raise UsageError(f"{path}: no mark stands for these episodes; all were taken back, or there was none")
        return labels

    def _by_classifier(self, data: Dataset, folder: Path, numbers: tuple[int, ...]) -> dict[int, Label]:
        from robot_rl.learn.rewards import storage
        from robot_rl.learn.rewards.collect import camera_view
        from robot_rl.learn.rewards.mine import labels_by

        trained = storage.load_classifier(folder)
        view = trained.view
        view.require(camera_view(data, view.camera, view.crop, view.size))
        return labels_by(trained, data, numbers)

    def _undo(self) -> int:
        from robot_rl.datasets.dataset import Dataset
        from robot_rl.datasets.edit.apply import last_undoable, undo
        from robot_rl.learn.rewards.relabel import JOB

        with Dataset.open(existing_dataset(self.dataset), "a") as data:
            last = last_undoable(data)
            if last.job != JOB:
                raise UsageError(
                    f"the last edit of {data.path} was no relabelling of rewards but: {last.summary}. "
                    f"`robot-rl data undo {self.dataset}` takes that back"
                )
            print(f"take back: {last.summary}")
            if not agreed(self.yes):
                return 1
            undo(data)
        print("done")
        return 0


def _identity(folder: Path) -> str:
    from robot_rl.learn.rewards.storage import CLASSIFIER
    from robot_rl.policies.storage import read_document

    return str(read_document(folder, CLASSIFIER)["tensors"]["sha256"])[:12]
