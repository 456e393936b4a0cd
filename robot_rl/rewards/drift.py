"""Is the camera still showing what the classifier was trained on? Feature statistics, and how often it is unsure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.rewards.errors import RewardError

WINDOW = 50
"""Pictures that are compared at once."""
MARGIN = 1.5
"""The limit lies this factor above the largest distance of any window of episodes that were held out."""
UNSURE = (0.1, 0.9)
"""A probability in between is no clear answer."""
_FLOOR = 1e-3
"""Least standard deviation of a feature, so that a constant one does not divide by zero."""


@dataclass(frozen=True)
class Reference:
    """What training looked like."""

    mean: NDArray[np.float64]  # (F,)
    std: NDArray[np.float64]  # (F,)
    limit: float
    """Feature distance from which on a window is of another world."""
    unsure: float
    """Share of unsure answers from which on it is."""

    def distance(self, features: NDArray[Any]) -> float:
        """How far the mean of a window (W, F) lies from training: sqrt of the mean over features of z squared."""
        z = (features.mean(axis=0, dtype=np.float64) - self.mean) / self.std
        return float(np.sqrt(np.mean(z * z)))

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {"mean": self.mean.tolist(), "std": self.std.tolist(), "limit": self.limit, "unsure": self.unsure}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Reference:
        return cls(np.array(data["mean"]), np.array(data["std"]), float(data["limit"]), float(data["unsure"]))


def unsure_share(probabilities: NDArray[np.float64]) -> float:
    """The share of probabilities (N,) that are no clear answer."""
    return float(((probabilities > UNSURE[0]) & (probabilities < UNSURE[1])).mean())


def reference(
    features: NDArray[Any], held_out: Sequence[tuple[NDArray[Any], NDArray[np.float64]]], window: int = WINDOW
) -> Reference:
    """What is usual.

    Args:
        features: (N, F) of the pictures trained on.
        held_out: of each held-out episode features (T, F) and probabilities (T,), in order of time; they say how far
            a window strays when nothing has changed.

    Raises:
        RewardError: nothing was held out.
    """
    spread = features.std(axis=0, dtype=np.float64)
    base = Reference(features.mean(axis=0, dtype=np.float64), np.maximum(spread, _FLOOR), 0.0, 0.0)
    distances, unsure = [], []
    for seen, said in held_out:
        for start in range(0, max(len(seen) - window, 0) + 1, max(window // 2, 1)):
            distances.append(base.distance(seen[start : start + window]))
            unsure.append(unsure_share(said[start : start + window]))
    if not distances:
        raise RewardError("no held-out episode to say how much pictures vary when nothing has changed")
    return Reference(base.mean, base.std, MARGIN * max(distances), min(MARGIN * max(unsure) + 0.2, 1.0))


class DriftAlarm:
    """Watches the newest pictures of one camera."""

    def __init__(self, reference: Reference, camera: str, window: int = WINDOW) -> None:
        self._reference, self._camera = reference, camera
        self._features: deque[NDArray[Any]] = deque(maxlen=window)
        self._said: deque[float] = deque(maxlen=window)

    def add(self, features: NDArray[Any], probability: float) -> str | None:
        """Take in a picture's features (F,) and probability; what is wrong once a full window is unlike training."""
        self._features.append(features)
        self._said.append(probability)
        if len(self._features) < (self._features.maxlen or 1):
            return None
        distance = self._reference.distance(np.stack(self._features))
        unsure = unsure_share(np.array(self._said))
        cause = []
        if distance > self._reference.limit:
            cause.append(f"its pictures are {distance:.2f} from those of training (limit {self._reference.limit:.2f})")
        if unsure > self._reference.unsure:
            cause.append(f"{unsure:.0%} of the answers are unsure (limit {self._reference.unsure:.0%})")
        if not cause:
            return None
        return (
            f"camera '{self._camera}': {' and '.join(cause)} over the last {len(self._said)} pictures. Has it "
            "moved, or the light, the exposure or the scene changed? Set it back, or collect there and train again"
        )
