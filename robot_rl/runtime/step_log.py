"""Puts the steps of an in-process episode together and hands them to the recorder."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from robot_rl.control.safety import Safety
from robot_rl.datasets.record import Source, Step
from robot_rl.hardware.robot import Outcome
from robot_rl.runtime.arbiter import Decision
from robot_rl.runtime.episodes import Ending
from robot_rl.runtime.recorder import Recorder


class StepLog:
    """Steps are held back for as long as a human's mark may still reach back, then written.

    Args:
        recorder: takes the steps; None keeps the tallies only.
        latency: how far back a mark may reach [s].
    """

    def __init__(self, recorder: Recorder | None, latency: float) -> None:
        self._recorder = recorder
        self._latency = round(latency * 1e9)
        self._held: deque[Step] = deque()
        self.reward = 0.0
        """Sum over the steps."""
        self.sources: Counter[Source] = Counter()
        """Steps by who acted."""
        self.safety: Counter[Safety] = Counter()
        """Steps by what the safety envelope did."""

    def add(self, decision: Decision, executed: NDArray[np.float64], outcome: Outcome, ending: Ending | None) -> None:
        """One step is over; with an ending, everything up to its last step is written and the rest dropped."""
        step = Step(
            stamp=decision.stamp,
            executed=executed,
            proposed=decision.proposed,
            human=decision.human,
            source=decision.source,
            phase=decision.phase,
            safety=decision.safety,
            reward=outcome.reward,
            success=outcome.success,
        )
        self._held.append(step)
        if ending is None:
            while self._held[0].stamp < decision.stamp - self._latency:
                self._write(self._held.popleft())
            return
        for step in self._held:
            if step.stamp < ending.end_stamp:
                self._write(step)
            elif step.stamp == ending.end_stamp:
                success = step.success or ending.result == "success"
                self._write(replace(step, success=success, terminated=ending.terminated, truncated=ending.truncated))
        self._held.clear()

    def _write(self, step: Step) -> None:
        self.reward += step.reward
        self.sources[step.source] += 1
        if step.safety:
            self.safety.update(step.safety)
        if self._recorder is not None:
            self._recorder.step(step)
