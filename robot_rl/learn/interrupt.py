"""Ctrl-C, or a cluster's order to end, between two steps instead of in the middle of one."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

HEARD = b"\nfinishing what is under way; once more ends at once\n"


@contextmanager
def deferred_interrupt() -> Iterator[threading.Event]:
    """Within the context SIGINT and SIGTERM set the event instead of taking effect, and it is said that they
    were heard; a second one raises KeyboardInterrupt.

    In a thread other than the main one signals cannot be caught and the event stays unset.
    """
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()
        os.write(2, HEARD)  # a handler may run in the middle of a print

    previous = {s: signal.signal(s, handle) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
