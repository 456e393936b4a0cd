"""Memory for batches, used again once nobody holds it: fresh pages cost several times the copy into them."""

from __future__ import annotations

import weakref
from collections import defaultdict, deque
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

SMALLEST = 1 << 20
"""Below this many bytes the system's allocator does as well."""
KEPT = 4
"""Free buffers of one size that are kept; as a loop needs that looks at one batch while it takes the next."""


class Buffers:
    """Hands out arrays; an array and all its views are its holder's for as long as any of them lives."""

    def __init__(self) -> None:
        self._free: defaultdict[int, deque[NDArray[np.uint8]]] = defaultdict(lambda: deque(maxlen=KEPT))

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """An array of this shape with any content, as `np.empty`."""
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        if size < SMALLEST:
            return np.empty(shape, dtype)
        free = self._free[size]
        try:
            memory = free.pop()
        except IndexError:
            memory = np.empty(size, np.uint8)
        lease = np.frombuffer(memory.data, np.uint8)  # what views of it keep alive is this array, not the memory
        weakref.finalize(lease, free.append, memory).atexit = False
        return lease.view(dtype).reshape(shape)
