"""Statistics of a field over the steps learned from, for normalisation (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Statistics:
    """Of each number of a field, over all selected steps; shapes as the field's."""

    count: int
    """How many steps were counted; steps that only pad a window are not."""
    min: NDArray[np.float64]
    max: NDArray[np.float64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    """Population standard deviation (divided by `count`)."""
    q01: NDArray[np.float64]
    """1 % quantile."""
    q99: NDArray[np.float64]
    """99 % quantile."""


def statistics(values: NDArray[Any]) -> Statistics:
    """Statistics over the first axis of (N, ...). Raises ValueError when it is empty or not finite."""
    x = np.asarray(values, dtype=np.float64)
    if not len(x):
        raise ValueError("there is no step to take statistics of")
    if not np.isfinite(x).all():
        row = int(np.flatnonzero(~np.isfinite(x).reshape(len(x), -1).all(axis=1))[0])
        raise ValueError(f"row {row} is not finite: {x[row]}")
    low, high = np.quantile(x, [0.01, 0.99], axis=0)
    return Statistics(len(x), x.min(axis=0), x.max(axis=0), x.mean(axis=0), x.std(axis=0), low, high)
