"""Numbers that lie on a circle, such as a heading: the same again after a turn of 2 pi [rad] (pure)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robot_rl.spec import Layout

Array = NDArray[np.float64]
TURN = 2.0 * np.pi


def wrapping(layout: Layout) -> NDArray[np.bool_]:
    """Which numbers (A,) of a layout lie on a circle: those of the fields that say `wraps`."""
    parts = [np.full(f.size, f.wraps) for f in layout.vectors]
    return np.concatenate(parts) if parts else np.zeros(0, bool)


def nearest(values: Array, to: Array, circular: NDArray[np.bool_]) -> Array:
    """`values` (..., A), those on a circle turned by whole turns to within half a turn of `to` (A,); others as they
    are."""
    if not circular.any():
        return values
    turns = np.where(circular, np.round((values - to) / TURN), 0.0)
    return values - TURN * turns


def inside(values: Array, low: Array, high: Array, circular: NDArray[np.bool_]) -> Array:
    """`values` (..., A), those on a circle and outside `low`, `high` (A,) turned into [-pi, pi]; others as they are."""
    outside = circular & ((values < low) | (values > high))
    return nearest(values, np.zeros_like(values), outside)
