"""The node that plays an agent while a learner improves it: a policy node whose parameters change as it acts, and that
sends the learner each step as it happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import JointState

from robot_rl.hardware.config import ConfigError
from robot_rl.learn.online import recipe
from robot_rl.learn.online.deployed import AgentPlayer, AgentPolicy
from robot_rl.learn.online.remote import address, gathering
from robot_rl.learn.online.remote.actor import Actor
from robot_rl.learn.online.remote.agenda import Agenda
from robot_rl.learn.online.remote.link import Link
from robot_rl.learn.online.remote.scene import Beginning
from robot_rl.policies.execution import Executor
from robot_rl.ros import codecs, topics, wire
from robot_rl.ros.node import run
from robot_rl.ros.policy_node import PolicyNode
from robot_rl.ros.self_resets import SelfResets
from robot_rl.runtime import assembly
from robot_rl.runtime.arbiter import Decision

WITHIN = 600.0
"""A learner may prepare for so long [s]: an offline phase, demonstrations through the base."""
PATIENCE = 1.0
"""An episode that the recorder has saved waits so long [s] for messages that are still on their way to this node."""


class AgentNode(PolicyNode):
    """Parameters: `checkpoint`, a session's folder; `trials` of an evaluation (0: no evaluations) and `evaluate_every`
    robot steps (0: as the recipe has it); `latency` of a person's keys [s], by which an episode's end may reach back;
    and those of the policy node.

    It waits for the session's learner. Without one later on it does as the recipe's `remote.lost` says: go on with the
    parameters it has, hold the robot still, or end the graph. It says to the episode manager what each episode is for.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lost = False
        self._event: dict[str, Any] = {}
        """The begin event of the episode under way."""
        self._saved: dict[str, Any] | None = None
        self._saved_at = 0.0
        self._told = 0
        self._resets = None if self._plan.reset == "outside" else SelfResets(self, self._plan, self._reset_over)
        self.create_subscription(JointState, topics.EXECUTED, self._on_executed, topics.kept())
        self.create_subscription(JointState, topics.OUTCOME, self._on_outcome, topics.kept())
        self.on_event(topics.RECORDER_EVENT, self._on_recorder)
        self.create_timer(0.5, self._watch)
        self.create_timer(0.1, lambda: self._settle())
        self._announce("")

    def _make_executor(self) -> Executor:
        if not isinstance(self._policy, AgentPolicy):
            raise ConfigError("parameter 'checkpoint' is not an online session's folder")
        folder = Path(self.get_parameter("checkpoint").value)
        self._plan = recipe.load(folder / recipe.FILE)
        self._link = Link(lambda: _where(folder), self._plan.remote)
        self._await_learner(folder)
        player = Learning(self._policy, self)
        hold = gathering.HOLD + round(self.param("latency", 0.0) * 1e9)
        config, trials = self._plan.online, self.param("trials", 10)
        if trials > len(config.evaluation_seeds):
            raise ConfigError(
                f"parameter 'trials' is {trials}; the recipe holds {len(config.evaluation_seeds)} held-out states "
                "(online.evaluation_seeds)"
            )
        self._actor = Actor(
            config,
            player,
            self._link,
            Agenda(
                config.evaluation_seeds[:trials],
                self.param("evaluate_every", 0) or config.evaluate_every,
                at_once=config.improver.base != "none" or self._link.updates > 0,
            ),
            self.spec,
            expect_outcome=self.config.simulated,
            hold=max(hold, assembly.HOLD) if self.lockstep else hold,  # a busy machine is many steps late
        )
        return player

    def _await_checkpoint(self, path: str) -> None:
        """A new session's learner writes the agent when it is prepared."""
        self._wait(Path(path), lambda: address.find(Path(path)) is not None)

    def _await_learner(self, folder: Path) -> None:
        """What lies in the folder may be of a learner that is gone: the first word of this one is waited for."""
        self._wait(folder, lambda: self._link.hello is not None or self._link.failure is not None)
        if self._link.failure is not None:
            raise ConfigError(self._link.failure)

    def _wait(self, folder: Path, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WITHIN
        while not done():
            if time.monotonic() > deadline:
                raise ConfigError(f"{folder}: no learner within {WITHIN:.0f} s")
            time.sleep(0.2)

    # -- an episode ---------------------------------------------------------------------------------

    def _on_episode(self, event: dict[str, Any]) -> None:
        if self._resets is not None:
            self._resets.on_episode(event, self._actor.tally)
        if event["event"] == "begin":
            self._settle(at_once=True)
            self._event = event
            self._actor.begin(event["episode"], event["stamp"], event["purpose"])
        super()._on_episode(event)
        if event["event"] == "end" and event["episode"] == self._event.get("episode"):
            self._event |= {"result": event["result"], "steps": event["steps"]}
            if event["result"] != "discarded":
                self._actor.gathering.end(
                    event["stamp"],
                    success=event["result"] == "success",
                    terminated=event["terminated"],
                    truncated=event["truncated"],
                    marked=event["marked"],
                )
                self._look()

    def _answer(self, stamp: int, values: Mapping[str, NDArray[Any]]) -> NDArray[np.float64] | None:
        action = super()._answer(stamp, values)
        self._actor.observed(stamp)
        return action

    def _propose(self) -> None:
        super()._propose()
        self._look()
        if self._resets is not None:
            self._resets.look()

    def _reset_over(self, name: str, success: bool, why: str) -> None:
        """A reset that the episode manager asked for has come to its end."""
        self.publish_event(topics.AGENT_EVENT, event="driven", episode=name, success=success, why=why)

    def _look(self) -> None:
        """See what the last step led to."""
        reading = self._state.latest
        if reading is None or not self._actor.gathering.wants(reading.stamp):
            return
        seen = self._observation()
        if seen is not None:
            self._executor.observe(seen[1])
            self._actor.observed(seen[0])

    def _decided(self, decision: Decision) -> None:
        super()._decided(decision)
        self._actor.gathering.decided(decision)
        if self._resets is not None:
            self._resets.decided(decision)

    def _on_executed(self, message: JointState) -> None:
        action = codecs.unlabelled(message, self.spec.action.labels)
        self._actor.executed(codecs.stamp_of(message), action)
        if self._resets is not None:
            self._resets.executed(action)

    def _on_outcome(self, message: JointState) -> None:
        stamp, outcome = codecs.stamp_of(message), wire.read_outcome(message)
        self._actor.gathering.outcome(stamp, outcome)
        if self._resets is not None:
            self._resets.judged(stamp, outcome)

    def _on_recorder(self, event: dict[str, Any]) -> None:
        """What the recorder keeps is what counts."""
        if event["event"] == "relabelled":
            self._settle(at_once=True)
            self._actor.relabelled(event["episode"], was=event["was"], now=event["success"])
            return
        if event.get("episode") != self._event.get("episode") or event["event"] not in ("saved", "discarded"):
            return
        self._saved, self._saved_at = event, time.monotonic()
        self._settle()

    def _settle(self, *, at_once: bool = False) -> None:
        """Conclude the episode that has been saved, once its rows are complete or will not be."""
        event = self._saved
        if event is None:
            return
        waited = at_once or time.monotonic() - self._saved_at > PATIENCE
        if event["event"] == "saved" and not self._actor.settled and not waited:
            return
        self._saved = None
        if event["event"] == "discarded":
            self._actor.discard()
        else:
            self._actor.conclude(event["steps"], event["human_steps"], self._event["result"] == "success")
        self._announce(self._event["episode"])

    def _announce(self, after: str) -> None:
        """Tell the episode manager what comes after this episode."""
        point = self._actor.curve[-1] if self._actor.curve else None
        if point is not None and len(self._actor.curve) != self._told:
            self._told = len(self._actor.curve)
            if after:
                self.say(f"step {point.robot_steps}: {point.successes}/{point.trials} by the agent alone")
        trial = self._actor.next_trial()
        purpose: dict[str, Any] = {"purpose": "deployment", "number": self._actor.tally.episodes}
        told = ""
        if trial is not None:
            purpose = {"purpose": "evaluation", "seed": trial.seed, "trial": trial.number, "trials": trial.of}
            told = f"evaluation, trial {trial.number} of {trial.of}, by the agent alone"
        begins = Beginning() if self._resets is None else self._resets.next(told)
        self.publish_event(topics.AGENT_EVENT, event="next", after=after, **purpose, **begins.to_dict())

    # -- the learner --------------------------------------------------------------------------------

    @property
    def holding(self) -> bool:
        """The learner is lost, and the rule is to hold; an evaluation needs no learner."""
        hold = self._plan.remote.lost == "hold" and self._link.hello is not None and not self._link.alive
        return hold and not self._actor.agenda.under_way

    def take_parameters(self) -> None:
        """Parameters that have come, if any, are the agent's from now on."""
        self._actor.take_parameters()

    def _watch(self) -> None:
        """Say when the learner is lost and when it is back; end the graph where that is the rule."""
        if self._link.failure is not None:
            self.get_logger().fatal(self._link.failure)
            self.exit_code = 1
        lost, self._lost = self._lost, not self._link.alive
        if self._lost and not lost:
            what = {"continue": "goes on", "hold": "holds still", "stop": "stops"}[self._plan.remote.lost]
            self.get_logger().error(
                f"no word from the learner for {self._link.silence:.0f} s: the robot {what}; its parameters are those "
                f"of update {self._link.updates}"
            )
            if self._plan.remote.lost == "stop":
                self.exit_code = 1
        elif lost and not self._lost:
            self.get_logger().warning("the learner is back")

    def close(self) -> None:
        if getattr(self, "_resets", None) is not None and self._resets is not None:
            self._resets.close()
        if hasattr(self, "_link"):
            self._link.close()
        super().close()


class Learning(AgentPlayer):
    """Plays the agent with the newest parameters; gives no action while the robot is to hold."""

    def __init__(self, policy: AgentPolicy, node: AgentNode) -> None:
        super().__init__(policy)
        self._node = node

    def act(self, values: Mapping[str, NDArray[Any]]) -> NDArray[np.float64] | None:  # type: ignore[override]
        """The action (A,) in physical units; None to hold still."""
        self._node.take_parameters()
        action = super().act(values)
        return None if self._node.holding else action


def _where(folder: Path) -> tuple[str, str]:
    found = address.find(folder)
    if found is None:
        raise ConnectionError(f"{folder}: there is no learner now")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    return run(AgentNode, argv)
