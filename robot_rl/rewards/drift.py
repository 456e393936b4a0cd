"""Is the camera still showing what the classifier was trained on? Feature statistics, and how often it is unsure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from robot_rl.rewards.errors import RewardError

WINDOW = 50
"""Pictures that are compared at once."""
MARGIN = 1.5
"""The limit lies this factor above the largest distance of any window of episodes that were held out."""
UNSURE = (0.1, 0.9)
"""A probability in between is no clear answer."""
MOST_UNSURE = 0.9
"""The limit of unsure answers lies at most here, so that a window of nothing else is always noticed."""
_FLOOR = 1e-3
"""Least standard deviation of a feature, so that a constant one does not divide by zero."""


class Seen(Protocol):
    """What a classifier made of pictures."""

    @property
    def features(self) -> NDArray[Any]: ...  # (N, F)

    @property
    def appearance(self) -> NDArray[Any]: ...  # (N, 22)

    @property
    def probabilities(self) -> NDArray[np.float64]: ...  # (N,)


def appearance(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """What a picture (N, S, S, 3) looks like, without learning: (N, 22).

    Mean and deviation of each channel, and the brightness of 4 x 4 fields, all in [0, 1]. A network with group
    normalisation hardly notices that the light has changed, so its features alone would not tell either.
    """
    n, side = pictures.shape[:2]
    scaled = pictures.astype(np.float64) / 255.0
    field = side // 4
    grey = scaled.mean(axis=3)[:, : 4 * field, : 4 * field].reshape(n, 4, field, 4, field).mean(axis=(2, 4))
    return np.concatenate([scaled.mean(axis=(1, 2)), scaled.std(axis=(1, 2)), grey.reshape(n, 16)], axis=1)


@dataclass(frozen=True)
class Usual:
    """Numbers of a picture as they were in training."""

    mean: NDArray[np.float64]  # (F,)
    std: NDArray[np.float64]  # (F,)
    limit: float = np.inf
    """Distance from which on a window is of another world."""

    def distance(self, window: NDArray[Any]) -> float:
        """How far the mean of a window (W, F) lies from training: sqrt of the mean over numbers of z squared."""
        z = (window.mean(axis=0, dtype=np.float64) - self.mean) / self.std
        return float(np.sqrt(np.mean(z * z)))

    @classmethod
    def of(cls, values: NDArray[Any], held_out: Sequence[NDArray[Any]], window: int) -> Usual:
        """From (N, F) of training, and (T, F) of each held-out episode in order of time, which set the limit."""
        base = cls(values.mean(axis=0, dtype=np.float64), np.maximum(values.std(axis=0, dtype=np.float64), _FLOOR))
        return cls(base.mean, base.std, MARGIN * max(base.distance(w) for w in _windows(held_out, window)))


@dataclass(frozen=True)
class Reference:
    """What training looked like."""

    features: Usual
    appearance: Usual
    unsure: float
    """Share of unsure answers from which on a window is of another world."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        parts = {n: getattr(self, n) for n in ("features", "appearance")}
        return {"unsure": self.unsure} | {
            n: {"mean": u.mean.tolist(), "std": u.std.tolist(), "limit": u.limit} for n, u in parts.items()
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Reference:
        """Read what `to_dict` wrote. Raises KeyError or TypeError."""
        features, look = (
            Usual(np.array(data[n]["mean"]), np.array(data[n]["std"]), float(data[n]["limit"]))
            for n in ("features", "appearance")
        )
        return cls(features, look, float(data["unsure"]))


def unsure_share(probabilities: NDArray[np.float64]) -> float:
    """The share of probabilities (N,) that are no clear answer."""
    return float(((probabilities > UNSURE[0]) & (probabilities < UNSURE[1])).mean())


def reference(training: Seen, held_out: Sequence[Seen], window: int = WINDOW) -> Reference:
    """What is usual.

    Args:
        training: the pictures trained on.
        held_out: each held-out episode, in order of time; they say how far a window strays when nothing has changed.

    Raises:
        RewardError: nothing was held out.
    """
    if not held_out:
        raise RewardError("no held-out episode to say how much pictures vary when nothing has changed")
    unsure = [unsure_share(w) for w in _windows([seen.probabilities for seen in held_out], window)]
    return Reference(
        features=Usual.of(training.features, [s.features for s in held_out], window),
        appearance=Usual.of(training.appearance, [s.appearance for s in held_out], window),
        unsure=min(MARGIN * max(unsure) + 0.2, MOST_UNSURE),
    )


def _windows(episodes: Sequence[NDArray[Any]], window: int) -> list[NDArray[Any]]:
    """Half overlapping windows of episodes (T, ...). One that is shorter counts, as a whole, only where all are: the
    mean of a few pictures strays further than that of a window does, and would set a limit that nothing reaches."""
    long = [e for e in episodes if len(e) >= window]
    if not long:
        return list(episodes)
    return [e[i : i + window] for e in long for i in range(0, len(e) - window + 1, max(window // 2, 1))]


class DriftAlarm:
    """Watches the newest pictures of one camera."""

    def __init__(self, reference: Reference, camera: str, window: int = WINDOW) -> None:
        self._reference, self._camera = reference, camera
        self._recent: deque[tuple[NDArray[Any], NDArray[Any], float]] = deque(maxlen=window)
        self._window = window

    def add(self, features: NDArray[Any], look: NDArray[Any], probability: float) -> str | None:
        """Take in a picture; what is wrong once a full window is unlike training, else None.

        Args:
            features: (F,) of the network.
            look: (22,), see `appearance`.
        """
        self._recent.append((features, look, probability))
        if len(self._recent) < self._window:
            return None
        known, cause = self._reference, []
        columns = [np.stack([r[i] for r in self._recent]) for i in (0, 1)]
        for name, usual, seen in (("features", known.features, columns[0]), ("look", known.appearance, columns[1])):
            if (distance := usual.distance(seen)) > usual.limit:
                cause.append(f"the {name} of its pictures lies {distance:.2f} from training (limit {usual.limit:.2f})")
        if (unsure := unsure_share(np.array([r[2] for r in self._recent]))) > known.unsure:
            cause.append(f"{unsure:.0%} of the answers are unsure (limit {known.unsure:.0%})")
        if not cause:
            return None
        return (
            f"camera '{self._camera}': {' and '.join(cause)} over the last {self._window} pictures. Has it moved, or "
            "the light, the exposure or the scene changed? Set it back, or collect there and train again"
        )
