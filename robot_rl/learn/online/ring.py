"""A ring of rows over the Episode record: demonstrations and online steps alike, each picture once.

A row is a step: the observation at its start, the action executed, and what came of it. The observation after
an episode's last step is a row of its own, so a step's next observation is always the row after it and no
picture is stored twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.record import Phase, Step

ONGOING, TERMINATED, TRUNCATED, FINAL = range(4)
"""Kinds of rows: a step the episode goes on after, one it ends for good with, one it is cut off after, and an
observation that no step of this table begins at."""

FAILURE, SUCCESS, UNJUDGED = 0, 1, -1
"""Outcomes of the episode that a row belongs to, once it is finished."""


class ReplayError(ValueError):
    """A step does not fit the replay; the message names the episode and step."""


class NothingToDrawError(ReplayError):
    """There is no transition yet in what is to be drawn from."""


class Ring:
    """Steps of many episodes as rows, the newest over the oldest.

    Args:
        capacity: rows. An episode takes one more than it has steps.
        fields: shape and dtype of each observation field, e.g. `{"state": ((9,), "float32")}`.
    """

    def __init__(self, capacity: int, fields: Mapping[str, tuple[tuple[int, ...], str]], action_size: int) -> None:
        self.capacity = capacity
        self.observation = {n: np.zeros((capacity, *shape), dtype) for n, (shape, dtype) in fields.items()}
        self.columns: dict[str, NDArray[Any]] = {
            "action": np.zeros((capacity, action_size), np.float32),
            "reward": np.zeros(capacity, np.float32),
            "success": np.zeros(capacity, bool),
            "source": np.zeros(capacity, np.uint8),
            "phase": np.zeros(capacity, np.uint8),
            "safety": np.zeros(capacity, np.uint16),
            "kind": np.full(capacity, FINAL, np.uint8),
            "weight": np.ones(capacity, np.float32),
            "episode": np.full(capacity, -1, np.int32),
            "step": np.zeros(capacity, np.int32),
            "outcome": np.full(capacity, UNJUDGED, np.int8),
        }
        self.count = 0
        """Rows written so far; row r lies at r % capacity."""
        self.ids: dict[str, int] = {}
        """Numbers, as in the column `episode`, of the episodes by their names."""
        self.begun = 0
        """The first row of the episode that is under way."""
        self.name: str | None = None
        """Of that episode; None when there is none."""

    def begin(self, episode_id: str) -> bool:
        """Begin an episode; False, and nothing is to be added, when it is in already."""
        if self.name is not None:
            raise ReplayError(f"episode '{self.name}' is not finished; finish or drop it before the next")
        if episode_id in self.ids:
            return False
        self.ids[episode_id] = len(self.ids)
        self.name, self.begun = episode_id, self.count
        return True

    def add(self, observation: Mapping[str, NDArray[Any]], step: Step, index: int, weight: float = 1.0) -> None:
        """One step of the episode begun, and the observation at its start.

        Args:
            index: the step's number in the episode; they come one after the other from 0.

        Raises:
            ReplayError: out of order, not finite, or the episode is longer than the replay.
        """
        self._check(observation, step, index)
        if step.phase == Phase.RESET:
            self._close_before()
        row = self._write(observation, index)
        kind = TERMINATED if step.terminated else TRUNCATED if step.truncated else ONGOING
        for name, value in (
            ("action", step.executed),
            ("reward", step.reward),
            ("success", step.success),
            ("source", step.source),
            ("phase", step.phase),
            ("safety", step.safety),
            ("kind", FINAL if step.phase == Phase.RESET else kind),
            ("weight", weight),
        ):
            self.columns[name][row] = value

    def finish(self, observation: Mapping[str, NDArray[Any]], success: bool | None = None) -> None:
        """The episode is over; `observation` is what its last step led to. A step not marked as the end is cut off.

        Args:
            success: how it ended, which its steps alone do not tell: success may have to be held, and a person's word
                counts; None when nobody said.
        """
        if self.name is None:
            raise ReplayError("no episode has been begun; nothing can be finished")
        self._check_finite(observation, "its last observation")
        self._close_before()
        row = self._write(observation, self.count - self.begun)
        self.columns["kind"][row] = FINAL
        rows = np.arange(self.begun, self.count) % self.capacity
        self.columns["outcome"][rows] = UNJUDGED if success is None else int(success)
        self.name = None

    def drop(self) -> None:
        """Forget the episode begun; does nothing when there is none."""
        if self.name is None:
            return
        for count in range(self.begun, self.count):
            self._forget(count % self.capacity)
        del self.ids[self.name]
        self.count, self.name = self.begun, None

    def leave_out(self, episode_id: str) -> None:
        """Know an episode that nothing is to be learnt from: it has no row, and is never begun again."""
        if self.begin(episode_id):
            episode = self.columns["episode"]
            episode[episode == self.ids[episode_id]] = -1  # what a vain try to take it in has left behind
            self.name = None

    def newest(self, count: int) -> NDArray[np.int64]:
        """The rows written last, at most `count`, oldest first; observations without a step are among them."""
        first = max(self.count - min(count, self.capacity), 0)
        return np.arange(first, self.count) % self.capacity

    def _check(self, observation: Mapping[str, NDArray[Any]], step: Step, index: int) -> None:
        if self.name is None:
            raise ReplayError(f"step {index}: no episode has been begun")
        expected = self.count - self.begun
        if index != expected:
            raise ReplayError(f"episode '{self.name}': step {index} does not follow; step {expected} is the next one")
        if index + 2 > self.capacity:
            raise ReplayError(f"episode '{self.name}' is longer than the replay's {self.capacity} rows; enlarge it")
        self._check_finite(observation, f"step {index}")
        if not (np.isfinite(step.executed).all() and np.isfinite(step.reward)):
            raise ReplayError(
                f"episode '{self.name}', step {index}: action {step.executed.tolist()} or reward {step.reward} "
                "is not finite"
            )

    def _check_finite(self, observation: Mapping[str, NDArray[Any]], where: str) -> None:
        for name, table in self.observation.items():
            if name not in observation:
                raise ReplayError(f"episode '{self.name}', {where}: '{name}' is missing")
            if table.dtype.kind == "f" and not np.isfinite(observation[name]).all():
                value = np.asarray(observation[name]).tolist()
                raise ReplayError(f"episode '{self.name}', {where}: '{name}' is not finite: {value}")

    def _write(self, observation: Mapping[str, NDArray[Any]], index: int) -> int:
        """Put an observation into the next row, over the oldest; returns the row."""
        row = self.count % self.capacity
        self._forget(row)
        for name, table in self.observation.items():
            table[row] = observation[name]
        self.columns["episode"][row] = self.ids[self.name or ""]
        self.columns["step"][row] = index
        self.count += 1
        return row

    def _close_before(self) -> None:
        """The step before, if the episode went on after it, is the last of its run."""
        if self.count > self.begun:
            row = (self.count - 1) % self.capacity
            if self.columns["kind"][row] == ONGOING:
                self.columns["kind"][row] = TRUNCATED

    def _forget(self, row: int) -> None:
        """What a row held is no more."""
