"""Relabelling: success, task text, operator, purpose, and the phase of a range of steps."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.edit.attributes import episode_json, episode_path
from robot_rl.datasets.edit.numbers import as_ranges, check_there
from robot_rl.datasets.edit.transaction import Transaction
from robot_rl.datasets.episode import Episode
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.record import STEP_DTYPES, Phase
from robot_rl.datasets.store.arrays import RowWriter
from robot_rl.datasets.store.episode_attributes import PURPOSES
from robot_rl.workspace import did_you_mean

Success = Literal["true", "false", "none"]
_SUCCESS: dict[str, bool | None] = {"true": True, "false": False, "none": None}
_PHASE = "steps/phase"


@dataclass(frozen=True)
class Relabel:
    """Say something else of episodes; what is None stays."""

    numbers: tuple[int, ...]
    success: Success | None = None
    instruction: str | None = None
    operator: str | None = None
    purpose: str | None = None
    phase: Phase | None = None
    steps: tuple[int, int] | None = None
    """First step and the one after the last that get `phase`; None for all."""
    job: str = "relabel"

    def plan(self, dataset: Dataset) -> list[str]:
        check_there(self.numbers, dataset.numbers, dataset.path)
        if not self._changes() and self.phase is None:
            raise DatasetError("nothing to relabel: give success, instruction, operator, purpose or phase")
        if self.purpose is not None and self.purpose not in PURPOSES:
            raise DatasetError(f"purpose '{self.purpose}'.{did_you_mean(self.purpose, PURPOSES)}")
        if self.steps is not None and self.phase is None:
            raise DatasetError("a range of steps goes with a phase")
        said = [f"{key} = {_show(value)}" for key, value in self._changes().items()]
        if self.phase is not None:
            where = "of every step" if self.steps is None else f"of steps {self.steps[0]} to {self.steps[1] - 1}"
            said.append(f"phase {where} = {self.phase.name.lower()}")
        lines = [f"relabel episodes {as_ranges(self.numbers)}: {', '.join(said)}"]
        for number in self.numbers:
            episode = dataset.episode(number)
            check_range(episode, self.steps)
            self._check_steps(number, episode)
            lines.append(f"  episode {number}: was {self._was(episode)}")
        return lines

    def prepare(self, dataset: Dataset, to: Transaction) -> None:
        for number in self.numbers:
            episode = dataset.episode(number)
            changes = self._changes()
            if self.success is not None:
                changes["marked"] = self.success != "none"  # a person's word, whoever judged the episode
                if "reward_label" in episode.attributes:
                    changes["reward_label"] = None  # what was said last counts
            if self.phase is not None:
                checksums = self._new_phase(episode, to)
                changes["checksums"] = episode.attributes["checksums"] | checksums
            to.replace(episode_path(number, "zarr.json"), episode_json(episode.attributes, changes))
            to.episodes.add(number)

    def _check_steps(self, number: int, episode: Episode) -> None:
        """A failure of which a step is a success would still be learnt from as one."""
        if self.success == "false" and episode.steps["success"].any():
            raise DatasetError(
                f"episode {number}: a step of it is a success, and learners read the steps: "
                "`robot-rl reward relabel` changes reward, success and termination alike"
            )

    def _changes(self) -> dict[str, Any]:
        out: dict[str, Any] = {}
        if self.success is not None:
            out["success"] = _SUCCESS[self.success]
        for key in ("instruction", "operator", "purpose"):
            if getattr(self, key) is not None:
                out[key] = getattr(self, key)
        return out

    def _was(self, episode: Episode) -> str:
        parts = [f"{key} {_show(episode.attributes.get(key))}" for key in self._changes()]
        if self.phase is not None:
            counts = Counter(episode.steps["phase"][_slice(self.steps)].tolist())
            parts.append("phase " + ", ".join(f"{n} x {Phase(p).name.lower()}" for p, n in counts.items()))
        return "; ".join(parts)

    def _new_phase(self, episode: Episode, to: Transaction) -> dict[str, str]:
        """Write the phases anew; the checksums of their files."""
        phases: NDArray[np.uint8] = episode.steps["phase"].copy()
        phases[_slice(self.steps)] = int(self.phase or 0)
        relative = episode_path(episode.number, _PHASE)
        folder = to.fresh(relative)
        writer = RowWriter(folder, (), STEP_DTYPES["phase"])
        for phase in phases:
            writer.append(phase.tobytes())
        hashes = writer.finish()
        to.remove(relative)
        to.put(relative)
        return {f"{_PHASE}/{path.relative_to(folder).as_posix()}": digest for path, digest in hashes.items()}


def check_range(episode: Episode, steps: tuple[int, int] | None) -> None:
    """Refuse a range of steps that the episode does not have, or an empty one. Raises DatasetError."""
    if steps is not None and not 0 <= steps[0] < steps[1] <= len(episode):
        raise DatasetError(
            f"episode {episode.number} has steps 0 to {len(episode) - 1}; "
            f"{steps[0]}:{steps[1]} (first : one after the last) is no part of that"
        )


def _slice(steps: tuple[int, int] | None) -> slice:
    return slice(None) if steps is None else slice(*steps)


def _show(value: Any) -> str:
    return {True: "true", False: "false", None: "none"}[value] if value in (True, False, None) else repr(value)
