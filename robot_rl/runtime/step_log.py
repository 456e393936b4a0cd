"""Puts the steps of an in-process episode together and hands them to the recorder."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from robot_rl.control.safety import Safety
from robot_rl.datasets.record import Source, Step
from robot_rl.hardware.robot import Outcome
from robot_rl.runtime.arbiter import Decision
from robot_rl.runtime.episodes import Ending
from robot_rl.runtime.held_steps import HeldSteps, make_step
from robot_rl.runtime.recorder import EpisodeSink


class StepLog:
    """Steps are held back for as long as a human's mark may still reach back, then written.

    Args:
        recorder: takes the steps; None keeps the tallies only.
        latency: how far back a mark may reach [s].
        late_verdict: outcomes come that late too, and belong to the step under way when they were seen.
    """

    def __init__(self, recorder: EpisodeSink | None, latency: float, *, late_verdict: bool = False) -> None:
        self._recorder, self._late = recorder, late_verdict
        self._latency = round(latency * 1e9)
        self._held = HeldSteps(self._latency)
        self.reward = 0.0
        """Sum over the steps."""
        self.sources: Counter[Source] = Counter()
        """Steps by who acted."""
        self.safety: Counter[Safety] = Counter()
        """Steps by what the safety envelope did."""

    def add(
        self,
        decision: Decision,
        executed: NDArray[np.float64],
        outcome: Outcome,
        ending: Ending | None,
        now: int | None = None,
    ) -> None:
        """One step is over; with an ending, everything up to its last step is written and the rest dropped.

        Args:
            now: when the outcome was said [ns]; by default when the step began.
        """
        step = make_step(decision, executed, Outcome() if self._late else outcome)
        if ending is None:
            for ripe in self._held.add(step):
                self._write(ripe)
        else:
            self._held.keep(step)  # however late this one is, the ending may reach further back
        if self._late:
            self._held.judge((decision.stamp if now is None else now) - self._latency, outcome)
        if ending is not None:
            won = ending.result == "success"
            last = self._held.end(ending.end_stamp, won, ending.terminated, ending.truncated, marked=ending.marked)
            for step in last:
                self._write(step)

    def _write(self, step: Step) -> None:
        self.reward += step.reward
        self.sources[step.source] += 1
        if step.safety:
            self.safety.update(step.safety)
        if self._recorder is not None:
            self._recorder.step(step)
