"""When a session of practice is over: rules that are told of every episode and say why to stop.

A session asks its rule after each episode; the first reason given ends it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from robot_rl.datasets.record import Source
from robot_rl.runtime.loop import EpisodeResult


class StopRule(Protocol):
    """Is told of every episode, in order."""

    def add(self, result: EpisodeResult) -> str | None:
        """One more episode is over. Returns why the session should end, or None to go on."""
        ...


def untouched(result: EpisodeResult) -> bool:
    """A success in which no human acted."""
    touched = result.ending.interventions or result.sources.get(Source.HUMAN, 0) or result.sources.get(Source.REWIND, 0)
    return result.success and not touched


class Streak:
    """So many untouched successes in a row; anything else begins anew.

    It is a reason to stop and evaluate, no measurement. n successes in n episodes that were fixed beforehand would put
    the chance of success above 0.05 ** (1 / n) with 95 % confidence, 0.905 for 30; a run that is waited for says less:
    at a chance of .85, one of 30 comes within 1000 episodes in 69 % of sessions. Demonstrations are not counted, and a
    discarded episode changes nothing.
    """

    def __init__(self, length: int = 30) -> None:
        self._length = _positive("length", length)
        self.run = 0
        """How many in a row at present."""

    def add(self, result: EpisodeResult) -> str | None:
        if result.purpose != "demonstration" and result.ending.result != "discarded":
            self.count(untouched(result))
        return self.reason

    def count(self, good: bool) -> None:
        """One more episode, an untouched success or not."""
        self.run = self.run + 1 if good else 0

    @property
    def reason(self) -> str | None:
        """Why to stop; None while they are too few."""
        return f"{self.run} untouched successes in a row" if self.run >= self._length else None


class StepLimit:
    """So many steps of the robot in all, discarded episodes included: the robot has worked in them."""

    def __init__(self, steps: int) -> None:
        self._limit = _positive("steps", steps)
        self.steps = 0

    def add(self, result: EpisodeResult) -> str | None:
        self.steps += result.ending.steps
        return f"{self.steps} robot steps, of {self._limit} allowed" if self.steps >= self._limit else None


class TimeLimit:
    """So long since the rule was made, resets and pauses included.

    Args:
        seconds: [s]
        clock: a time [s] that never goes back.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        if not 0.0 < seconds < float("inf"):
            raise ValueError(f"seconds is {seconds}; it must be a finite time above 0")
        self._limit, self._clock, self._start = seconds, clock, clock()

    def add(self, result: EpisodeResult) -> str | None:
        passed = self._clock() - self._start
        return f"{passed:.0f} s have passed, of {self._limit:g} allowed" if passed >= self._limit else None


class AskedToStop:
    """A human says stop; the episode under way is finished first. `ask` may be called from any thread."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._reason = ""

    def ask(self, reason: str = "the operator said stop") -> None:
        """End after the present episode."""
        self._reason = reason
        self._asked.set()

    def add(self, result: EpisodeResult) -> str | None:
        return self._reason if self._asked.is_set() else None


class FirstOf:
    """Several rules; every one of them is told of every episode, and the first that gives a reason counts."""

    def __init__(self, rules: Sequence[StopRule]) -> None:
        self._rules = tuple(rules)

    def add(self, result: EpisodeResult) -> str | None:
        reasons = [rule.add(result) for rule in self._rules]
        return next((reason for reason in reasons if reason is not None), None)


def _positive(name: str, value: int) -> int:
    if value < 1:
        raise ValueError(f"{name} is {value}; it must be at least 1")
    return value
