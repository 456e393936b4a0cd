"""The node that plays an agent while a learner improves it: a policy node whose parameters change as it acts, and that
sends the learner each step as it happens."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import JointState

from robot_rl.hardware.config import ConfigError
from robot_rl.learn.online import recipe
from robot_rl.learn.online.deployed import AgentPolicy
from robot_rl.learn.online.remote import address, gathering
from robot_rl.learn.online.remote.actor import Actor
from robot_rl.learn.online.remote.part import Part, await_learner
from robot_rl.learn.online.remote.programme import Programme
from robot_rl.learn.online.remote.scene import Beginning, Turns
from robot_rl.policies.execution import Executor
from robot_rl.policies.policy import Policy
from robot_rl.ros import codecs, topics, wire
from robot_rl.ros.node import run
from robot_rl.ros.policy_node import PolicyNode
from robot_rl.ros.self_resets import SelfResets
from robot_rl.ros.told import give_up_if_told
from robot_rl.runtime import assembly
from robot_rl.runtime.arbiter import Decision
from robot_rl.serving.loading import load_policy

PATIENCE = 1.0
"""An episode that the recorder has saved waits so long [s] for messages that are still on their way to this node."""


class AgentNode(PolicyNode):
    """Parameters: `checkpoint`, a session's folder; `trials` of an evaluation (0: no evaluations) and `evaluate_every`
    robot steps (0: as the recipe has it); `untouched`, successes in a row without help after which the session is over
    (0: no such rule); `latency` of a person's keys [s], by which an episode's end may reach back; and those of the
    policy node.

    Of a practice it plays the agent of the direction whose turn it is. It waits for the session's learner. Without one
    later on it does as the recipe's `remote.lost` says: go on with the parameters it has, hold the robot still, or end
    the graph. It says to the episode manager what each episode is for.
    """

    def __init__(self) -> None:
        super().__init__()
        self._event: dict[str, Any] = {}
        """The begin event of the episode under way."""
        self._saved: dict[str, Any] | None = None
        self._saved_at = 0.0
        self._resets = None if self._plan.reset == "outside" else SelfResets(self, self._plan, self._reset_over)
        self._programme = self._make_programme()
        self.create_subscription(JointState, topics.EXECUTED, self._on_executed, topics.kept())
        self.create_subscription(JointState, topics.OUTCOME, self._on_outcome, topics.kept())
        self.create_subscription(JointState, topics.VERDICT, self._on_verdict, topics.kept())
        self.on_event(topics.RECORDER_EVENT, self._on_recorder)
        self.create_timer(0.5, self._watch)
        self.create_timer(0.1, lambda: self._settle())
        self._announce("")

    def _load(self, path: str) -> Policy:
        """A new session's learner writes the agents when it is prepared."""
        folder = Path(path)
        await_learner(folder, lambda: _listens(folder))
        self._plan = recipe.load(folder / recipe.FILE)
        practice = self._plan.practice
        trials, every = self.param("trials", 10), self.param("evaluate_every", 0)
        device = self.param("device", "cpu")
        hold = gathering.HOLD + round(self.param("latency", 0.0) * 1e9)
        self._parts: dict[str, Part] = {}
        for name in ("",) if practice is None else practice.directions:
            own = folder / name
            policy = load_policy(str(own), self.spec, self.config.cameras, device=device)
            if not isinstance(policy, AgentPolicy):
                raise ConfigError(f"parameter 'checkpoint': {own} is not an online session's folder")
            self._parts[name] = Part(
                name,
                own,
                policy,
                trials=trials,
                evaluate_every=every,
                simulated=self.config.simulated,
                hold=max(hold, assembly.HOLD) if self.lockstep else hold,  # a busy machine is many steps late
            )
        self._part = next(iter(self._parts.values()))
        return self._part.policy

    def _make_programme(self) -> Programme:
        turns, practice, simulated = None, self._plan.practice, self.config.simulated
        if practice is not None:
            goals = {name: practice.goal(name) for name in self._parts}
            turns = Turns(goals, practice.tries, simulated=simulated)
        scene = self._resets.next if self._resets is not None else lambda _trial: Beginning()
        steps, untouched = self._plan.online.steps, self.param("untouched", 0)
        return Programme(self._parts, turns, scene, steps=steps, untouched=untouched, simulated=simulated)

    @property
    def _needed(self) -> Set[str]:
        return {n for part in self._parts.values() for n in part.policy.observation_names}

    def _make_executor(self) -> Executor:
        return self._part.executor

    def _use(self, part: Part) -> None:
        """The agent whose turn it is."""
        self._part, self._policy, self._executor = part, part.policy, part.executor

    @property
    def _actor(self) -> Actor:
        return self._part.actor

    # -- an episode ---------------------------------------------------------------------------------

    def _on_episode(self, event: dict[str, Any]) -> None:
        if self._resets is not None:
            self._resets.on_episode(event, self._actor.tally)
        if event["event"] == "begin":
            self._settle(at_once=True)
            self._event = event
            if event["purpose"] != "evaluation":
                self._programme.begun()
            self._actor.begin(event["episode"], event["stamp"], event["purpose"])
        super()._on_episode(event)
        if event["event"] == "end" and event["episode"] == self._event.get("episode"):
            self._event |= {"result": event["result"], "terminated": event["terminated"]}
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
        if self._active and decision.stamp >= self._start:
            self._programme.decided(decision.source)
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
        if self._programme.by_task:
            self._actor.gathering.outcome(stamp, outcome)
        if self._resets is not None:
            self._resets.judged(stamp, outcome)

    def _on_verdict(self, message: JointState) -> None:
        """What a person's keys say, or a classifier, where the task does not judge."""
        if not self._programme.by_task:
            self._actor.gathering.outcome(codecs.stamp_of(message), wire.read_outcome(message))

    def _on_recorder(self, event: dict[str, Any]) -> None:
        """What the recorder keeps is what counts."""
        if event["event"] == "relabelled":
            self._settle(at_once=True)
            for part in self._parts.values():
                part.actor.relabelled(event["episode"], was=event["was"], now=event["success"])
            return
        if event.get("episode") != self._event.get("episode") or event["event"] not in ("saved", "discarded"):
            return
        self._saved, self._saved_at = event, time.monotonic()
        self._settle()

    def _settle(self, *, at_once: bool = False) -> None:
        """Conclude the episode that has been saved, once its rows are complete or will not be. Who ended it and who
        saved it are two nodes: the second may be heard first."""
        event = self._saved
        if event is None or "result" not in self._event:
            return
        waited = at_once or time.monotonic() - self._saved_at > PATIENCE
        if event["event"] == "saved" and not self._actor.settled and not waited:
            return
        self._saved = None
        if event["event"] == "discarded":
            self._actor.discard()
        else:
            self._actor.conclude(event["steps"], event["human_steps"], self._event["result"] == "success")
        if self._event["purpose"] != "evaluation":
            human_steps = event.get("human_steps", 0)
            terminated = self._event["terminated"]
            self._programme.ended(self._event["result"], terminated=terminated, human_steps=human_steps)
        self._announce(self._event["episode"])

    def _announce(self, after: str) -> None:
        """Tell the episode manager what comes after this episode."""
        if (news := self._part.news()) and after:
            self.say(f"{self._part.name} {news}".strip())
        event = self._programme.next()
        self._use(self._programme.part)
        self.publish_event(topics.AGENT_EVENT, event="next", after=after, **event)

    # -- the learner --------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Say when a learner is lost and when it is back; end the graph where that is the rule."""
        for part in self._parts.values():
            if part.link.failure is not None:
                self.get_logger().fatal(part.link.failure)
                self.exit_code = 1
            said = part.watch()
            if said:
                self.get_logger().warning(f"{part.name} {said}".strip())
            if part.must_stop:
                self.exit_code = 1

    def close(self) -> None:
        if getattr(self, "_resets", None) is not None and self._resets is not None:
            self._resets.close()
        for part in getattr(self, "_parts", {}).values():
            part.close()
        super().close()


def _listens(folder: Path) -> bool:
    """The session's learner is there. Raises ToldToEndError where nobody is to wait for it any longer."""
    give_up_if_told()
    return address.find(folder) is not None


def main(argv: Sequence[str] | None = None) -> int:
    return run(AgentNode, argv)
