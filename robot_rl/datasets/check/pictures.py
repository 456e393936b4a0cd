"""Pictures that do not change, or that are all black or white (pure)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def runs_of_equal(items: Iterable[bytes | int]) -> list[tuple[int, int]]:
    """Where consecutive items are equal: (index of the first, how many), for runs of at least two."""
    runs: list[tuple[int, int]] = []
    previous: bytes | int | None = None
    start = count = 0
    for i, item in enumerate(items):
        if i and item == previous:
            count += 1
        else:
            if count > 1:
                runs.append((start, count))
            start, count = i, 1
        previous = item
    return [*runs, (start, count)] if count > 1 else runs


def motion(stamps: NDArray[np.int64], values: NDArray[np.float64], start: int, end: int) -> float:
    """How far any number of a stream strays between two moments [the stream's unit]; 0 with fewer than two samples.

    Args:
        stamps: (N,) [ns].
        values: (N, n).
        start, end: [ns], both included.
    """
    inside = values[(stamps >= start) & (stamps <= end)]
    return float(np.ptp(inside, axis=0).max()) if len(inside) > 1 else 0.0


def clipped_share(picture: NDArray[np.unsignedinteger]) -> tuple[float, float]:
    """Which share of a picture's pixels is black, and which is white, in all channels.

    Args:
        picture: (H, W, 3) uint8, or a depth picture (H, W) uint16 where 0 is "no reading".
    """
    pixels = picture.reshape(-1, picture.shape[-1]) if picture.ndim == 3 else picture.reshape(-1, 1)
    top = np.iinfo(picture.dtype).max
    return float((pixels == 0).all(axis=1).mean()), float((pixels == top).all(axis=1).mean())
