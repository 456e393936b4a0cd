"""A reset routine whose steps others carry out: it asks, an arbiter elsewhere decides, and the next reading answers.

The routine runs in a thread of its own; whoever hears the readings hands them on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from robot_rl.hardware.robot import Reading
from robot_rl.runtime.resets import ResetTimeoutError

Array = NDArray[np.float64]


class DriveEndedError(RuntimeError):
    """The reset is over while the routine is still at work; the message says why."""


class RelayedDrive:
    """Implements Drive. `step` and `look` are the routine's; the others may be called from any thread.

    Before the first step, `look` must have been called.

    Args:
        size: of an action.
        most: how many steps there are; another one raises ResetTimeoutError.
        propose: asks for an action (A,) in answer to the reading of that stamp [ns]; not called after `end`.
        patience: longest wait for a reading [s, wall].
    """

    def __init__(self, size: int, most: int, propose: Callable[[int, Array], None], patience: float = 10.0) -> None:
        self._left, self._propose, self._patience = most, propose, patience
        self._changed = threading.Condition()
        self._newest: Reading | None = None
        self._asked: tuple[int, Array] | None = None
        self._ended = ""
        self.steps = 0
        self.sent: Array = np.zeros(size)
        """What the robot was really sent in the newest step (A,)."""
        self.interrupted = False
        self.reading = Reading({}, {})

    def step(self, action: Array) -> Reading:
        """Ask for an action (A,), and wait for the next reading.

        Raises:
            ResetTimeoutError: there are no steps left, or no reading comes.
            DriveEndedError: the reset is over.
        """
        with self._changed:
            if self._ended:
                raise DriveEndedError(self._ended)
            if self._left <= 0:
                raise ResetTimeoutError(f"the reset did not finish in {self.steps} steps")
            self._left -= 1
            self.steps += 1
            self.interrupted = False
            before = self.reading.stamp
            self._asked = (before, np.array(action, float))
            self._propose(*self._asked)
            return self._wait(before)

    def look(self) -> Reading:
        """The newest reading; waits for the first. Raises as `step`."""
        return self._wait(-(2**63))

    def seen(self, reading: Reading) -> None:
        """What is measured now. A reading that comes again was not answered by all: the answer is given again."""
        with self._changed:
            again = self._asked if self._newest is not None and reading.stamp == self._newest.stamp else None
            if self._newest is None or reading.stamp > self._newest.stamp:
                self._newest = reading
                self._changed.notify_all()
            if again is not None and again[0] == reading.stamp and not self._ended:
                self._propose(*again)

    def executed(self, action: Array) -> None:
        """What the robot was really sent (A,)."""
        self.sent = action

    def interrupt(self) -> None:
        """Somebody else acts, or nobody."""
        self.interrupted = True

    def end(self, why: str) -> None:
        """The reset is over: the routine's next call raises DriveEndedError, which says why."""
        with self._changed:
            self._ended = self._ended or why
            self._changed.notify_all()

    def _wait(self, before: int) -> Reading:
        """The first reading later than `before` [ns]."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._later(before), self._patience)
            if self._ended:
                raise DriveEndedError(self._ended)
            if self._newest is None or not self._later(before):
                raise ResetTimeoutError(f"no reading from the robot for {self._patience:.0f} s")
            self.reading = self._newest
            return self.reading

    def _later(self, before: int) -> bool:
        return self._newest is not None and self._newest.stamp > before
