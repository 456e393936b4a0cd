"""Channels of numbers: the constant, the saturated, the not finite; kept while episodes stream by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FEW = 10
"""A channel with no more distinct values is a switch: sitting at an end is what it does."""


class Channels:
    """Extremes of each channel of a field over all episodes, and how often they are met."""

    def __init__(self, size: int) -> None:
        self.count = 0
        """Samples with only finite numbers."""
        self.low = np.full(size, np.inf)  # (n,)
        self.high = np.full(size, -np.inf)  # (n,)
        self._at_low = np.zeros(size, np.int64)
        self._at_high = np.zeros(size, np.int64)
        self._distinct: list[set[float]] = [set() for _ in range(size)]

    def add(self, values: NDArray[np.float64]) -> None:
        """Take in samples (N, n); rows with numbers that are not finite are left out."""
        x = values[np.isfinite(values).all(axis=1)]
        if not len(x):
            return
        self.count += len(x)
        low, high = x.min(axis=0), x.max(axis=0)
        self._at_low = (self._at_low * (self.low <= low)) + (x == low).sum(axis=0) * (low <= self.low)
        self._at_high = (self._at_high * (self.high >= high)) + (x == high).sum(axis=0) * (high >= self.high)
        self.low, self.high = np.minimum(self.low, low), np.maximum(self.high, high)
        for seen, column in zip(self._distinct, x.T):
            if len(seen) <= FEW:
                seen.update(np.unique(column)[: FEW + 1].tolist())

    @property
    def constant(self) -> NDArray[np.bool_]:
        """(n,) True where every sample is the same."""
        return (self.high - self.low) <= 1e-9 * np.maximum(1.0, np.abs(self.high))

    @property
    def at_an_end(self) -> NDArray[np.float64]:
        """(n,) the larger share of samples that are exactly the highest or exactly the lowest value ever seen.

        A sensor that measures has its extremes once; one that saturates has them again and again. 0 for switches
        (ten values or fewer) and constants.
        """
        share = np.maximum(self._at_low, self._at_high) / max(1, self.count)
        switch = np.array([len(seen) <= FEW for seen in self._distinct])
        out: NDArray[np.float64] = np.where(switch | self.constant, 0.0, share)
        return out


def not_finite(values: NDArray[np.floating]) -> NDArray[np.int64]:
    """Indices of the rows of (N, ...) that hold NaN or infinity."""
    return (
        np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(axis=1)) if len(values) else np.empty(0, int)
    )
