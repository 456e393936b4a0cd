"""A set of row numbers with draws, insertions and removals in constant time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class IndexSet:
    """Rows of a table of `capacity` rows: a view of it, without a copy."""

    def __init__(self, capacity: int) -> None:
        self._rows = np.zeros(capacity, np.int64)
        self._place = np.full(capacity, -1, np.int64)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __contains__(self, row: int) -> bool:
        return bool(self._place[row] >= 0)

    def add(self, row: int) -> None:
        """Put a row in; does nothing when it is in."""
        if self._place[row] < 0:
            self._rows[self._size], self._place[row] = row, self._size
            self._size += 1

    def discard(self, row: int) -> None:
        """Take a row out, the last one takes its place; does nothing when it is not in."""
        place = self._place[row]
        if place >= 0:
            self._size -= 1
            last = self._rows[self._size]
            self._rows[place], self._place[last] = last, place
            self._place[row] = -1

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        """`count` rows (count,), uniformly with replacement. Raises ValueError when there are none."""
        return self._rows[rng.integers(self._size, size=count)]

    @property
    def rows(self) -> NDArray[np.int64]:
        """The rows, in the order that draws depend on."""
        return self._rows[: self._size].copy()

    def restore(self, rows: NDArray[np.int64]) -> None:
        """Take up what `rows` gave."""
        self._place[:] = -1
        self._size = len(rows)
        self._rows[: self._size] = rows
        self._place[rows] = np.arange(self._size)
