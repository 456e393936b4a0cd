"""What the next episode of a session is: one to learn from, or one trial of an evaluation that is due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from robot_rl.learn.config import TrainingError


@dataclass(frozen=True)
class Trial:
    """One episode of an evaluation."""

    number: int
    """From 1."""
    of: int
    seed: int
    """Of the held-out initial state."""


class Agenda:
    """Evaluations at set intervals, one episode at a time.

    Args:
        seeds: of the held-out initial states, one trial each; none for no evaluations.
        every: robot steps between two evaluations.
        at_once: the first is due before the first robot step.
    """

    def __init__(self, seeds: Sequence[int], every: int, *, at_once: bool) -> None:
        if every < 1:
            raise TrainingError(f"an evaluation every {every} robot steps: it must be at least 1")
        self._seeds, self._every, self._at_once = tuple(seeds), every, at_once
        self.results: list[tuple[bool, int]] = []
        """Success and steps of the trials of the evaluation under way."""
        self.under_way = False

    def next(self, robot_steps: int, last: int | None, *, ending: bool = False) -> Trial | None:
        """The trial to be run now; None for an episode to learn from.

        Args:
            last: robot steps at the evaluation before; None where there was none.
            ending: the session is over but for its last evaluation.
        """
        if not self.under_way and self._due(robot_steps, last, ending):
            self.results, self.under_way = [], True
        if not self.under_way:
            return None
        done = len(self.results)
        return Trial(done + 1, len(self._seeds), self._seeds[done])

    def add(self, success: bool, steps: int) -> bool:
        """A trial is over; returns whether the evaluation is. One that was discarded is not given here, and comes
        again."""
        self.results.append((success, steps))
        self.under_way = len(self.results) < len(self._seeds)
        return not self.under_way

    def _due(self, robot_steps: int, last: int | None, ending: bool) -> bool:
        if not self._seeds:
            return False
        if ending and (last is None or last < robot_steps):
            return True
        if last is None and self._at_once:
            return True
        return robot_steps // self._every > (last or 0) // self._every
