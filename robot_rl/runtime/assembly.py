"""Puts steps together from messages that arrive apart: decision, execution, outcome, end of episode."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.record import Step
from robot_rl.hardware.robot import Outcome
from robot_rl.runtime.arbiter import Decision
from robot_rl.runtime.held_steps import HeldSteps, make_step
from robot_rl.runtime.outcomes import first_after

HOLD = 2_000_000_000
"""[ns]; a person's latency comes on top."""


class StepAssembler:
    """Step t needs the decision at t, what was executed for it, and the first outcome judged after t.

    Complete steps are held back for a while, since the end of the episode is told by another node and may
    be heard after steps that came later. Steps at or after the first whose parts are missing wait.

    Args:
        expect_outcome: a task judges every state; otherwise steps carry reward 0 and no success.
        hold: how far back [ns] the end of an episode may reach.
    """

    def __init__(self, *, expect_outcome: bool, hold: int = HOLD) -> None:
        self._expect_outcome, self._hold = expect_outcome, hold
        self.clear()

    def clear(self) -> None:
        """Forget everything: a new episode."""
        self._decisions: dict[int, Decision] = {}
        self._executed: dict[int, NDArray[np.float64]] = {}
        self._outcomes: dict[int, Outcome] = {}
        self._held = HeldSteps(self._hold)
        self._newest = -1
        self._ending: tuple[int, bool, bool, bool] | None = None
        self._marked = False
        self.done = False
        self.dropped = 0
        """Decisions that the robot never executed (refused or lost): the command before went on holding."""

    def decided(self, decision: Decision) -> None:
        """A command was decided; a repetition of one already known changes nothing."""
        if decision.stamp > self._newest and not self.done:
            self._decisions.setdefault(decision.stamp, decision)

    def executed(self, stamp: int, action: NDArray[np.float64]) -> None:
        self._executed.setdefault(stamp, action)

    def outcome(self, stamp: int, outcome: Outcome) -> None:
        self._outcomes.setdefault(stamp, outcome)

    def end(self, stamp: int, *, success: bool, terminated: bool, truncated: bool, marked: bool = False) -> None:
        """The step that began at `stamp` was the last one; whatever came after it does not belong to the episode.

        Args:
            marked: a human said so.
        """
        self._ending, self._marked = (stamp, success, terminated, truncated), marked

    def complete(self) -> Iterator[Step]:
        """The steps that are complete now, in order, each once."""
        past_the_end = False
        while self._decisions and not self.done:
            stamp = min(self._decisions)
            if self._ending and stamp > self._ending[0]:
                self._decisions.clear()
                past_the_end = True
                break
            if stamp not in self._executed and any(s > stamp for s in self._executed):
                del self._decisions[stamp]
                self.dropped += 1
                continue
            step = self._assemble(stamp)
            if step is None:
                break
            self._newest = stamp
            yield from self._held.add(step)
        if self._ending and not self.done and (past_the_end or self._newest >= self._ending[0]):
            yield from self._finish()

    def flush(self) -> Iterator[Step]:
        """What is held back, up to the end: for an episode whose last messages never came. Steps that were carried
        out and never judged are among them, as no success."""
        if self.done:
            return
        for stamp in sorted(self._decisions):
            step = self._assemble(stamp, wait=False) if self._ending is None or stamp <= self._ending[0] else None
            if step is not None:
                self._held.keep(step)
                self._newest = stamp
        self._decisions.clear()
        yield from self._finish()

    def _finish(self) -> Iterator[Step]:
        self.done = True
        yield from self._held.end(*(self._ending or (self._newest, False, False, True)), marked=self._marked)

    def _assemble(self, stamp: int, *, wait: bool = True) -> Step | None:
        """The step of the decision at `stamp`; None while a part is missing. Without `wait` an outcome may be."""
        if stamp not in self._executed:
            return None
        outcome = first_after(self._outcomes, stamp) if self._expect_outcome else Outcome()
        if outcome is None and wait:
            return None
        decision = self._decisions.pop(stamp)
        action = self._executed.pop(stamp)
        self._outcomes = {s: o for s, o in self._outcomes.items() if s > stamp}
        return make_step(decision, action, outcome or Outcome())
