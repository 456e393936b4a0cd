"""Bringing streams of different rates onto the stamps of the steps (pure)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robot_rl.control import poses


def latest_before(stamps: NDArray[np.int64], at: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each moment the index of the latest sample at or before it: what a controller could have seen.

    Args:
        stamps: (N,) non-decreasing acquisition times [ns].
        at: (T,) moments [ns].

    Returns:
        (T,) indices into `stamps`; -1 where no sample had come yet.
    """
    return np.searchsorted(stamps, at, side="right").astype(np.int64) - 1


def interpolated(
    values: NDArray[np.floating], stamps: NDArray[np.int64], at: NDArray[np.int64], *, pose: bool = False
) -> NDArray[np.floating]:
    """The value at each moment, linearly between the samples around it; before the first and after the last, those.

    Args:
        values: (N, *shape).
        stamps: (N,) non-decreasing acquisition times [ns]; of equal ones the last counts.
        at: (T,) moments [ns].
        pose: the values are poses (7,), whose quaternions go the shorter way along the sphere.

    Returns:
        (T, *shape), in the type of `values`.
    """
    before = np.clip(latest_before(stamps, at), 0, len(stamps) - 1)
    after = np.minimum(before + 1, len(stamps) - 1)
    gap = np.maximum(stamps[after] - stamps[before], 1)
    share = np.clip((at - stamps[before]) / gap, 0.0, 1.0)  # (T,)
    a, b = values[before], values[after]
    wide = share.reshape(-1, *[1] * (values.ndim - 1))
    out = a + (b - a) * wide
    if pose:
        out[:, 3:] = poses.slerp(a[:, 3:], b[:, 3:], share)
    return out.astype(values.dtype, copy=False)
