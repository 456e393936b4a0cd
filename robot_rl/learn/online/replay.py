"""One replay for demonstrations and online steps: a ring over the Episode record, and views of it by index.

A row can be drawn once the `n_step` steps that follow it, or the episode's end, are in; `ring` says what a row is,
`views` what can be drawn, `transitions` what is read at the rows drawn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.record import Phase, Step
from robot_rl.learn.online import transitions, views
from robot_rl.learn.online.index_set import IndexSet
from robot_rl.learn.online.labels import Label, task
from robot_rl.learn.online.ring import (
    FAILURE,
    FINAL,
    ONGOING,
    SUCCESS,
    TERMINATED,
    TRUNCATED,
    UNJUDGED,
    NothingToDrawError,
    ReplayError,
    Ring,
)
from robot_rl.learn.online.transitions import CHUNK_STEP, Transitions
from robot_rl.learn.online.views import VIEWS

__all__ = [
    "CHUNK_STEP",
    "FAILURE",
    "FINAL",
    "ONGOING",
    "SUCCESS",
    "TERMINATED",
    "TRUNCATED",
    "UNJUDGED",
    "VIEWS",
    "NothingToDrawError",
    "Replay",
    "ReplayError",
    "Transitions",
]


class Replay(Ring):
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
        super().__init__(capacity, fields, action_size)
        self.n_step = n_step
        self._histories = dict(histories or {})
        self.views = {name: IndexSet(capacity) for name in VIEWS}
        self.rewritten = 0
        """How often what was said of a finished episode has changed; see `relabelling`."""
        self._waiting: deque[int] = deque()

    def __len__(self) -> int:
        """Transitions that can be drawn."""
        return len(self.views["all"])

    def __contains__(self, episode_id: str) -> bool:
        return episode_id in self.ids

    @property
    def current(self) -> int | None:
        """The number, as in the column `episode`, of the episode that is under way; None when there is none."""
        return None if self.name is None else self.ids[self.name]

    @property
    def finished(self) -> int:
        """How many episodes have come to their end here, those included that have been overwritten since."""
        return len(self.ids) - (self.name is not None)

    def number(self, episode_id: str) -> int:
        """The number of an episode, as in the column `episode`. Raises KeyError when it was never in."""
        return self.ids[episode_id]

    def retire(self) -> None:
        """Nothing that is in can be drawn any more; its episodes stay known."""
        for view in self.views.values():
            view.restore(np.zeros(0, np.int64))

    def add(self, observation: Mapping[str, NDArray[Any]], step: Step, index: int, weight: float = 1.0) -> None:
        """See `Ring.add`; those steps that are complete now can be drawn."""
        super().add(observation, step, index, weight)
        if step.phase == Phase.RESET:
            self._release(self.count)
        else:
            self._release(self.count - self.n_step)
            self._waiting.append(self.count - 1)

    def finish(self, observation: Mapping[str, NDArray[Any]], success: bool | None = None) -> None:
        """See `Ring.finish`; all of its steps can be drawn."""
        super().finish(observation, success)
        self._release(self.count)

    def drop(self) -> None:
        """Forget the episode begun; does nothing when there is none."""
        if self.name is not None:
            super().drop()
            self._waiting.clear()

    def draw(self, rng: np.random.Generator, batch: int, shares: Mapping[str, float]) -> NDArray[np.int64]:
        """Rows (batch,), of each view its share. Raises NothingToDrawError; see `views.draw`."""
        return views.draw(self.views, rng, batch, shares)

    def transitions(
        self, rows: NDArray[np.int64], gamma: float, label: Label = task, *, answers: bool = False
    ) -> Transitions:
        """What begins at `rows` (B,), each drawn from a view.

        Args:
            label: gives the rewards; see `labels`.
            answers: transitions of the agent's answers, drawn from `decisions`: each ends with its chunk, also where
                somebody stepped in before the chunk was over; the bootstrap is kept there.
        """
        return transitions.read(self, rows, self.n_step, gamma, label, self.seen, answers=answers)

    def seen(self, rows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """The observations (B, *shape) at `rows` (B,), histories included; see `transitions.history`."""
        out = {n: v[rows] for n, v in self.observation.items() if n not in self._histories}
        for name, (source, n) in self._histories.items():
            out[name] = self.observation[source][transitions.history(self, rows, n)]
        return out

    def values(self, name: str, rows: NDArray[np.int64]) -> NDArray[Any]:
        """What the history `name` is made of, at rows of any shape: (*rows.shape, *shape)."""
        return self.observation[self._histories[name][0]][rows]

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Everything, as arrays and a JSON-ready document. Raises ReplayError in the middle of an episode."""
        if self.name is not None:
            raise ReplayError(f"episode '{self.name}' is not finished; save between episodes")
        used = min(self.count, self.capacity)
        arrays = {f"observation.{n}": v[:used] for n, v in self.observation.items()}
        arrays |= {f"column.{n}": v[:used] for n, v in self.columns.items()}
        arrays |= {f"view.{n}": v.rows for n, v in self.views.items()}
        return arrays, {"count": self.count, "capacity": self.capacity, "n_step": self.n_step, "ids": list(self.ids)}

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
        self.count = int(document["count"])
        self.ids = {episode_id: i for i, episode_id in enumerate(document["ids"])}
        self.name = None
        self._waiting.clear()

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
        asked = CHUNK_STEP in self.observation and bool(self.observation[CHUNK_STEP][row] == 0)
        for name in views.views_of(self.columns["phase"][row], self.columns["source"][row], asked=asked):
            self.views[name].add(row)

    def _forget(self, row: int) -> None:
        for view in self.views.values():
            view.discard(row)
