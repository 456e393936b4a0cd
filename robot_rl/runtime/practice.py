"""Practice without resets: two tasks that undo each other take turns.

Success hands over to the other task, whose start is where this one ended (Han, Levine and Abbeel, "Learning compound
tasks with forward-backward reset-free practice", 2015; Eysenbach et al., "Leave no trace", 2018). A task that times
out is tried again from where it stands; after `tries` failures in a row the other one is tried, which may well be
possible; and when each of them has failed in that way, one after the other, somebody must set the scene up anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from robot_rl.runtime.episodes import Result
from robot_rl.runtime.loop import EpisodeResult


@dataclass(frozen=True)
class Turn:
    """What to practise next."""

    goal: int
    """Its number in the list of goals."""
    reset: bool
    """The scene must be set up anew before."""


class Practice:
    """Decides whose turn it is.

    Args:
        goals: names of the tasks, in the order of their turns; at least two.
        tries: so many failures in a row before the next goal is tried.

    Raises:
        ValueError: fewer than two goals, or no tries.
    """

    def __init__(self, goals: Sequence[str], tries: int = 3) -> None:
        if len(goals) < 2 or tries < 1:
            raise ValueError(f"goals {list(goals)}, tries {tries}: two goals or more and at least one try are needed")
        self.goals = tuple(goals)
        self._tries = tries
        self._goal = self._failures = self._given_up = 0
        self.turns = [0] * len(self.goals)
        """Episodes of each goal."""
        self.successes = [0] * len(self.goals)
        self.resets = 0
        """How often the scene had to be set up anew."""

    @property
    def goal(self) -> int:
        """The number of the goal whose turn it is."""
        return self._goal

    def add(self, result: EpisodeResult) -> Turn:
        """One more episode of the present goal is over; who is next. As `ended`."""
        return self.ended(result.ending.result, terminated=result.ending.terminated)

    def ended(self, result: Result, *, terminated: bool) -> Turn:
        """One more episode of the present goal is over; who is next.

        An episode that terminated without success (an object is lost) asks for a reset at once. One that was
        discarded did not happen, but the scene may have changed: the same goal is tried again.
        """
        if result == "discarded":
            return Turn(self._goal, reset=False)
        self.turns[self._goal] += 1
        if result == "success":
            self.successes[self._goal] += 1
            self._given_up = 0
            return self._next(reset=False)
        if terminated:
            return self._anew()
        self._failures += 1
        if self._failures < self._tries:
            return Turn(self._goal, reset=False)
        self._given_up += 1
        return self._anew() if self._given_up >= len(self.goals) else self._next(reset=False)

    def begin_anew(self) -> Turn:
        """The scene has been used for something else: it must be set up anew, for the first goal."""
        self._goal, self._failures, self._given_up = 0, 0, 0
        return Turn(0, reset=True)

    def _anew(self) -> Turn:
        """A fresh scene is where the first goal begins."""
        self.resets += 1
        return self.begin_anew()

    def _next(self, *, reset: bool) -> Turn:
        self._goal, self._failures = (self._goal + 1) % len(self.goals), 0
        return Turn(self._goal, reset=reset)
