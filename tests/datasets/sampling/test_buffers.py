from __future__ import annotations

import numpy as np

from robot_rl.datasets.sampling.buffers import KEPT, SMALLEST, Buffers

SHAPE = (2, SMALLEST // 2, 2)


def test_memory_is_used_again_once_no_view_of_it_is_left() -> None:
    buffers = Buffers()
    first = buffers.empty(SHAPE, np.uint8)
    address, view = first.ctypes.data, first[1, ::2]
    view[...] = 7
    del first
    second = buffers.empty(SHAPE, np.uint8)
    assert second.ctypes.data != address
    second[...] = 0
    assert (view == 7).all()
    del view
    assert buffers.empty(SHAPE, np.uint8).ctypes.data == address


def test_another_type_of_the_same_size_shares_memory_and_another_size_does_not() -> None:
    buffers = Buffers()
    address = buffers.empty(SHAPE, np.uint8).ctypes.data
    bigger = buffers.empty((SMALLEST * 3,), np.uint8)
    wide = buffers.empty((SMALLEST,), np.uint16)
    assert bigger.ctypes.data != address == wide.ctypes.data
    assert (wide.shape, wide.dtype) == ((SMALLEST,), np.uint16)


def test_no_more_than_a_few_free_buffers_are_kept() -> None:
    buffers = Buffers()
    held = [buffers.empty(SHAPE, np.uint8) for _ in range(KEPT + 3)]
    assert len({a.ctypes.data for a in held}) == KEPT + 3
    held.clear()
    assert [len(free) for free in buffers._free.values()] == [KEPT]
