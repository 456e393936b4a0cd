"""Do demonstrators drive at different speeds in the same places? A policy that averages them does what neither does.

Speed is compared in its logarithm, so twice as fast counts as much as half as fast.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 10
MIN_MATCHES = 20


@dataclass(frozen=True)
class Modes:
    """Two modes of speed at similar states."""

    ratio: float
    """Speed of the faster mode over that of the slower."""
    separation: float
    """Ashman's D: distance of the means over the standard deviations, root 2 |m1 - m2| / sqrt(s1^2 + s2^2)
    (Ashman, Bird and Zepf 1994); two modes are told apart from D > 2 on."""
    minor: float
    """Share of the smaller mode."""
    gain: float
    """By how much two modes explain the speeds better than one: difference of the Bayesian information criteria."""

    @property
    def distinct(self) -> bool:
        """Whether these are two modes indeed."""
        return self.separation > 2 and self.minor >= 0.1 and self.gain > 10


def speed_ratio(
    first: tuple[NDArray[np.float64], NDArray[np.float64]],
    second: tuple[NDArray[np.float64], NDArray[np.float64]],
    radius: float,
) -> tuple[float, int]:
    """How many times as fast the second operator is as the first at similar states, and at how many states.

    Args:
        first, second: states (N, d), standardised, and log-speeds (N,) of each.
        radius: states are similar when no further apart.

    Returns:
        The median ratio over the states of either that have a similar one of the other; nan without any.
    """
    apart = _distances(first[0], second[0])  # (N, M)
    to_second, to_first = apart.argmin(axis=1), apart.argmin(axis=0)
    near_a = apart[np.arange(len(apart)), to_second] <= radius
    near_b = apart[to_first, np.arange(apart.shape[1])] <= radius
    differences = np.concatenate([(second[1][to_second] - first[1])[near_a], (second[1] - first[1][to_first])[near_b]])
    if not len(differences):
        return float("nan"), 0
    return float(np.exp(np.median(differences))), len(differences)


def similar_radius(states: NDArray[np.float64], episodes: NDArray[np.int64]) -> float:
    """How near the nearest state of another episode usually is (twice the median distance)."""
    apart = _apart(states, episodes)
    nearest = apart.min(axis=1)
    nearest = nearest[np.isfinite(nearest)]
    return 2.0 * float(np.median(nearest)) if len(nearest) else 0.0


def speed_modes(
    states: NDArray[np.float64], log_speeds: NDArray[np.float64], episodes: NDArray[np.int64]
) -> Modes | None:
    """Two modes of what remains of the log-speed once the usual one of similar states is taken off.

    Args:
        states: (N, d) standardised. log_speeds, episodes: (N,).

    Returns:
        None with fewer than 50 states that have neighbours in other episodes.
    """
    apart = _apart(states, episodes)
    if (np.isfinite(apart).sum(axis=1) >= NEIGHBOURS).sum() < 50:
        return None
    order = np.argpartition(apart, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS]
    usual = log_speeds[order].mean(axis=1)
    return two_modes(log_speeds - usual)


def _apart(states: NDArray[np.float64], episodes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Distances (N, N) of states (N, d), infinite within an episode."""
    apart = _distances(states, states)
    apart[episodes[:, None] == episodes[None, :]] = np.inf
    return apart


def two_modes(x: NDArray[np.float64], iterations: int = 100) -> Modes:
    """Fit two Gaussians to numbers (N,) by expectation maximisation (Dempster, Laird and Rubin 1977)."""
    low, high = np.quantile(x, [0.25, 0.75])
    floor = max(1e-3, 0.02 * float(x.std()))
    mean, std, weight = np.array([low, high]), np.full(2, max(float(x.std()) / 2, floor)), np.array([0.5, 0.5])
    for _ in range(iterations):
        density = _density(x, mean, std, weight)  # (N, 2)
        share = density / np.maximum(density.sum(axis=1, keepdims=True), 1e-300)
        weight = np.maximum(share.mean(axis=0), 1e-9)
        mean = (share * x[:, None]).sum(axis=0) / (weight * len(x))
        std = np.sqrt((share * (x[:, None] - mean) ** 2).sum(axis=0) / (weight * len(x)))
        std = np.maximum(std, floor)
    two = float(np.log(np.maximum(_density(x, mean, std, weight).sum(axis=1), 1e-300)).sum())
    one_std = max(float(x.std()), floor)
    one = float(np.log(_density(x, np.array([x.mean()]), np.array([one_std]), np.ones(1))[:, 0] + 1e-300).sum())
    gain = 2 * (two - one) - (5 - 2) * np.log(len(x))
    separation = np.sqrt(2) * abs(mean[1] - mean[0]) / np.sqrt((std**2).sum())
    return Modes(float(np.exp(abs(mean[1] - mean[0]))), float(separation), float(weight.min()), float(gain))


def _density(
    x: NDArray[np.float64], mean: NDArray[np.float64], std: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    z = (x[:, None] - mean) / std
    out: NDArray[np.float64] = weight / (std * np.sqrt(2 * np.pi)) * np.exp(-0.5 * z**2)
    return out


def _distances(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, M) Euclidean distances."""
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2 * a @ b.T
    out: NDArray[np.float64] = np.sqrt(np.maximum(squared, 0.0))
    return out
