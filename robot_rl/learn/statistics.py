"""Honest figures: intervals for success rates and means, and a paired test of two policies.

Pure numbers, standard library and numpy only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from robot_rl.page.proportion import Proportion as Proportion
from robot_rl.page.proportion import wilson as wilson


@dataclass(frozen=True)
class PairedComparison:
    """Two policies tried on the same initial states."""

    both: int
    only_first: int
    only_second: int
    neither: int
    difference: float
    """Success rate of the second less that of the first."""
    low: float
    high: float
    """95 % interval of the difference."""
    p_value: float
    """Of the exact two-sided McNemar test: how likely so uneven a split is if neither is better."""

    def __str__(self) -> str:
        points = "{:+.0f} points [{:+.0f}, {:+.0f}]".format(*(100 * x for x in (self.difference, self.low, self.high)))
        p = "p < 0.001" if self.p_value < 0.001 else f"p = {self.p_value:.2g}"
        won = f"{self.only_second} state{'' if self.only_second == 1 else 's'} won"
        return f"{points}, {p} ({won}, {self.only_first} lost, {self.both + self.neither} alike)"


def compare(first: Sequence[bool], second: Sequence[bool]) -> PairedComparison:
    """Compare outcomes on the same initial states, in the same order.

    The p-value is McNemar's exact one: binomial with one half over the states where the two differ. The
    interval is Newcombe's (1998, method 10), from the Wilson intervals of both rates and their correlation.

    Raises:
        ValueError: the sequences are empty or differ in length.
    """
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if a.shape != b.shape or a.ndim != 1 or len(a) == 0:
        raise ValueError(f"a paired comparison needs the same trials: {len(a)} outcomes against {len(b)}")
    both, only_first = int((a & b).sum()), int((a & ~b).sum())
    only_second, neither = int((~a & b).sum()), int((~a & ~b).sum())
    difference = (only_second - only_first) / len(a)
    low, high = _newcombe(both, only_first, only_second, neither)
    p_value = mcnemar_exact(only_first, only_second)
    return PairedComparison(both, only_first, only_second, neither, difference, low, high, p_value)


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Two-sided exact p-value from the two discordant counts; 1 when there are none (McNemar 1947)."""
    n, k = only_first + only_second, min(only_first, only_second)
    return min(1.0, 2 * sum(math.comb(n, i) for i in range(k + 1)) / 2**n)


def _newcombe(both: int, only_first: int, only_second: int, neither: int) -> tuple[float, float]:
    n = both + only_first + only_second + neither
    first, second = wilson(both + only_first, n), wilson(both + only_second, n)
    d = second.rate - first.rate
    margins = math.sqrt(first.successes * (n - first.successes) * second.successes * (n - second.successes))
    excess = float(both * neither - only_first * only_second)
    if excess > 0:
        excess = max(excess - n / 2, 0)  # continuity correction
    phi = excess / margins if margins else 0.0
    down_2, up_1 = second.rate - second.low, first.high - first.rate
    up_2, down_1 = second.high - second.rate, first.rate - first.low
    low = d - math.sqrt(down_2**2 - 2 * phi * down_2 * up_1 + up_1**2)
    high = d + math.sqrt(up_2**2 - 2 * phi * up_2 * down_1 + down_1**2)
    return low, high


def bootstrap_mean(
    values: ArrayLike, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> tuple[float, float, float]:
    """Mean of `values` (N,) and its percentile bootstrap interval (Efron 1979): (mean, low, high).

    Raises:
        ValueError: no values, or some are not finite.
    """
    v = np.asarray(values, dtype=np.float64)
    if v.ndim != 1 or len(v) == 0 or not np.isfinite(v).all():
        raise ValueError(f"a bootstrap needs finite numbers (N,), N >= 1; got shape {v.shape}")
    rng = np.random.default_rng(seed)
    means = v[rng.integers(0, len(v), (resamples, len(v)))].mean(1)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(v.mean()), float(low), float(high)
