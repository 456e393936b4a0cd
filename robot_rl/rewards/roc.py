"""The receiver operating characteristic of scores (pure)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robot_rl.rewards.errors import RewardError

Scores = NDArray[np.float64]
Labels = NDArray[np.bool_]


@dataclass(frozen=True)
class Roc:
    """For each threshold, falling, the shares of negatives and of positives at or above it; from (0, 0) to (1, 1)."""

    thresholds: Scores  # (K,), the first infinite
    false_positives: Scores  # (K,) in [0, 1]
    true_positives: Scores  # (K,) in [0, 1]

    @property
    def area(self) -> float:
        """Chance that a positive scores higher than a negative, ties counting half (Hanley & McNeil 1982)."""
        return float(np.trapezoid(self.true_positives, self.false_positives))


def roc(scores: Scores, labels: Labels) -> Roc:
    """The curve of scores (N,) and labels (N,). Raises RewardError unless both labels are there and all is finite."""
    positives, total = int(labels.sum()), len(labels)
    if not 0 < positives < total or not np.isfinite(scores).all():
        raise RewardError(
            f"a ROC curve needs finite scores of positives and negatives; got {positives} positives of {total}, "
            f"{int((~np.isfinite(scores)).sum())} scores not finite"
        )
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], labels[order]
    last = np.flatnonzero(np.append(np.diff(ranked) != 0, True))  # of each run of equal scores
    true = np.cumsum(hits)[last]
    return Roc(
        thresholds=np.concatenate([[np.inf], ranked[last]]),
        false_positives=np.concatenate([[0.0], (last + 1 - true) / (total - positives)]),
        true_positives=np.concatenate([[0.0], true / positives]),
    )
