"""Windows of a replay's finished episodes by the rules of `datasets.selection` and `datasets.weights`.

They are what `datasets.windows` would give of the same episodes: a window belongs to a step that the rule keeps, and
its chunk does not run across a step that it leaves out. An episode of which the ring has overwritten a part is left
out: what became of it before is not known any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.record import Phase
from robot_rl.datasets.sampling.selection import rule, segments
from robot_rl.datasets.sampling.weights import WEIGHTS
from robot_rl.datasets.sampling.windows import ACTION, ACTION_MASK, future_key
from robot_rl.learn.online.observe import BASE
from robot_rl.learn.online.replay import UNJUDGED, Replay


@dataclass(frozen=True)
class HeldEpisode:
    """An episode in the replay, as selection rules look at it."""

    rows: NDArray[np.int64]
    """(T,) of its steps."""
    steps: dict[str, NDArray[Any]]
    success: bool | None


def held_episodes(replay: Replay) -> list[HeldEpisode]:
    """The finished episodes that the replay holds in full, oldest first."""
    c, drawable = replay.columns, np.zeros(replay.capacity, bool)
    drawable[replay.views["all"].rows] = True
    rows = replay.newest(replay.capacity)
    rows = rows[c["episode"][rows] != (-1 if replay.current is None else replay.current)]
    changes = np.flatnonzero(np.diff(c["episode"][rows])) + 1
    out = []
    for part in np.split(rows, changes):
        steps = part[:-1]
        whole = len(steps) > 0 and c["step"][steps[0]] == 0
        if whole and bool((drawable[steps] | (c["phase"][steps] == Phase.RESET)).all()):
            outcome = int(c["outcome"][steps[0]])
            columns = {name: c[name][steps] for name in ("phase", "source", "safety")}
            out.append(HeldEpisode(steps, columns, None if outcome == UNJUDGED else bool(outcome)))
    return out


class SelectedWindows:
    """The windows of a replay at one moment.

    Args:
        select: a rule of `datasets.selection`.
        weights: one of `datasets.weights` that asks for nothing but phases.
        horizon: actions in a chunk.
    """

    def __init__(self, replay: Replay, select: str, weights: str, horizon: int) -> None:
        keep, at, phases, rows, last, first_rows = rule(select), [], [], [], [], []
        count = 0
        for episode in held_episodes(replay):
            mask = keep(episode)
            if not mask.any():
                continue
            first_rows.append(count)
            for begin, end in segments(mask):
                at.append(np.arange(count + begin, count + end))
                last.append(np.full(end - begin, count + end - 1))
            rows.append(episode.rows)
            phases.append(episode.steps["phase"])
            count += len(mask)
        self.horizon, self._weights = horizon, weights
        self.phases: NDArray[np.uint8] = _joined(phases, np.uint8)
        self.at: NDArray[np.int64] = _joined(at, np.int64)
        self.first_rows: NDArray[np.int64] = np.array(first_rows, np.int64)
        self.rows: NDArray[np.int64] = _joined(rows, np.int64)
        """(N,) row in the replay of each step of an episode with a window."""
        self._last: NDArray[np.int64] = _joined(last, np.int64)
        self._episodes = replay.columns["episode"][self.rows]
        self._finished, self._rewritten = replay.finished, replay.rewritten

    def current(self, replay: Replay) -> bool:
        """They are still what the replay gives: no episode has ended since, nothing else is said of one, and none of
        their rows has been overwritten."""
        same = replay.finished == self._finished and replay.rewritten == self._rewritten
        return same and np.array_equal(replay.columns["episode"][self.rows], self._episodes)

    def __len__(self) -> int:
        return len(self.at)

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """(W,) how often each window is drawn."""
        return WEIGHTS[self._weights](self)  # type: ignore[arg-type]

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        """Indices (count,) of windows, by weight, with replacement; none (0,) where no window has any weight."""
        if not len(self) or not self.weights.sum() > 0:
            return np.zeros(0, np.int64)
        return np.minimum(np.searchsorted(self._cumulated, rng.random(count), side="right"), len(self) - 1)

    def batch(
        self, replay: Replay, indices: NDArray[np.int64], names: Iterable[str], future: Iterable[str] = ()
    ) -> dict[str, NDArray[Any]]:
        """Windows (B,) by the base policy's own names, as `Windows.batch` gives them: each field (B, n_obs, *shape),
        `action` (B, horizon, A), `action_mask` (B, horizon), and each of `future` (B, horizon, *shape)."""
        wanted = self.at[indices][:, None] + np.arange(self.horizon)
        last = self._last[indices][:, None]
        along = self.rows[np.minimum(wanted, last)]
        seen = replay.seen(along[:, 0])
        out = {name: seen[BASE + name] for name in names}
        out |= {future_key(name): replay.values(BASE + name, along) for name in future}
        return out | {ACTION: replay.columns["action"][along], ACTION_MASK: wanted <= last}

    @cached_property
    def _cumulated(self) -> NDArray[np.float64]:
        total = np.cumsum(self.weights)
        return np.asarray(total / total[-1])


def _joined(parts: list[NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0, dtype)
