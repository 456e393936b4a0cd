"""A bounded hand-over between the control loop and the writer thread."""

from __future__ import annotations

import threading
import time
from typing import Any


class HandOver:
    """Items in order, limited by their total size; never drops, and counts how often the giver waited."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._items: list[Any] = []
        self._size = 0
        self._closed = False
        self._change = threading.Condition()
        self.waits = 0
        """How often `put` had to wait for room."""
        self.waited = 0.0
        """For how long in all [s]."""

    def put(self, item: Any, size: int) -> bool:
        """Add an item of `size` bytes; waits while there is no room. False once closed (nobody takes any more)."""
        with self._change:
            if self._size and self._size + size > self._limit and not self._closed:
                start = time.monotonic()
                self._change.wait_for(lambda: not self._size or self._size + size <= self._limit or self._closed)
                self.waits += 1
                self.waited += time.monotonic() - start
            if self._closed:
                return False
            self._items.append((item, size))
            self._size += size
            if len(self._items) == 1:
                self._change.notify_all()
            return True

    def take(self, timeout: float) -> list[tuple[Any, int]] | None:
        """Everything there is, waiting up to `timeout` [s] for a first item; None once closed and empty.

        Call `done` with the size of each item when it is written.
        """
        with self._change:
            if not self._items and not self._closed:
                self._change.wait_for(lambda: self._items or self._closed, timeout)
            if not self._items and self._closed:
                return None
            items, self._items = self._items, []
            return items

    def done(self, size: int) -> None:
        """An item taken is written: its room is free."""
        with self._change:
            self._size -= size
            self._change.notify_all()

    def close(self) -> None:
        """Refuse further items and wake whoever waits."""
        with self._change:
            self._closed = True
            self._change.notify_all()
