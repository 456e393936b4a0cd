"""An episode's rows as they happen, for an actor that hears of its steps from others.

Behind ROS the agent proposes, the arbiter decides, the robot executes and the task judges, each in a process of its
own. A step is sent to the learner as soon as all of that has been heard, with the observation it was taken from.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.record import Source, Step
from robot_rl.hardware.robot import Outcome
from robot_rl.learn.online.acting import RowSink, no_notes
from robot_rl.learn.online.improvers.improver import Agent
from robot_rl.learn.online.observe import Row
from robot_rl.runtime.arbiter import Decision
from robot_rl.runtime.assembly import StepAssembler

HOLD = 500_000_000
"""Steps wait so long [ns] in case the episode's end, which another node tells, lies before them."""
BACKLOG = 1000
"""Messages kept from before the begin event: topics overtake each other."""


class Gathering:
    """Puts rows together and hands each to a sink, as `RowSink` wants them.

    What does not add up (a step without an observation, an end that came too late to be marked) is never guessed: the
    episode is then left unfinished, and the learner takes it from the data set.

    Args:
        period: of control [ns].
        expect_outcome: a task judges every state.
        human_weight: of steps in which a human acted.
    """

    def __init__(
        self,
        sink: RowSink,
        agent: Agent,
        period: int,
        *,
        expect_outcome: bool,
        human_weight: float = 1.0,
        hold: int = HOLD,
    ) -> None:
        self.steps = 0
        """Rows handed on in this episode."""
        self._sink, self._agent, self._period, self._human_weight = sink, agent, period, human_weight
        self._new_assembler = partial(StepAssembler, expect_outcome=expect_outcome, hold=hold)
        self._assembler = self._new_assembler()
        self._backlog: deque[tuple[int, Callable[[], None]]] = deque(maxlen=BACKLOG)
        self._rows: dict[int, Row] = {}
        self._answered: dict[int, int] = {}
        self._running = self._broken = self._finished = False
        self._start, self._end = 0, -1
        self._success = False
        self._newest: Step | None = None

    def wants(self, stamp: int) -> bool:
        """Whether an observation at `stamp` [ns] is missing: the first that shows what the last step led to."""
        return self._end >= 0 and not self.settled and self._last_row() is None and self._shows_end(stamp)

    @property
    def settled(self) -> bool:
        """There is nothing more to wait for: the episode is whole, or cannot become so."""
        return self._finished or self._broken

    @property
    def whole(self) -> bool:
        """Every row of the episode has been handed on, the last observation too."""
        return self._finished and not self._broken

    def begin(self, episode_id: str, stamp: int) -> None:
        """An episode whose steps begin at `stamp` [ns] or later."""
        self._assembler = self._new_assembler()
        self._rows.clear()
        self._answered.clear()
        self.steps, self._newest = 0, None
        self._start, self._end = stamp, -1
        self._broken, self._finished = not self._sink.begin(episode_id), False
        self._running = True
        backlog = [part for at, part in self._backlog if at >= stamp]
        self._backlog.clear()
        for part in backlog:
            part()
        self._advance()

    def leave(self) -> None:
        """The episode is over, for whatever reason."""
        self._running, self._end = False, -1

    def observed(self, stamp: int, row: Row) -> None:
        """What the agent saw at `stamp` [ns], with the notes of its answer."""
        if self._running and not self.settled:
            self._rows[stamp] = dict(row)
            self._advance()

    def decided(self, decision: Decision) -> None:
        def take() -> None:
            self._answered.setdefault(decision.stamp, decision.answered)
            self._assembler.decided(decision)

        self._take(decision.stamp, take)

    def executed(self, stamp: int, action: NDArray[np.float64]) -> None:
        """What the robot was really sent (A,) for the decision of that stamp."""
        self._take(stamp, lambda: self._assembler.executed(stamp, action))

    def outcome(self, stamp: int, outcome: Outcome) -> None:
        self._take(stamp, lambda: self._assembler.outcome(stamp, outcome))

    def end(self, stamp: int, *, success: bool, terminated: bool, truncated: bool, marked: bool = False) -> None:
        """The step that began at `stamp` [ns] was the last one.

        Args:
            marked: a human said so.
        """
        if self._running:
            self._end, self._success = stamp, success
            self._assembler.end(stamp, success=success, terminated=terminated, truncated=truncated, marked=marked)
            self._advance()

    def _take(self, stamp: int, part: Callable[[], None]) -> None:
        if not self._running:
            self._backlog.append((stamp, part))
        elif stamp >= self._start:
            part()
            self._advance()

    def _advance(self) -> None:
        """Hand on what is complete."""
        if self.settled:
            return
        for step in self._assembler.complete():
            self._hand_on(step)
            if self._broken:
                return
        last = self._last_row() if self._assembler.done else None
        if last is not None:
            self._finished = True
            if self._ended_as_told:
                self._sink.finish(last | no_notes(self._agent), self._success)
            else:
                self._broken = True

    def _hand_on(self, step: Step) -> None:
        at = self._seen_at(step)
        if at is None:
            self._broken = True
            return
        row = self._rows[at] if step.source == Source.POLICY else self._rows[at] | no_notes(self._agent)
        weight = self._human_weight if step.source == Source.HUMAN else 1.0
        self._sink.add(row, step, self.steps, weight)
        self.steps += 1
        self._newest = step
        self._rows = {stamp: r for stamp, r in self._rows.items() if stamp >= at}

    def _seen_at(self, step: Step) -> int | None:
        """Stamp of the row that a step began from: what the policy answered, or what was seen last before.

        An episode's first steps may come before the first observation: nobody but the human can have acted yet, and
        the first one stands in, within two periods.
        """
        answered = self._answered.pop(step.stamp, -1)
        if step.source == Source.POLICY:
            return answered if answered in self._rows else None
        before = [stamp for stamp in self._rows if stamp <= step.stamp]
        if before:
            return max(before)
        first = min(self._rows, default=None)
        return first if first is not None and first - step.stamp <= 2 * self._period else None

    def _last_row(self) -> Row | None:
        """What the last step led to: the first observation that is later than half of it."""
        after = [stamp for stamp in self._rows if self._shows_end(stamp)]
        return self._rows[min(after)] if self._end >= 0 and after else None

    def _shows_end(self, stamp: int) -> bool:
        return stamp >= self._end + self._period // 2

    @property
    def _ended_as_told(self) -> bool:
        """The last row that was handed on is the episode's last step, and marked as such."""
        last = self._newest
        return last is not None and last.stamp == self._end and (last.terminated or last.truncated)
