"""One replay for demonstrations and online steps: a ring over the Episode record, and views of it by index.

A row is a step: the observation at its start, the action executed, and what came of it. The observation after
an episode's last step is a row of its own, so a step's next observation is always the row after it and no
picture is stored twice. A row can be drawn once the `n_step` steps that follow it, or the episode's end, are in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.record import Phase, Source, Step
from robot_rl.learn.online.index_set import IndexSet
from robot_rl.learn.online.labels import Label, StepWindow, task
from robot_rl.learn.online.returns import Returns, n_step_returns

ONGOING, TERMINATED, TRUNCATED, FINAL = range(4)
"""Kinds of rows: a step the episode goes on after, one it ends for good with, one it is cut off after, and an
observation that no step of this table begins at."""

FAILURE, SUCCESS, UNJUDGED = 0, 1, -1
"""Outcomes of the episode that a row belongs to, once it is finished."""

VIEWS = ("all", "demonstrations", "online", "decisions")
"""What can be drawn from. `demonstrations`: what a human did, interventions included; `online`: every step of
deployments, interventions included (HIL-SERL stores these in both buffers); `decisions`: steps in which the agent
was asked, and carried out what it answered."""

CHUNK_STEP = "chunk_step"
"""The field that counts the steps since the agent was asked, () int16: 0 where it was, -1 where it did not act."""


class ReplayError(ValueError):
    """A step does not fit the replay; the message names the episode and step."""


@dataclass(frozen=True)
class Transitions:
    """B transitions of up to n steps each, as arrays."""

    observation: dict[str, NDArray[Any]]  # (B, *shape) by field
    action: NDArray[np.float32]  # (B, n, A) executed, physical units; of rows beyond `returns.mask` anything
    next_observation: dict[str, NDArray[Any]]  # (B, *shape) after the k steps that were executed
    returns: Returns
    weight: NDArray[np.float32]  # (B,)
    human: NDArray[np.bool_]  # (B,) a human acted


class Replay:
    """Steps of many episodes.

    Args:
        capacity: rows; the oldest are overwritten. An episode takes one more than it has steps.
        fields: shape and dtype of each observation field, e.g. `{"state": ((9,), "float32")}`.
        n_step: how many steps a transition spans at most.
        histories: further fields of observations drawn, each the newest n values (n, *shape) of a field of rows,
            oldest first: its name and n. A field that only serves histories is not drawn by itself.
    """

    def __init__(
        self,
        capacity: int,
        fields: Mapping[str, tuple[tuple[int, ...], str]],
        action_size: int,
        n_step: int,
        histories: Mapping[str, tuple[str, int]] | None = None,
    ) -> None:
        if n_step < 1 or capacity < n_step + 2:
            raise ValueError(f"n_step is {n_step} and capacity {capacity}; at least 1 and n_step + 2 are needed")
        self.capacity, self.n_step = capacity, n_step
        self.observation = {n: np.zeros((capacity, *shape), dtype) for n, (shape, dtype) in fields.items()}
        self._histories = dict(histories or {})
        self.columns: dict[str, NDArray[Any]] = {
            "action": np.zeros((capacity, action_size), np.float32),
            "reward": np.zeros(capacity, np.float32),
            "success": np.zeros(capacity, bool),
            "source": np.zeros(capacity, np.uint8),
            "phase": np.zeros(capacity, np.uint8),
            "kind": np.full(capacity, FINAL, np.uint8),
            "weight": np.ones(capacity, np.float32),
            "episode": np.full(capacity, -1, np.int32),
            "step": np.zeros(capacity, np.int32),
            "outcome": np.full(capacity, UNJUDGED, np.int8),
        }
        self.views = {name: IndexSet(capacity) for name in VIEWS}
        self.rewritten = 0
        """How often what was said of a finished episode has changed; see `relabelling`."""
        self._count = 0
        self._ids: dict[str, int] = {}
        self._current: str | None = None
        self._begun = 0
        self._waiting: deque[int] = deque()

    def __len__(self) -> int:
        """Transitions that can be drawn."""
        return len(self.views["all"])

    def __contains__(self, episode_id: str) -> bool:
        return episode_id in self._ids

    @property
    def current(self) -> int | None:
        """The number, as in the column `episode`, of the episode that is under way; None when there is none."""
        return None if self._current is None else self._ids[self._current]

    @property
    def finished(self) -> int:
        """How many episodes have come to their end here, those included that have been overwritten since."""
        return len(self._ids) - (self._current is not None)

    def number(self, episode_id: str) -> int:
        """The number of an episode, as in the column `episode`. Raises KeyError when it was never in."""
        return self._ids[episode_id]

    def retire(self) -> None:
        """Nothing that is in can be drawn any more; its episodes stay known."""
        for view in self.views.values():
            view.restore(np.zeros(0, np.int64))

    def begin(self, episode_id: str) -> bool:
        """Begin an episode; False, and nothing is to be added, when it is in already."""
        if self._current is not None:
            raise ReplayError(f"episode '{self._current}' is not finished; finish or drop it before the next")
        if episode_id in self._ids:
            return False
        self._ids[episode_id] = len(self._ids)
        self._current, self._begun = episode_id, self._count
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
            ("kind", FINAL if step.phase == Phase.RESET else kind),
            ("weight", weight),
        ):
            self.columns[name][row] = value
        if step.phase == Phase.RESET:
            self._release(self._count)
        else:
            self._release(self._count - self.n_step)
            self._waiting.append(self._count - 1)

    def finish(
        self,
        observation: Mapping[str, NDArray[Any]],
        success: bool | Literal["as its steps say"] | None = "as its steps say",
    ) -> None:
        """The episode is over; `observation` is what its last step led to. A step not marked as the end is cut off.

        Args:
            success: how it ended; None when nobody said.
        """
        if self._current is None:
            raise ReplayError("no episode has been begun; nothing can be finished")
        self._check_finite(observation, "its last observation")
        self._close_before()
        row = self._write(observation, self._count - self._begun)
        self.columns["kind"][row] = FINAL
        rows = np.arange(self._begun, self._count) % self.capacity
        if success == "as its steps say":
            success = bool(self.columns["success"][rows[:-1]].any())
        self.columns["outcome"][rows] = UNJUDGED if success is None else int(success)
        self._release(self._count)
        self._current = None

    def drop(self) -> None:
        """Forget the episode begun; does nothing when there is none."""
        if self._current is None:
            return
        for count in range(self._begun, self._count):
            self._forget(count % self.capacity)
        del self._ids[self._current]
        self._count, self._current = self._begun, None
        self._waiting.clear()

    def draw(self, rng: np.random.Generator, batch: int, shares: Mapping[str, float]) -> NDArray[np.int64]:
        """Rows (batch,): of each view its share, exact up to rounding; an empty view's share goes to the others.

        Raises:
            ReplayError: none of the views has a transition.
        """
        present = {name: share for name, share in shares.items() if len(self.views[name]) and share > 0}
        if not present:
            raise ReplayError(f"nothing to draw: there is no transition in {', '.join(shares)}")
        cuts = np.round(batch * np.cumsum(list(present.values())) / sum(present.values())).astype(int)
        counts = np.diff(cuts, prepend=0)
        return np.concatenate([self.views[n].draw(rng, int(c)) for n, c in zip(present, counts, strict=True)])

    def transitions(
        self, rows: NDArray[np.int64], gamma: float, label: Label = task, *, answers: bool = False
    ) -> Transitions:
        """What begins at `rows` (B,), each drawn from a view.

        Args:
            label: gives the rewards; see `labels`.
            answers: transitions of the agent's answers, drawn from `decisions`: each ends with its chunk, also where
                somebody stepped in before the chunk was over; the bootstrap is kept there.
        """
        window = (rows[:, None] + np.arange(self.n_step + 1)) % self.capacity
        steps, c = window[:, :-1], self.columns
        kind = c["kind"][steps]
        ended, terminated = kind != ONGOING, kind == TERMINATED

        def look(name: str) -> NDArray[Any]:
            return self.observation[name][window]

        seen = StepWindow(c["reward"][steps], c["success"][steps], ended, terminated, c["source"][window], look)
        returns = n_step_returns(label(seen), ended | self._left(window) if answers else ended, terminated, gamma)
        after = (rows + returns.length) % self.capacity
        return Transitions(
            observation=self.seen(rows),
            action=c["action"][steps],
            next_observation=self.seen(after),
            returns=returns,
            weight=c["weight"][rows],
            human=c["source"][rows] == Source.HUMAN,
        )

    def newest(self, count: int) -> NDArray[np.int64]:
        """The rows written last, at most `count`, oldest first; observations without a step are among them."""
        first = max(self._count - min(count, self.capacity), 0)
        return np.arange(first, self._count) % self.capacity

    def seen(self, rows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """The observations (B, *shape) at `rows` (B,), histories included; a history does not reach into the episode
        before, nor past what has been overwritten: the earliest row there is stands in for those before it."""
        out = {n: v[rows] for n, v in self.observation.items() if n not in self._histories}
        for name, (source, n) in self._histories.items():
            out[name] = self.observation[source][self._before(rows, n)]
        return out

    def values(self, name: str, rows: NDArray[np.int64]) -> NDArray[Any]:
        """What the history `name` is made of, at rows of any shape: (*rows.shape, *shape)."""
        return self.observation[self._histories[name][0]][rows]

    def _left(self, window: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(B, n) whether the row after each step of a window (B, n + 1) is no part of the same answer."""
        return self.observation[CHUNK_STEP][window][:, 1:] != np.arange(1, window.shape[1])

    def _before(self, rows: NDArray[np.int64], n: int) -> NDArray[np.int64]:
        """(B, n) the rows up to and with `rows` (B,), of the same episode."""
        episode, out = self.columns["episode"], [rows]
        for _ in range(n - 1):
            earlier = (out[-1] - 1) % self.capacity
            follows = (episode[earlier] == episode[rows]) & (
                self.columns["step"][earlier] + 1 == self.columns["step"][out[-1]]
            )
            out.append(np.where(follows, earlier, out[-1]))
        return np.stack(out[::-1], axis=1)

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Everything, as arrays and a JSON-ready document. Raises ReplayError in the middle of an episode."""
        if self._current is not None:
            raise ReplayError(f"episode '{self._current}' is not finished; save between episodes")
        used = min(self._count, self.capacity)
        arrays = {f"observation.{n}": v[:used] for n, v in self.observation.items()}
        arrays |= {f"column.{n}": v[:used] for n, v in self.columns.items()}
        arrays |= {f"view.{n}": v.rows for n, v in self.views.items()}
        return arrays, {"count": self._count, "capacity": self.capacity, "n_step": self.n_step, "ids": list(self._ids)}

    def restore(self, arrays: Mapping[str, NDArray[Any]], document: Mapping[str, Any]) -> None:
        """Take up what `state` gave. Raises ReplayError when it is of a replay of another size or other fields."""
        for key, mine in (("capacity", self.capacity), ("n_step", self.n_step)):
            if document[key] != mine:
                raise ReplayError(f"the saved replay has {key} {document[key]}, this one {mine}")
        wanted = {
            *(f"observation.{n}" for n in self.observation),
            *(f"column.{n}" for n in self.columns),
            *(f"view.{n}" for n in self.views),
        }
        if missing := sorted(wanted - set(arrays)):
            raise ReplayError(
                f"the saved replay has no {', '.join(missing)}: it is of another version of robot_rl. The session's "
                "episodes are all in its data set `episodes`: begin a new session and give that as --dataset"
            )
        used = min(int(document["count"]), self.capacity)
        for prefix, table in (("observation", self.observation), ("column", self.columns)):
            for name, values in table.items():
                values[:used] = arrays[f"{prefix}.{name}"]
        for name, view in self.views.items():
            view.restore(arrays[f"view.{name}"])
        self._count = int(document["count"])
        self._ids = {episode_id: i for i, episode_id in enumerate(document["ids"])}
        self._current = None
        self._waiting.clear()

    def _check(self, observation: Mapping[str, NDArray[Any]], step: Step, index: int) -> None:
        if self._current is None:
            raise ReplayError(f"step {index}: no episode has been begun")
        expected = self._count - self._begun
        if index != expected:
            raise ReplayError(
                f"episode '{self._current}': step {index} does not follow; step {expected} is the next one"
            )
        if index + 2 > self.capacity:
            raise ReplayError(f"episode '{self._current}' is longer than the replay's {self.capacity} rows; enlarge it")
        self._check_finite(observation, f"step {index}")
        if not (np.isfinite(step.executed).all() and np.isfinite(step.reward)):
            raise ReplayError(
                f"episode '{self._current}', step {index}: action {step.executed.tolist()} or reward {step.reward} "
                "is not finite"
            )

    def _check_finite(self, observation: Mapping[str, NDArray[Any]], where: str) -> None:
        for name, table in self.observation.items():
            if name not in observation:
                raise ReplayError(f"episode '{self._current}', {where}: '{name}' is missing")
            if table.dtype.kind == "f" and not np.isfinite(observation[name]).all():
                value = np.asarray(observation[name]).tolist()
                raise ReplayError(f"episode '{self._current}', {where}: '{name}' is not finite: {value}")

    def _write(self, observation: Mapping[str, NDArray[Any]], index: int) -> int:
        """Put an observation into the next row, over the oldest; returns the row."""
        row = self._count % self.capacity
        self._forget(row)
        for name, table in self.observation.items():
            table[row] = observation[name]
        self.columns["episode"][row] = self._ids[self._current or ""]
        self.columns["step"][row] = index
        self._count += 1
        return row

    def _close_before(self) -> None:
        """The step before, if the episode went on after it, is the last of its run."""
        if self._count > self._begun:
            row = (self._count - 1) % self.capacity
            if self.columns["kind"][row] == ONGOING:
                self.columns["kind"][row] = TRUNCATED

    def _release(self, before: int) -> None:
        """Waiting rows with a count below `before` are complete: they may be drawn."""
        while self._waiting and self._waiting[0] < before:
            self.file(self._waiting.popleft() % self.capacity)

    def file(self, row: int) -> None:
        """Put a row, complete with what follows it, into the views that it belongs to; one that no step begins at into
        none."""
        self._forget(row)
        if self.columns["kind"][row] == FINAL:
            return
        phase, source = self.columns["phase"][row], self.columns["source"][row]
        self.views["all"].add(row)
        if phase == Phase.DEMONSTRATION or source == Source.HUMAN:
            self.views["demonstrations"].add(row)
        if phase != Phase.DEMONSTRATION:
            self.views["online"].add(row)
        if CHUNK_STEP in self.observation and self.observation[CHUNK_STEP][row] == 0:
            self.views["decisions"].add(row)

    def _forget(self, row: int) -> None:
        for view in self.views.values():
            view.discard(row)
