"""The actor of a session whose episodes others run: it acts, sends rows as they happen, and counts what was kept."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.learn.online.acting import AgentExecutor
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.curve import make_point
from robot_rl.learn.online.remote.agenda import Agenda, Trial
from robot_rl.learn.online.remote.gathering import HOLD, Gathering
from robot_rl.learn.online.remote.link import Link
from robot_rl.learn.online.remote.sender import RowSender
from robot_rl.learn.online.remote.standing import document, take_up
from robot_rl.spec import Spec

OF_THE_LINK = ("stale_updates", "stale_seconds", "dropped", "queue")
"""Figures that only the actor knows."""


class Actor:
    """The agent of a session behind a node graph. The learner has said hello.

    An episode counts as its recorder kept it: its rows are learnt from as they come, and are void if it is discarded.
    While an evaluation lasts the parameters stay as they are, nothing explores, and no row is sent.

    Args:
        expect_outcome: a task judges every state.
        hold: how late [ns] an episode's end may be heard.

    Raises:
        TrainingError: the learner's session cannot be continued.
    """

    def __init__(
        self,
        config: OnlineConfig,
        executor: AgentExecutor,
        link: Link,
        agenda: Agenda,
        spec: Spec,
        *,
        expect_outcome: bool,
        hold: int = HOLD,
    ) -> None:
        self.config, self.executor, self.link, self.agenda = config, executor, link, agenda
        self._rate = spec.rate
        self._weights = executor.agent.state_dict()
        self._rows = RowSender(link)
        self.gathering = Gathering(
            self._rows,
            executor.agent,
            spec.period_ns,
            expect_outcome=expect_outcome,
            human_weight=config.human_weight,
            hold=hold,
        )
        if link.hello is None:
            raise RuntimeError("the learner has not been met")
        self.tally, self.curve, self.recovered = take_up(link.hello, executor.generator)
        self._noise = executor.generator.get_state()
        self._episode = ""
        self._begun = time.monotonic()
        self._ages: list[tuple[float, float]] = []
        self._counted: list[str] = []
        """The episodes of this sitting that the tally holds."""

    @property
    def settled(self) -> bool:
        """No row of the episode is to be waited for any more."""
        return self.agenda.under_way or self.gathering.settled

    def next_trial(self, *, ending: bool = False) -> Trial | None:
        """The evaluation's trial that comes next, if one is due; one is where the session is `ending`."""
        before = self.agenda.under_way
        last = self.curve[-1].robot_steps if self.curve else None
        trial = self.agenda.next(self.tally.robot_steps, last, ending=ending)
        if trial is not None and not before:
            self.link.apply(self._weights)
            self.link.put({"kind": "evaluating", "updates": self.link.applied})
            self._noise = self.executor.generator.get_state()
        return trial

    def begin(self, episode: str, stamp: int, purpose: str) -> None:
        """An episode begins, with steps from `stamp` [ns] on."""
        self.gathering.leave()
        self._episode = episode
        evaluation = purpose == "evaluation"
        exploring = "warmup" if self.tally.robot_steps < self.config.warmup else "sample"
        self.executor.mode = "mode" if evaluation else exploring  # type: ignore[assignment]
        self.executor.agent.train(not evaluation)
        self._begun = time.monotonic()
        if not evaluation:
            self.gathering.begin(episode, stamp)

    def take_parameters(self) -> None:
        """Parameters that have come are the agent's from now on, but not in the middle of an evaluation."""
        if self.agenda.under_way:
            return
        self.link.apply(self._weights)
        figures = self.link.figures()
        self._ages.append((figures["stale_updates"], figures["stale_seconds"]))

    def observed(self, stamp: int) -> None:
        """The executor's newest row is of the observation at `stamp` [ns]."""
        self.gathering.observed(stamp, self.executor.rows[-1])

    def executed(self, stamp: int, action: NDArray[np.float64]) -> None:
        """What the robot was really sent (A,)."""
        self.executor.follow(action)
        self.gathering.executed(stamp, action)

    def discard(self) -> None:
        """The episode was dropped: so are its rows."""
        self.gathering.leave()
        if not self.agenda.under_way:
            self.tally.discard()
            self._rows.drop()
            self._rows.conclude(self._document())

    def conclude(self, steps: int, human_steps: int, success: bool) -> None:
        """The episode is safe in the data set, with so many steps; rows that do not add up come from there."""
        if self.agenda.under_way:
            self._add_trial(steps, success)
            return
        self._counted.append(self._episode)
        self.tally.recorded(steps, human_steps, success, time.monotonic() - self._begun)
        if not self.gathering.whole or self.gathering.steps != steps:
            self._rows.give_up()
        self.gathering.leave()
        self._rows.conclude(self._document())
        self._ages.clear()

    def relabelled(self, episode: str, *, was: bool, now: bool) -> None:
        """The record says otherwise now of how an episode ended; the learner reads it there. An evaluation's is out of
        its hands."""
        if episode in self._counted:
            self.tally.rejudge(was, now, len(self._counted) - 1 - self._counted.index(episode))
            self.link.put({"kind": "relabelled", "tally": self.tally.to_dict()})

    def _add_trial(self, steps: int, success: bool) -> None:
        if not self.agenda.add(success, steps):
            return
        self.executor.generator.set_state(self._noise)
        figures = {k: v for k, v in self.link.figures().items() if v == v}
        self.curve.append(make_point(self.tally, self.agenda.results, self._rate, self.link.applied, figures))
        self.link.put({"kind": "point", **self._document()})

    def _document(self) -> dict[str, Any]:
        figures = self.link.figures()
        mine = {name: figures[name] for name in OF_THE_LINK}
        if self._ages:
            updates, seconds = np.median(np.array(self._ages), axis=0)
            mine |= {"stale_updates": float(updates), "stale_seconds": float(seconds)}
        return {**document(self.tally, self.curve, self.executor.generator), "actor": mine}
