"""Progress from demonstrations without labels: sub-goals where features stop approaching, and a potential over them.

Zhang et al. 2024, "Universal Visual Decomposer": while a sub-task goes on, the distance of the pictures' features to
those of its last picture falls; going back from the end, the moment where it no longer does was the end of the
sub-task before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robot_rl.rewards.errors import RewardError

Features = NDArray[np.floating]  # (T, F)


def subgoals(features: Features, min_steps: int = 10, bandwidth: float = 3.0) -> tuple[int, ...]:
    """The last steps of the sub-tasks of one demonstration, rising; the final step is always the last.

    Args:
        features: (T, F) of its pictures, in order.
        min_steps: a sub-task lasts at least so long.
        bandwidth: of the Gaussian kernel that smooths distances over time [steps]; 0 for none.

    Raises:
        RewardError: fewer than two pictures, or features that are not finite.
    """
    if features.ndim != 2 or len(features) < 2 or not np.isfinite(features).all():
        raise RewardError(f"sub-goals need finite features (T, F) of at least two pictures; got {features.shape}")
    if min_steps < 1 or bandwidth < 0.0:
        raise RewardError(f"min_steps {min_steps} and bandwidth {bandwidth}: at least 1 and 0")
    goals = [len(features) - 1]
    while goals[-1] > 2 * min_steps - 1:
        goal = goals[-1]
        distances = np.linalg.norm(features[: goal + 1].astype(np.float64) - features[goal], axis=1)
        before = _turn(_smooth(distances, bandwidth), min_steps)
        if before is None:
            break
        goals.append(before)
    return tuple(reversed(goals))


def _turn(distances: NDArray[np.float64], min_steps: int) -> int | None:
    """The latest step, at least `min_steps` from both ends, at which the distance to the last one is a maximum."""
    last = len(distances) - 1
    for t in range(last - min_steps, min_steps - 2, -1):
        if t >= 1 and distances[t - 1] < distances[t] >= distances[t + 1]:
            return t
    return None


def _smooth(values: NDArray[np.float64], bandwidth: float) -> NDArray[np.float64]:
    """Nadaraya-Watson regression over time with a Gaussian kernel."""
    if bandwidth == 0.0:
        return values
    t = np.arange(len(values))
    weights = np.exp(-0.5 * ((t[:, None] - t[None, :]) / bandwidth) ** 2)
    return np.asarray(weights @ values / weights.sum(axis=1))


@dataclass(frozen=True)
class Progress:
    """A potential in [0, 1] of a picture's features: how far along the sub-goals it lies.

    phi(s) = max over i of (i + 1 - |f(s) - g_i| / d_i) / m, where that i is begun (|f(s) - g_i| <= d_i) and 0 where
    none is; d_i is the distance from the sub-goal before, the first picture for i = 0. It depends on the picture
    alone, which potential-based shaping needs: a stage counter would make it depend on the past. The price: where a
    task comes back to what it began with, its beginning looks like its end. Shaping stays safe then, but does not help.
    """

    goals: NDArray[np.float64]  # (m, F)
    lengths: NDArray[np.float64]  # (m,)

    @classmethod
    def of(cls, demonstrations: Sequence[Features], min_steps: int = 10, bandwidth: float = 3.0) -> Progress:
        """From demonstrations that succeeded: those with the most usual number of sub-goals are averaged.

        Raises:
            RewardError: no demonstration, or one whose pictures do not change.
        """
        if not demonstrations:
            raise RewardError("progress needs at least one demonstration that succeeded")
        found = [subgoals(f, min_steps, bandwidth) for f in demonstrations]
        counts = [len(g) for g in found]
        usual = max(sorted(set(counts)), key=counts.count)
        chosen = [
            np.concatenate([f[:1], f[list(g)]]).astype(np.float64)
            for f, g in zip(demonstrations, found)
            if len(g) == usual
        ]
        path = np.mean(chosen, axis=0)
        lengths = np.linalg.norm(np.diff(path, axis=0), axis=1)
        if not (lengths > 0.0).all():
            raise RewardError("two sub-goals have the same features: the pictures do not show the task's progress")
        return cls(path[1:], lengths)

    def potential(self, features: Features) -> NDArray[np.float64]:
        """(T, F) to (T,), in [0, 1]."""
        away = np.linalg.norm(features[:, None].astype(np.float64) - self.goals, axis=2)
        share = 1.0 - away / self.lengths
        stage = np.arange(len(self.goals))
        return np.asarray(np.where(share >= 0.0, stage + share, 0.0).max(axis=1) / len(self.goals))
