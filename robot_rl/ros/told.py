"""The signals that ask a node's process to end, from its first moment to its last.

Before this module is imported, SIGINT ends the process at once and without a word (`scripts/` of the ROS package). From
then on a signal only sets a flag that the event loop looks at: an exception in the middle of a callback could tear an
episode, and the events executor has been seen to swallow it.
"""

from __future__ import annotations

import faulthandler
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class ToldToEndError(Exception):
    """A node gives up being made, since the process is to end."""


_told: list[int] = []
"""Signals are the process's, and so is this."""


def listen() -> list[int]:
    """A list that fills with the signals that ask the process to end. From now on SIGUSR1 prints where every thread
    stands, even where one hangs in a library and Python sees no signal."""
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # what holds again once the interpreter is being taken down
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    _told.clear()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _note)
    return _told


def _note(number: int, _frame: FrameType | None) -> None:
    _told.append(number)


def _give_up(number: int, _frame: FrameType | None) -> None:
    _note(number, None)
    raise ToldToEndError


def give_up_if_told() -> None:
    """For a node that waits while it is made. Raises ToldToEndError once the process is asked to end."""
    if _told or signal.SIGINT in signal.sigpending():
        raise ToldToEndError


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hold SIGINT back while a node is made.

    The signal goes to the whole process group. A library that looks for its parts in a process of its own, as pyglfw
    does, would be interrupted there, and blame something else. SIGTERM, which follows where this takes too long, ends
    the making with ToldToEndError: no episode has begun that could be torn.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    signal.signal(signal.SIGTERM, _give_up)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, _note)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
