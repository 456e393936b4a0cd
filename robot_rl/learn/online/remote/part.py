"""An agent at work behind a node graph, with the learner that improves it: a session of one task, or one direction of
a practice."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.hardware.config import ConfigError
from robot_rl.learn.online import recipe
from robot_rl.learn.online.deployed import AgentPlayer, AgentPolicy
from robot_rl.learn.online.remote import address
from robot_rl.learn.online.remote.actor import Actor
from robot_rl.learn.online.remote.agenda import Agenda
from robot_rl.learn.online.remote.link import Link

WITHIN = 600.0
"""A learner may prepare for so long [s]: an offline phase, demonstrations through the base."""


class Part:
    """Parameters as they come, evaluations when they are due, and what is done without a learner.

    Args:
        name: of the direction; empty for a session of one task.
        trials: of an evaluation.
        evaluate_every: robot steps; 0 as the recipe has it.
        simulated: the robot's task judges every state.
        hold: how late [ns] an episode's end may be heard.

    Raises:
        ConfigError: there is no learner, or more trials than held-out states.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        policy: AgentPolicy,
        *,
        trials: int,
        evaluate_every: int,
        simulated: bool,
        hold: int,
    ) -> None:
        self.name, self.folder, self.policy = name, folder, policy
        self.plan = recipe.load(folder / recipe.FILE)
        config = self.plan.online
        if trials > len(config.evaluation_seeds):
            raise ConfigError(
                f"parameter 'trials' is {trials}; the recipe holds {len(config.evaluation_seeds)} held-out states "
                "(online.evaluation_seeds)"
            )
        self.link = Link(lambda: _where(folder), self.plan.remote)
        self._await_learner()
        self.executor = PartPlayer(policy, self)
        self.actor = Actor(
            config,
            self.executor,
            self.link,
            Agenda(
                config.evaluation_seeds[:trials],
                evaluate_every or config.evaluate_every,
                at_once=config.improver.base != "none" or self.link.updates > 0,
            ),
            policy.spec,
            expect_outcome=simulated or self.plan.judged,
            hold=hold,
        )
        self._lost, self._told = False, 0

    @property
    def holding(self) -> bool:
        """The learner is lost, and the rule is to hold; an evaluation needs no learner."""
        hold = self.plan.remote.lost == "hold" and self.link.hello is not None and not self.link.alive
        return hold and not self.actor.agenda.under_way

    def watch(self) -> str:
        """What has become of the learner since it was asked last; empty for nothing new."""
        lost, self._lost = self._lost, not self.link.alive
        if self._lost and not lost:
            what = {"continue": "goes on", "hold": "holds still", "stop": "stops"}[self.plan.remote.lost]
            return (
                f"no word from the learner for {self.link.silence:.0f} s: the robot {what}; its parameters are those "
                f"of update {self.link.updates}"
            )
        return "the learner is back" if lost and not self._lost else ""

    @property
    def must_stop(self) -> bool:
        """The learner is lost, and the rule is to stop."""
        return self._lost and self.plan.remote.lost == "stop"

    def news(self) -> str:
        """An evaluation that is new since it was asked last; empty for none."""
        curve = self.actor.curve
        if len(curve) == self._told:
            return ""
        self._told = len(curve)
        return f"step {curve[-1].robot_steps}: {curve[-1].successes}/{curve[-1].trials} by the agent alone"

    def close(self) -> None:
        """Leave the learner."""
        self.link.close()

    def _await_learner(self) -> None:
        """What lies in the folder may be of a learner that is gone: the first word of this one is waited for."""
        await_learner(self.folder, lambda: self.link.hello is not None or self.link.failure is not None)
        if self.link.failure is not None:
            raise ConfigError(self.link.failure)


class PartPlayer(AgentPlayer):
    """Plays the agent with the newest parameters; gives no action while the robot is to hold."""

    def __init__(self, policy: AgentPolicy, part: Part) -> None:
        super().__init__(policy)
        self._part = part

    def act(self, values: Mapping[str, NDArray[Any]]) -> NDArray[np.float64] | None:  # type: ignore[override]
        """The action (A,) in physical units; None to hold still."""
        self._part.actor.take_parameters()
        action = super().act(values)
        return None if self._part.holding else action


def await_learner(folder: Path, done: Callable[[], bool]) -> None:
    """Wait for a learner that may still be preparing. Raises ConfigError when it takes too long."""
    deadline = time.monotonic() + WITHIN
    while not done():
        if time.monotonic() > deadline:
            raise ConfigError(f"{folder}: no learner within {WITHIN:.0f} s")
        time.sleep(0.2)


def _where(folder: Path) -> tuple[str, str]:
    found = address.find(folder)
    if found is None:
        raise ConnectionError(f"{folder}: there is no learner now")
    return found
