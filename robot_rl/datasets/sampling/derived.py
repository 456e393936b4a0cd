"""What is computed once from every picture of a stream, and read in its place: a frozen network's features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.errors import DatasetError


@dataclass(frozen=True)
class Derived:
    """A function of one picture, and what its results look like."""

    identity: str
    """Names the function: another one, or another setting of it, has another identity. Part of a file's name."""
    row_shape: tuple[int, ...]
    dtype: str
    function: Callable[[NDArray[np.uint8]], NDArray[Any]]
    """Pictures (K, *shape) to rows (K, *row_shape)."""

    @property
    def row_bytes(self) -> int:
        """Size of one result."""
        return int(np.prod(self.row_shape, dtype=int)) * np.dtype(self.dtype).itemsize

    def of(self, pictures: NDArray[Any]) -> NDArray[Any]:
        """The results for these pictures. Raises DatasetError when they are not of the shape, type or range told."""
        rows = self.function(pictures)
        if rows.shape != (len(pictures), *self.row_shape) or rows.dtype != self.dtype:
            raise DatasetError(f"what is derived from pictures is {rows.dtype} {rows.shape}, not as told: {self}")
        if rows.dtype.kind == "f" and not np.isfinite(rows).all():
            raise DatasetError(f"what is derived from pictures is not finite, or too large for {self.dtype}")
        return rows
