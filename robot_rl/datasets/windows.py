"""Training windows: a short history of observations and the chunk of actions that followed, from memory.

A window belongs to a step t that the selection keeps. Its observations are those of steps t - n_obs + 1
to t; before the episode's first step the first is repeated. Its chunk is the executed action of step t
and those after it; beyond the end of the episode, or of the run of selected steps that t lies in, the
last action is repeated and the mask is False, so a chunk never runs across an excluded step.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.episode import Episode
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.selection import Selection, rule, segments
from robot_rl.datasets.statistics import Statistics, statistics
from robot_rl.spec import Spec

ACTION, ACTION_MASK = "action", "action_mask"


class Windows:
    """All windows of some episodes; `len` is their number.

    Args:
        episodes: a data set, or any episodes of one spec.
        observation_names: fields and cameras to give, each (n_obs, *shape).
        n_obs: observations in a window, the newest last.
        horizon: actions in a chunk, the first belonging to the newest observation.
        select: a rule of `selection.RULES` by name, or a function from episode to step mask.

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
    ) -> None:
        if n_obs < 1 or horizon < 1:
            raise DatasetError(f"a window needs at least one observation and one action, got {n_obs} and {horizon}")
        self.observation_names = tuple(observation_names)
        self.n_obs, self.horizon = n_obs, horizon
        if {ACTION, ACTION_MASK} & set(self.observation_names):
            raise DatasetError(f"an observation cannot be called '{ACTION}' or '{ACTION_MASK}' in a window")
        chosen = rule(select) if isinstance(select, str) else select
        fields: dict[str, list[NDArray[np.generic]]] = {n: [] for n in self.observation_names}
        actions: list[NDArray[np.float64]] = []
        at, first, last, numbers = [], [], [], []
        spec: Spec | None = None
        rows = 0
        for episode in episodes:
            spec = _same_spec(spec, episode)
            mask = chosen(episode)
            if mask.shape != (len(episode),):
                raise DatasetError(f"episode {episode.number}: the selection gave {mask.shape}, not ({len(episode)},)")
            if not mask.any():
                continue
            values = episode.aligned(self.observation_names)
            _check_finite(episode, values | {ACTION: episode.steps["executed"]}, mask)
            for name, value in values.items():
                fields[name].append(value)
            actions.append(episode.steps["executed"])
            for start, end in segments(mask):
                at.append(rows + np.arange(start, end))
                last.append(np.full(end - start, rows + end - 1))
                first.append(np.full(end - start, rows))
                numbers.append(np.full(end - start, episode.number))
            rows += len(episode)
        if spec is None or not at:
            raise DatasetError("no step is selected: there are no episodes, or the rule keeps none of their steps")
        self.spec = spec
        self.fields: dict[str, NDArray[np.generic]] = {n: np.concatenate(v) for n, v in fields.items()}
        """Every step's observations, all episodes one after the other: (N, *shape)."""
        self.actions: NDArray[np.float64] = np.concatenate(actions)
        """Every step's executed action (N, A)."""
        self.at = np.concatenate(at)
        """(W,) row of each window's step in `fields` and `actions`."""
        self.episode_numbers = np.concatenate(numbers)
        """(W,) number of the episode each window comes from."""
        self._first, self._last = np.concatenate(first), np.concatenate(last)

    def __len__(self) -> int:
        return len(self.at)

    def rows(self, indices: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Where windows (B,) lie: rows of the observations (B, n_obs), of the actions (B, horizon), and the
        mask (B, horizon), True where the action is real."""
        at = self.at[indices, None]
        observations = np.maximum(at + np.arange(1 - self.n_obs, 1), self._first[indices, None])
        actions = at + np.arange(self.horizon)
        last = self._last[indices, None]
        return observations, np.minimum(actions, last), actions <= last

    def batch(self, indices: NDArray[np.int64]) -> dict[str, NDArray[np.generic]]:
        """The windows at these indices (B,): each field (B, n_obs, *shape), `action` (B, horizon, A) and
        `action_mask` (B, horizon)."""
        observations, actions, mask = self.rows(indices)
        out: dict[str, NDArray[np.generic]] = {n: v[observations] for n, v in self.fields.items()}
        return out | {ACTION: self.actions[actions], ACTION_MASK: mask}

    def sample(self, rng: np.random.Generator, batch: int) -> dict[str, NDArray[np.generic]]:
        """`batch` windows drawn uniformly with replacement; see `batch`."""
        return self.batch(rng.integers(len(self), size=batch))

    def statistics(self) -> dict[str, Statistics]:
        """Statistics of every numeric field and of `action` over the selected steps; pictures are left out."""
        images = {n for n, v in self.fields.items() if v.dtype in (np.uint8, np.uint16)}
        out = {n: statistics(v[self.at]) for n, v in self.fields.items() if n not in images}
        return out | {ACTION: statistics(self.actions[self.at])}


def _same_spec(spec: Spec | None, episode: Episode) -> Spec:
    if spec is not None and spec is not episode.spec and (differences := spec.differences(episode.spec)):
        raise DatasetError(f"episode {episode.number} is of another spec: {'; '.join(differences)}")
    return spec or episode.spec


def _check_finite(episode: Episode, values: dict[str, NDArray[np.generic]], mask: NDArray[np.bool_]) -> None:
    for name, value in values.items():
        if value.dtype.kind == "f":
            bad = mask & ~np.isfinite(value).reshape(len(value), -1).all(axis=1)
            if bad.any():
                t = int(np.flatnonzero(bad)[0])
                raise DatasetError(f"episode {episode.number}, step {t}: '{name}' is not finite: {value[t]}")
