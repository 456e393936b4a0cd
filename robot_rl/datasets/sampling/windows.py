"""Training windows: a short history of observations and the chunk of actions that followed.

A window belongs to a step t that the selection keeps. Its observations are those of steps
t - (n_obs - 1) * obs_stride to t; before the episode's first step the first is repeated. Its chunk is the
executed action of step t and those action_stride apart after it; beyond the end of the episode, or of the
run of selected steps that t lies in, the last action is repeated and the mask is False, so a chunk never
runs across an excluded step. Fields named as `future` are also given step by step along the chunk.

Numbers are held in memory; pictures stay on disk, decoded once into a cache (`frame_table`), so the data
may be larger than memory. A batch is a few takes: no Zarr call a sample.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.episode import Episode
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.sampling.cache import FrameCache
from robot_rl.datasets.sampling.columns import ACTION as ACTION
from robot_rl.datasets.sampling.columns import Columns, EpisodeFacts, selected
from robot_rl.datasets.sampling.derived import Derived
from robot_rl.datasets.sampling.frame_table import FrameTable
from robot_rl.datasets.sampling.selection import Selection, rule
from robot_rl.datasets.sampling.statistics import Statistics, statistics
from robot_rl.spec import Spec

ACTION_MASK, ACTION_KNOWN, OBSERVATION_MASK = "action_mask", "action_known", "observation_mask"


def future_key(name: str) -> str:
    """Under which a batch holds what was observed of field `name` at each step of the chunk."""
    return f"future.{name}"


class Windows:
    """All windows of some episodes; `len` is their number.

    Args:
        episodes: a data set, or any episodes of one spec.
        observation_names: fields and cameras to give, each (n_obs, *shape).
        n_obs: observations in a window, the newest last.
        horizon: actions in a chunk, the first belonging to the newest observation.
        select: a rule of `selection.RULES` by name, or a function from episode to step mask.
        obs_stride, action_stride: control steps between neighbours in a window (frame skip).
        future: those of `observation_names` that are also given along the chunk, as `future_key(name)`
            (B, horizon, *shape): row k was seen when action k was chosen, so row 0 is the newest observation;
            where `action_mask` is False the last valid row is repeated.
        derived: by the name of a camera, what is given in place of its pictures; computed once and kept in the cache.
        action_free: ids of episodes that are only watched: all their steps count, their actions are not looked at and
            given as zeros. With any, `action_known` (B,) says which windows of a batch have actions.
        cache: where decoded pictures are kept. `auto`: with each data set; None: nowhere, each picture is
            decoded whenever it is read.

    Raises:
        DatasetError: no step is selected, a stream is missing, or a selected number is not finite (the
            message names episode and step).
    """

    def __init__(
        self,
        episodes: Iterable[Episode],
        observation_names: Iterable[str],
        n_obs: int,
        horizon: int,
        select: Selection | str = "all",
        *,
        obs_stride: int = 1,
        action_stride: int = 1,
        future: Iterable[str] = (),
        derived: Mapping[str, Derived] | None = None,
        action_free: Collection[str] = (),
        cache: FrameCache | Literal["auto"] | None = "auto",
    ) -> None:
        if n_obs < 1 or horizon < 1:
            raise DatasetError(f"a window needs at least one observation and one action, got {n_obs} and {horizon}")
        if obs_stride < 1 or action_stride < 1:
            raise DatasetError(f"strides are at least 1, got {obs_stride} and {action_stride}")
        self.observation_names, self.future = tuple(observation_names), tuple(future)
        for name in self.future:
            if name not in self.observation_names:
                raise DatasetError(f"future field '{name}' is not among the fields of the windows")
        self.n_obs, self.horizon, self.obs_stride, self.action_stride = n_obs, horizon, obs_stride, action_stride
        if taken := {ACTION, ACTION_MASK, OBSERVATION_MASK, ACTION_KNOWN} & set(self.observation_names):
            raise DatasetError(f"an observation cannot be called '{min(taken)}' in a window")
        columns = Columns(self.observation_names, derived or {}, cache)
        chosen = rule(select) if isinstance(select, str) else select
        for episode, mask in selected(episodes, chosen, frozenset(action_free)):
            columns.add(episode, mask, str(episode.attributes.get("id")) in action_free)
        if columns.spec is None:
            raise DatasetError("no step is selected: there are no episodes, or the rule keeps none of their steps")
        self.spec: Spec = columns.spec
        self.fields: dict[str, NDArray[Any] | FrameTable] = columns.fields()
        """Every step's observations, all episodes one after the other: (N, *shape); pictures as a table that
        reads them when it is indexed with rows."""
        self.actions: NDArray[np.float64] = np.concatenate(columns.actions)
        """Every step's executed action (N, A)."""
        self.phases: NDArray[np.uint8] = np.concatenate(columns.phases)
        """Every step's phase (N,)."""
        self.episodes: tuple[EpisodeFacts, ...] = tuple(columns.facts)
        """The episodes that at least one window comes from."""
        self.first_rows: NDArray[np.int64] = np.array(columns.first_rows, np.int64)
        """(E,) row of each episode's first step."""
        self._segments = np.array(columns.segments, np.int64).reshape(-1, 3)  # first and end row, episode
        counts = self._segments[:, 1] - self._segments[:, 0]
        self._before = np.concatenate([[0], np.cumsum(counts)])  # windows before each segment

    def __len__(self) -> int:
        return int(self._before[-1])

    @cached_property
    def at(self) -> NDArray[np.int64]:
        """(W,) row of each window's step in `fields` and `actions`."""
        return self._locate(np.arange(len(self)))[0]

    @cached_property
    def episode_of(self) -> NDArray[np.int64]:
        """(W,) index in `episodes` of the episode each window comes from."""
        return np.repeat(self._segments[:, 2], np.diff(self._before))

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """(W,) whether each window has actions, and is not only watched."""
        return ~np.array([e.action_free for e in self.episodes])[self.episode_of]

    @property
    def episode_numbers(self) -> NDArray[np.int64]:
        """(W,) number of the episode each window comes from."""
        return np.array([e.number for e in self.episodes])[self.episode_of]

    def rows(self, indices: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Where windows (B,) lie: rows of the observations (B, n_obs), of the actions (B, horizon), and the
        mask (B, horizon), True where the action is real."""
        observations, actions, last, first = self._wanted(indices)
        return np.maximum(observations, first), np.minimum(actions, last), actions <= last

    def batch(self, indices: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """The windows at these indices (B,): each field (B, n_obs, *shape), `action` (B, horizon, A),
        `action_mask` (B, horizon) and `observation_mask` (B, n_obs), the masks False where a value is a
        repetition; and each future field (B, horizon, *shape)."""
        rows = self.rows(indices)[0]
        numbers = self.numbers(indices)
        fields = {n: self.pictures[n][rows] if n in self.pictures else numbers.pop(n) for n in self.observation_names}
        return fields | numbers | self.future_pictures(indices)

    def future_pictures(self, indices: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """The future fields of windows (B,) that are pictures, (B, horizon, *shape)."""
        along = self.rows(indices)[1]
        return {future_key(n): self.pictures[n][along] for n in self.future if n in self.pictures}

    def numbers(self, indices: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """What `batch` gives, without the pictures."""
        observations, actions, last, first = self._wanted(indices)
        rows, along = np.maximum(observations, first), np.minimum(actions, last)
        numeric = {n: v for n, v in self.fields.items() if not isinstance(v, FrameTable)}
        out = {n: v.take(rows, axis=0) for n, v in numeric.items()}
        out |= {future_key(n): numeric[n].take(along, axis=0) for n in self.future if n in numeric}
        if not self.known.all():
            out[ACTION_KNOWN] = self.known[indices]
        return out | {
            ACTION: self.actions.take(along, axis=0),
            ACTION_MASK: actions <= last,
            OBSERVATION_MASK: observations >= first,
        }

    @cached_property
    def pictures(self) -> dict[str, FrameTable]:
        """The fields that are pictures."""
        return {n: v for n, v in self.fields.items() if isinstance(v, FrameTable)}

    def sample(self, rng: np.random.Generator, batch: int) -> dict[str, NDArray[Any]]:
        """`batch` windows drawn uniformly with replacement; see `batch`."""
        return self.batch(rng.integers(len(self), size=batch))

    def statistics(self) -> dict[str, Statistics]:
        """Statistics of every numeric field and of `action` over the selected steps; pictures are left out."""
        numeric = {n: v for n, v in self.fields.items() if not isinstance(v, FrameTable)}
        out = {n: statistics(v[self.at]) for n, v in numeric.items()}
        if not self.known.any():
            raise DatasetError("no window has an action: every episode that is learned from is action-free")
        return out | {ACTION: statistics(self.actions[self.at[self.known]])}

    def _locate(self, indices: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Row of each window's step, and the segment it lies in."""
        segment = np.searchsorted(self._before, indices, side="right") - 1
        return self._segments[segment, 0] + indices - self._before[segment], segment

    def _wanted(
        self, indices: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """The rows windows (B,) ask for, ends of the episode disregarded: observations (B, n_obs) and actions
        (B, horizon); the last row of each segment and the first of its episode (B, 1)."""
        indices = np.asarray(indices, np.int64)
        if len(indices) and (indices.min() < 0 or indices.max() >= len(self)):
            raise IndexError(f"windows {indices.min()} to {indices.max()} of {len(self)}")
        at, segment = self._locate(indices)
        observations = at[:, None] + self.obs_stride * np.arange(1 - self.n_obs, 1)
        actions = at[:, None] + self.action_stride * np.arange(self.horizon)
        first = self.first_rows[self._segments[segment, 2]]
        return observations, actions, self._segments[segment, 1, None] - 1, first[:, None]
