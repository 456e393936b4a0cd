"""Bringing streams of different rates onto the stamps of the steps (pure)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def latest_before(stamps: NDArray[np.int64], at: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each moment the index of the latest sample at or before it: what a controller could have seen.

    Args:
        stamps: (N,) non-decreasing acquisition times [ns].
        at: (T,) moments [ns].

    Returns:
        (T,) indices into `stamps`; -1 where no sample had come yet.
    """
    return np.searchsorted(stamps, at, side="right").astype(np.int64) - 1
