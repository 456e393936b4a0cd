"""The steps that windows are taken from, episode after episode: numbers in memory, pictures where they are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.episode import Episode
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.sampling.cache import FrameCache, cache_folder
from robot_rl.datasets.sampling.derived import Derived
from robot_rl.datasets.sampling.frame_table import FrameTable, FrameTableBuilder
from robot_rl.datasets.sampling.selection import Selection, segments
from robot_rl.datasets.store.reading import Frames
from robot_rl.spec import Spec, mismatch

ACTION = "action"


@dataclass(frozen=True)
class EpisodeFacts:
    """What weighting asks about an episode that windows are drawn from."""

    number: int
    operator: str
    success: bool | None
    total_reward: float
    """The sum of the rewards of all its steps."""
    action_free: bool = False
    """Its actions are not looked at."""


class Columns:
    """Every step of the episodes added, one after the other.

    Args:
        names: fields and cameras.
        derived: by the name of a camera, what is taken in place of its pictures.
        cache: where decoded pictures are kept; see `Windows`.
    """

    def __init__(
        self, names: tuple[str, ...], derived: Mapping[str, Derived], cache: FrameCache | Literal["auto"] | None
    ) -> None:
        self.spec: Spec | None = None
        self.actions: list[NDArray[np.float64]] = []
        self.phases: list[NDArray[np.uint8]] = []
        self.facts: list[EpisodeFacts] = []
        self.first_rows: list[int] = []
        self.segments: list[tuple[int, int, int]] = []
        self._names, self._derived, self._cache = names, derived, cache
        self._caches: dict[Path, FrameCache] = {}
        self._numbers: dict[str, list[NDArray[Any]]] = {}
        self._pictures: dict[str, FrameTableBuilder] = {}
        self._rows = 0

    def add(self, episode: Episode, mask: NDArray[np.bool_], action_free: bool) -> None:
        """Take in an episode of which the steps in `mask` (T,) are selected. Raises DatasetError."""
        self.spec = _same_spec(self.spec, episode)
        pictures = [n for n in self._names if isinstance(episode.stream(n).values, Frames)]
        values = episode.aligned(n for n in self._names if n not in pictures)
        actions = np.zeros_like(episode.steps["executed"]) if action_free else episode.steps["executed"]
        _check_finite(episode, values | {ACTION: actions}, mask)
        for name, value in values.items():
            self._numbers.setdefault(name, []).append(value)
        for name in pictures:
            if name not in self._pictures:
                self._pictures[name] = FrameTableBuilder(name, self._derived.get(name))
            self._pictures[name].add(episode, self._cache_of(episode))
        self.actions.append(actions)
        self.phases.append(episode.steps["phase"])
        self.segments += [(self._rows + a, self._rows + b, len(self.facts)) for a, b in segments(mask)]
        self.first_rows.append(self._rows)
        self.facts.append(_facts(episode, action_free))
        self._rows += len(episode)

    def fields(self) -> dict[str, NDArray[Any] | FrameTable]:
        """Every field by name, in the order asked for."""
        out: dict[str, NDArray[Any] | FrameTable] = {n: np.concatenate(v) for n, v in self._numbers.items()}
        out |= {n: b.table() for n, b in self._pictures.items()}
        return {n: out[n] for n in self._names}

    def _cache_of(self, episode: Episode) -> FrameCache | None:
        if self._cache != "auto":
            return self._cache
        dataset = episode.folder.parents[1]
        if dataset not in self._caches:
            self._caches[dataset] = FrameCache(cache_folder(dataset))
        return self._caches[dataset]


def selected(
    episodes: Iterable[Episode], chosen: Selection, action_free: Collection[str]
) -> Iterator[tuple[Episode, NDArray[np.bool_]]]:
    """The episodes of which a step is selected, with their masks (T,)."""
    for episode in episodes:
        watched = str(episode.attributes.get("id")) in action_free
        mask = np.ones(len(episode), bool) if watched else chosen(episode)
        if mask.shape != (len(episode),):
            raise DatasetError(f"episode {episode.number}: the selection gave {mask.shape}, not ({len(episode)},)")
        if mask.any():
            yield episode, mask


def _facts(episode: Episode, action_free: bool) -> EpisodeFacts:
    total = float(np.sum(episode.steps["reward"], dtype=np.float64))
    operator = str(episode.attributes.get("operator", ""))
    return EpisodeFacts(episode.number, operator, episode.success, total, action_free)


def _same_spec(spec: Spec | None, episode: Episode) -> Spec:
    if spec is not None and spec is not episode.spec and (differences := spec.differences(episode.spec)):
        this = f"episode {episode.number} of {episode.folder.parents[1]}"
        raise DatasetError(mismatch(("what comes before", spec), (this, episode.spec), differences))
    return spec or episode.spec


def _check_finite(episode: Episode, values: dict[str, NDArray[np.generic]], mask: NDArray[np.bool_]) -> None:
    for name, value in values.items():
        if value.dtype.kind == "f":
            bad = mask & ~np.isfinite(value).reshape(len(value), -1).all(axis=1)
            if bad.any():
                t = int(np.flatnonzero(bad)[0])
                raise DatasetError(f"episode {episode.number}, step {t}: '{name}' is not finite: {value[t]}")
