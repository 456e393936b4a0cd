"""Steps on their way to the recorder, held back for as long as the end of the episode may still reach back."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.record import Step
from robot_rl.hardware.robot import Outcome
from robot_rl.runtime.arbiter import Decision


def make_step(decision: Decision, executed: NDArray[np.float64], outcome: Outcome) -> Step:
    """The record of one control step: what was decided, what the robot was really sent (A,), what came of it."""
    return Step(
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


class HeldSteps:
    """A queue of steps in order of time.

    Args:
        hold: how far back [ns] an ending may reach: a human's mark is late, and messages overtake each other.
    """

    def __init__(self, hold: int) -> None:
        self._hold = hold
        self._steps: deque[Step] = deque()

    @property
    def newest(self) -> int | None:
        """Stamp [ns] of the newest step held; None where there is none."""
        return self._steps[-1].stamp if self._steps else None

    def keep(self, step: Step) -> None:
        """Take a step."""
        self._steps.append(step)

    def add(self, step: Step) -> Iterator[Step]:
        """Take a step; gives those that no ending can reach any more."""
        self.keep(step)
        while self._steps[0].stamp < step.stamp - self._hold:
            yield self._steps.popleft()

    def judge(self, moment: int, outcome: Outcome) -> None:
        """What is said of the state at `moment` [ns] belongs to the step under way then, if it is still held."""
        for i in range(len(self._steps) - 1, -1, -1):
            if self._steps[i].stamp <= moment:
                self._steps[i] = replace(self._steps[i], reward=outcome.reward, success=outcome.success)
                return

    def end(
        self, stamp: int, success: bool, terminated: bool, truncated: bool, *, marked: bool = False
    ) -> Iterator[Step]:
        """Gives the steps up to the one that began at `stamp`, the last marked as the end; drops those after it.

        Args:
            marked: a human said so: a success is then worth a reward of 1 at least, a failure none, and is no success.
        """
        steps = [s for s in self._steps if s.stamp <= stamp]
        self._steps.clear()
        yield from steps[:-1]
        if steps:
            last = steps[-1]
            reward, won = last.reward, last.success or success
            if marked:
                reward, won = max(reward, 1.0) if success else min(reward, 0.0), success
            yield replace(last, reward=reward, success=won, terminated=terminated, truncated=truncated)
