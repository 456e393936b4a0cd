"""Pictures with labels: what a classifier learns from, each with the episode and the step it is of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.rewards.errors import RewardError
from robot_rl.rewards.view import Pictures, View

KINDS = ("success", "other", "near_miss", "hands", "empty", "mined")
"""What a picture shows. `success` is the positive class; the rest are negatives.

`near_miss` nearly succeeded, `hands` shows a person in the scene, `empty` has no object or no robot in it, `mined`
fooled a classifier before.
"""
SUCCESS, OTHER, NEAR_MISS, HANDS, EMPTY, MINED = range(len(KINDS))
ADVISED = {"success": 200, "other": 600, "near_miss": 200, "hands": 100, "empty": 50}
"""Pictures of each kind to aim at: HIL-SERL trained on about 200 positives and 1000 negatives."""
BEFORE = 0.3
"""So long before a success [s] nobody can say to the picture when it began, unless it is said otherwise."""
EPISODES_ADVISED = 20
"""Episodes with a success, and as many without: fewer leave too little to hold out."""


CUT = "+"
"""Ends the name of a later piece of an episode that was too long to be held at once."""


@dataclass(frozen=True)
class LabelledFrames:
    """Pictures of one view. Pictures of an episode stand together, in order of time."""

    view: View
    pictures: Pictures  # (N, S, S, 3)
    kinds: NDArray[np.uint8]  # (N,) into KINDS
    episodes: NDArray[np.int64]  # (N,) into `ids`
    steps: NDArray[np.int64]  # (N,) of the episode, at whose end the picture was seen
    ids: tuple[str, ...]
    """Identity of each episode."""
    source: dict[str, Any]
    """Which data sets they came from (JSON)."""
    before: float = BEFORE
    """So long before each success [s] nothing was taken, and no classifier of these pictures is right or wrong."""
    rate: float = 0.0
    """Pictures a second that were looked at [Hz]; of several collections the least. 0: not known."""

    def __post_init__(self) -> None:
        n = len(self.pictures)
        if self.pictures.dtype != np.uint8 or self.pictures.shape[1:] != (self.view.size, self.view.size, 3):
            raise RewardError(f"pictures of shape {self.pictures.shape} are not those of {self.view}")
        if not (n == len(self.kinds) == len(self.episodes) == len(self.steps)):
            raise RewardError(
                f"{n} pictures, {len(self.kinds)} kinds, {len(self.episodes)} episodes, {len(self.steps)} steps: "
                "one of each a picture"
            )
        if n and (int(self.kinds.max()) >= len(KINDS) or int(self.episodes.max()) >= len(self.ids)):
            raise RewardError("a picture is of a kind or of an episode that is not listed")

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def counts(self) -> Counter[str]:
        """Pictures by kind."""
        return Counter(KINDS[k] for k in self.kinds.tolist())

    @property
    def labels(self) -> NDArray[np.bool_]:
        """(N,) True for success."""
        return np.asarray(self.kinds == 0)

    @property
    def strata(self) -> list[str]:
        """What each episode holds, to divide all sorts alike: a success, or the rarest other kind in it."""
        out = []
        for e in range(len(self.ids)):
            there = set(self.kinds[self.episodes == e].tolist())
            out.append(KINDS[0] if 0 in there else KINDS[max(there, default=1)])
        return out

    def joined(self, other: LabelledFrames) -> LabelledFrames:
        """These and more of the same view. Raises RewardError for another view, or an episode and step twice."""
        self.view.require(other.view)
        ids = tuple(dict.fromkeys((*self.ids, *other.ids)))
        place = np.array([ids.index(i) for i in other.ids], dtype=np.int64)
        episodes = np.concatenate([self.episodes, place[other.episodes]])
        steps = np.concatenate([self.steps, other.steps])
        if len(np.unique(np.stack([episodes, steps]), axis=1).T) != len(steps):
            raise RewardError("a picture (same episode, same step) is given twice; collect it once")
        order = np.lexsort((steps, episodes))
        return LabelledFrames(
            self.view,
            np.concatenate([self.pictures, other.pictures])[order],
            np.concatenate([self.kinds, other.kinds])[order],
            episodes[order],
            steps[order],
            ids,
            {"parts": [self.source, other.source]},
            max(self.before, other.before),
            min((r for r in (self.rate, other.rate) if r > 0), default=0.0),
        )

    def replaced(self, newer: LabelledFrames) -> LabelledFrames:
        """`newer`'s pictures, and of these all that it does not hold again: labels given later win."""
        self.view.require(newer.view)
        again = {(newer.ids[e], s) for e, s in zip(newer.episodes.tolist(), newer.steps.tolist())}
        mine = zip(self.episodes.tolist(), self.steps.tolist())
        keep = np.array([(self.ids[e], s) not in again for e, s in mine], dtype=bool)
        return self._only(keep).joined(newer)

    def without(self, ids: Iterable[str]) -> LabelledFrames:
        """These, but for the pictures of episodes of those names."""
        names = set(ids)
        return self._only(np.array([self.ids[e] not in names for e in self.episodes.tolist()], dtype=bool))

    def with_mined(self, mined: LabelledFrames) -> LabelledFrames:
        """As `replaced`, but what is known to show success stays so: a person's held key says it of pictures that the
        record, which knows the last step of success alone, calls mistakes."""
        shown = np.flatnonzero(self.kinds == SUCCESS)
        known = {(self.ids[self.episodes[i]], int(self.steps[i])) for i in shown}
        pictures = zip(mined.episodes.tolist(), mined.steps.tolist())
        return self.replaced(mined._only(np.array([(mined.ids[e], s) not in known for e, s in pictures], dtype=bool)))

    def _only(self, keep: NDArray[np.bool_]) -> LabelledFrames:
        return replace(
            self,
            pictures=self.pictures[keep],
            kinds=self.kinds[keep],
            episodes=self.episodes[keep],
            steps=self.steps[keep],
        )


def around_success(
    success: NDArray[np.bool_], stamps: NDArray[np.int64], before: float, near: float
) -> NDArray[np.int64]:
    """What pictures (T,) show that were taken at `stamps` [ns], an index into KINDS; -1 for what is not to be taken.

    Args:
        success: (T,) those that show it.
        before: so long before each success begins [s] nobody can say to the picture when it began.
        near: pictures in the time before that [s] are near misses.
    """
    out = np.full(len(success), OTHER)
    begins = np.flatnonzero(success & ~np.append(False, success[:-1]))
    ahead = stamps[begins][:, None] - stamps[None]  # [ns]
    out[((ahead > 0) & (ahead <= round((before + near) * 1e9))).any(axis=0)] = NEAR_MISS
    out[((ahead > 0) & (ahead <= round(before * 1e9))).any(axis=0)] = -1
    out[success] = SUCCESS
    return out


def advice(frames: LabelledFrames) -> list[str]:
    """What is missing for a classifier to trust, one line each; empty when there is enough of everything."""
    counts = frames.counts
    lines = [
        f"{counts[kind]} pictures of kind {kind}: aim at {wanted}"
        for kind, wanted in ADVISED.items()
        if counts[kind] < wanted
    ]
    won = len(np.unique(frames.episodes[frames.labels]))
    for name, n in (("with a success", won), ("without one", len(frames.ids) - won)):
        if n < EPISODES_ADVISED:
            lines.append(f"{n} episodes {name}: aim at {EPISODES_ADVISED}, since whole episodes are held out")
    return lines
