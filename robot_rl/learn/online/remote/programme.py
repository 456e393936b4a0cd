"""What comes next in a session behind a node graph: whose trial of an evaluation is due, else whose turn it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from robot_rl.datasets.record import Source
from robot_rl.learn.online.remote.agenda import Trial
from robot_rl.learn.online.remote.part import Part
from robot_rl.learn.online.remote.scene import Beginning, Turns
from robot_rl.runtime.episodes import Result
from robot_rl.runtime.resets import ResetCounts
from robot_rl.runtime.stopping import Streak


class Programme:
    """Of a session of one task, or of a practice in turns.

    Args:
        parts: by direction; at least one.
        turns: of a practice; None for one task.
        scene: how an episode of one task begins, by what a person is told of an evaluation's trial, empty for none.
        steps: that the robot may take in all; 0 without end.
        untouched: successes in a row without help after which the session is over; 0 for no such rule.
        simulated: the task judges an evaluation by itself.
    """

    def __init__(
        self,
        parts: Mapping[str, Part],
        turns: Turns | None,
        scene: Callable[[str], Beginning],
        *,
        steps: int = 0,
        untouched: int = 0,
        simulated: bool,
    ) -> None:
        self._parts, self._turns, self._scene, self._simulated = dict(parts), turns, scene, simulated
        self.part = next(iter(self._parts.values()))
        """The agent whose turn it is."""
        self.keys = "mark"
        """What the success key means in the episode."""
        self.classified = False
        """A reward classifier judges the episode."""
        self._begins = Beginning()
        self._steps, self._rule = steps, Streak(untouched) if untouched else None
        self._touched = False
        """A human has acted in the episode."""

    def next(self) -> dict[str, Any]:
        """On to the next episode; what the episode manager is told of it, JSON-ready."""
        self.part, trial = self._due()
        told = "" if trial is None else f"evaluation, trial {trial.number} of {trial.of}, by the agent alone"
        self._begins = self._beginning(told)
        by_task = trial is not None and self._simulated
        self.keys = "mark" if by_task else self.part.plan.keys
        self.classified = bool(self.part.plan.classifier) and not by_task
        purpose: dict[str, Any] = {"purpose": "deployment", "number": self.part.actor.tally.begun}
        if trial is not None:
            purpose = {"purpose": "evaluation", "seed": trial.seed, "trial": trial.number, "trials": trial.of}
        judged = {"keys": self.keys, "classified": self.classified}
        over = self.over if trial is None else ""
        alone = trial is None and self.part.plan.online.alone(self.part.actor.tally.begun)
        return {
            **purpose,
            **self._begins.to_dict(),
            "direction": self.part.name,
            **judged,
            "alone": alone,
            "over": over,
        }

    @property
    def over(self) -> str:
        """Why nothing is left to be learnt from; empty while there is."""
        steps = sum(part.actor.tally.robot_steps for part in self._parts.values())
        if self._steps and steps >= self._steps:
            return f"{steps} robot steps, of {self._steps} wanted"
        return (self._rule.reason or "") if self._rule is not None else ""

    @property
    def by_task(self) -> bool:
        """The task itself judges the episode, where one does; else it is the episode manager that says who."""
        return self.keys == "mark" and not self.classified

    def begun(self) -> None:
        """The episode has begun, to be learnt from: count what a practice took to come there."""
        self._touched = False
        if self._turns is not None:
            kept = self._begins.scene == "kept"
            self.part.actor.tally.resets(ResetCounts(set_up=not kept, driven=kept))

    def decided(self, source: Source) -> None:
        """Who acted in a step of the episode."""
        self._touched |= source in (Source.HUMAN, Source.REWIND)

    def ended(self, result: Result, *, terminated: bool, human_steps: int = 0) -> None:
        """The episode to learn from is over; so many of its recorded steps were a human's."""
        if self._rule is not None and result != "discarded":
            self._rule.count(result == "success" and not self._touched and not human_steps)
        if self._turns is not None:
            self._turns.ended(result, terminated=terminated)

    def _due(self) -> tuple[Part, Trial | None]:
        for part in (self.part, *(p for p in self._parts.values() if p is not self.part)):
            trial = part.actor.next_trial(ending=bool(self.over))
            if trial is not None:
                return part, trial
        if self._turns is None:
            return self.part, None
        self._turns.turn()
        return self._parts[self._turns.name], None

    def _beginning(self, told: str) -> Beginning:
        if self._turns is None:
            return self._scene(told)
        return self._turns.trial(self.part.name, told) if told else self._turns.next()
