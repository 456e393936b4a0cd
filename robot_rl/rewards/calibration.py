"""Does 0.8 mean 80 %? Temperature scaling, and the reliability of probabilities (pure)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robot_rl.rewards.errors import RewardError

Array = NDArray[np.float64]
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class Bin:
    """Pictures of similar probability."""

    pictures: int
    said: float
    """Their mean probability."""
    true: float
    """The share of positives among them."""


def sigmoid(logits: Array) -> Array:
    """Log-odds to probabilities, without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)))


def log_loss(logits: Array, labels: NDArray[np.bool_]) -> float:
    """Mean negative log-likelihood of labels (N,) under log-odds (N,) [nat]."""
    return float(np.mean(np.logaddexp(0.0, np.where(labels, -logits, logits))))


def temperature(logits: Array, labels: NDArray[np.bool_], low: float = 0.05, high: float = 20.0) -> float:
    """T that minimises the log loss of logits / T on held-out pictures (Guo et al. 2017, "On Calibration").

    The loss is convex in 1/T, so a golden-section search over log T finds it. Where the classes are separated the
    loss falls for ever as T shrinks: the result then is `low`, or 1 as the caller decides.

    Raises:
        RewardError: no pictures, or logits that are not finite.
    """
    if not len(logits) or not np.isfinite(logits).all():
        raise RewardError(f"calibration needs finite logits of held-out pictures; got {len(logits)}")
    a, b = np.log(low), np.log(high)
    for _ in range(60):
        width = _GOLDEN * (b - a)
        if log_loss(logits / np.exp(b - width), labels) < log_loss(logits / np.exp(a + width), labels):
            b = a + width
        else:
            a = b - width
    return float(np.exp((a + b) / 2))


def reliability(probabilities: Array, labels: NDArray[np.bool_], bins: int = 10) -> tuple[Bin, ...]:
    """Pictures grouped by probability into equal intervals of [0, 1]; empty ones are left out."""
    which = np.minimum((probabilities * bins).astype(int), bins - 1)
    groups = (np.flatnonzero(which == i) for i in range(bins))
    return tuple(Bin(len(g), float(probabilities[g].mean()), float(labels[g].mean())) for g in groups if len(g))


def calibration_error(bins: tuple[Bin, ...]) -> float:
    """Expected calibration error: mean |said - true| over pictures (Naeini et al. 2015)."""
    total = sum(b.pictures for b in bins)
    return sum(b.pictures * abs(b.said - b.true) for b in bins) / total if total else 0.0
