"""Processes that share a piece of work, and that end with the process that asked for it.

Ctrl-C reaches every process of a terminal, and SIGTERM every process of a cluster's job: what is to be done about them
is the first one's affair. Imports nothing heavy: a worker would take signals for as long as that takes.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import Connection
from typing import TypeVar

Share = TypeVar("Share")
Result = TypeVar("Result")


def shared(work: Callable[[Share], Result], shares: Sequence[Share]) -> Iterator[Result]:
    """What `work` makes of each share, in their order; one fresh process for each (spawned: a fork would inherit
    rendering contexts and threads). They end at once when the caller fails, stops asking, or is killed."""
    context = multiprocessing.get_context("spawn")
    asked, asking = context.Pipe(duplex=False)  # closes with this process, however it ends
    with asked, asking, ProcessPoolExecutor(len(shares), context, initializer=_attend, initargs=(asked,)) as pool:
        try:
            yield from pool.map(work, shares)
        except BaseException:
            asking.close()
            raise


def _attend(asked: Connection) -> None:
    """A worker leaves signals alone, and ends when nobody asks any more."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_leave_with, args=(asked,), daemon=True).start()


def _leave_with(asked: Connection) -> None:
    try:
        asked.recv()
    except (EOFError, OSError):
        os._exit(1)
