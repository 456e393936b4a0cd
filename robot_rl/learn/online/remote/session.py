"""The actor's side of a session with the learner elsewhere: act, record, send rows, take parameters as they come."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.episode import Episode
from robot_rl.datasets.record import Step
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.acting import AgentExecutor, RowRecorder
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.curve import Point, due, make_point
from robot_rl.learn.online.episodes import held_out, learning_episode
from robot_rl.learn.online.learner import make_improver, make_observer
from robot_rl.learn.online.marks import Marks
from robot_rl.learn.online.remote.link import Link
from robot_rl.learn.online.remote.pacing import PacedClock
from robot_rl.learn.online.remote.sender import RowSender
from robot_rl.learn.online.remote.standing import document, take_up
from robot_rl.learn.online.tally import Tally
from robot_rl.learn.online.tee import Tee
from robot_rl.learn.online.workcell import Workcell
from robot_rl.policies.checkpoint import torch_device
from robot_rl.policies.policy import Policy
from robot_rl.runtime.loop import EpisodeResult
from robot_rl.runtime.recorder import Recorder

log = logging.getLogger(__name__)

WAIT = 0.05
"""Between two looks at a learner that is waited for [s]."""


class RemoteSession:
    """An agent at work whose learner is elsewhere.

    Every episode is safe in the data set before the learner hears of its end. Without a learner the robot keeps the
    parameters it has, and does as `link.config.lost` says.

    Args:
        base: the frozen policy, for improvers that want one.
        dataset: takes every episode; open for appending.
        say: a line for the user.
    """

    def __init__(
        self,
        config: OnlineConfig,
        cell: Workcell,
        link: Link,
        dataset: Dataset,
        base: Policy | None = None,
        say: Callable[[str], None] = log.warning,
    ) -> None:
        self.config, self.cell, self.link, self.dataset, self._say = config, cell, link, dataset, say
        observer = make_observer(config, cell.robot.spec, base, cell.pictures)
        self.agent = make_improver(config, cell.robot.spec, observer, base).agent
        self.executor = AgentExecutor(self.agent, observer, torch_device(config.device), config.seed + 1)
        self.tally = Tally()
        self.curve: list[Point] = []
        self.recovered = 0
        self._weights = self.agent.state_dict()
        self._rows = RowSender(link)
        self._sink = Tee(
            [
                Recorder(dataset),
                RowRecorder(self._rows, self.executor, self._step, human_weight=config.human_weight),
            ]
        )
        self._clock = PacedClock(cell.robot.clock, 0.0)
        cell.robot.clock = self._clock
        self._marks = None
        if cell.undo is not None:
            self._marks = Marks(cell.undo, dataset, self._taken_back, say)
        self._lost = False
        self.waited = 0.0
        """Seconds for which the actor held because there was no learner."""
        self.late = 0
        """Control steps that began more than a period late."""

    @property
    def updates(self) -> int:
        """The learner's critic updates, as far as is known here."""
        return self.link.updates

    @property
    def figures(self) -> dict[str, float]:
        """Of the learner and the connection."""
        return self.link.figures()

    def begin(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Wait for the learner, and take up the session where it stands.

        Raises:
            TrainingError: there is no learner, or its session is not this one.
        """
        while self.link.hello is None and not stop():
            self._check()
            time.sleep(WAIT)
        if self.link.hello is None:
            return
        self.tally, self.curve, self.recovered = take_up(self.link.hello, self.executor.generator)
        while not self.link.apply(self._weights) and not stop():
            self._check()
            time.sleep(WAIT)
        if not self.curve and (self.config.improver.base != "none" or self.link.updates):
            self._evaluate()

    def run(
        self,
        *,
        stop: Callable[[], bool] = lambda: False,
        on_episode: Callable[[EpisodeResult], None] = lambda result: None,
        on_point: Callable[[Point], None] = lambda point: None,
    ) -> list[Point]:
        """Act until `config.steps`, and let the learner finish; returns the evaluations.

        Raises:
            TrainingError: the learner has failed for good.
        """
        while self.tally.robot_steps < self.config.steps and not stop():
            if not self._learner_there(stop):
                break
            result = self._episode()
            if self.tally.robot_steps >= self.config.steps:
                self._catch_up(stop)
            if due(self.config, self.tally.robot_steps, self.curve):
                on_point(self._evaluate())
            on_episode(result)
        return self.curve

    def _episode(self) -> EpisodeResult:
        self._clock.speed = self.link.config.speed
        result = learning_episode(self.cell, self.executor, self.config, self.tally, self._sink, self._marks, self._say)
        self.late += result.timing.overruns
        self._rows.conclude(self._document())
        return result

    def _taken_back(self, episode: Episode, was: bool) -> None:
        """The learner reads in the data set what is said now."""
        numbers = [e.number for e in self.dataset]
        self.tally.rejudge(was, bool(episode.success), len(numbers) - 1 - numbers.index(episode.number))
        self.link.put({"kind": "relabelled", "tally": self.tally.to_dict()})

    def _step(self, step: Step) -> None:
        """After each step: count it, and take the parameters that have come."""
        self.tally.step(step.source)
        self.link.apply(self._weights)
        if not self._lost and not self.link.alive:
            self._lost = True
            self._say(
                f"no word from the learner for {self.link.silence:.0f} s: the robot goes on with the parameters of "
                f"update {self.link.updates}"
            )

    def _evaluate(self) -> Point:
        """The mean action from every held-out state with the newest parameters, as fast as the simulation steps."""
        self._clock.speed = 0.0
        self.link.apply(self._weights)
        self.link.put({"kind": "evaluating", "updates": self.link.applied})
        trials = held_out(self.cell, self.executor, self.config.evaluation_seeds)
        figures = {k: v for k, v in self.figures.items() if v == v}
        self.curve.append(make_point(self.tally, trials, self.cell.robot.spec.rate, self.link.applied, figures))
        self.link.put({"kind": "point", **self._document()})
        return self.curve[-1]

    def _learner_there(self, stop: Callable[[], bool]) -> bool:
        """Whether another episode may begin; what a lost learner means is a rule."""
        self._check()
        there = self.link.alive
        if there:
            self._lost = False
            return True
        rule = self.link.config.lost
        if rule == "continue":
            return True
        if rule == "stop":
            self._say("the learner is lost: the session ends here; continue it with --resume")
            return False
        self._say("the learner is lost: the robot holds still until it is back")
        begun = time.monotonic()
        back = False
        while not back and not stop():
            self._check()
            time.sleep(WAIT)
            back = self.link.alive
        self.waited += time.monotonic() - begun
        self._lost = False
        if back:
            self._say("the learner is back")
        return back

    def _catch_up(self, stop: Callable[[], bool]) -> None:
        """The last robot step is done: let the learner learn from all of them."""
        while self._owed() and self.link.alive and not stop():
            self._check()
            time.sleep(WAIT)
        time.sleep(self.link.config.period)
        self.link.apply(self._weights)

    def _owed(self) -> bool:
        """The learner has not heard of all steps, or not learnt from all."""
        heard = int(self.link.status.get("robot_steps", 0)) >= self.tally.robot_steps
        return not heard or self.link.lag > 0

    def _check(self) -> None:
        if self.link.failure is not None:
            raise TrainingError(self.link.failure)

    def _document(self) -> Mapping[str, Any]:
        return document(self.tally, self.curve, self.executor.generator)
