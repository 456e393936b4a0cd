"""The node that runs episodes one after another: reset, begin, watch for the end, see them saved.

By itself (`auto`) or at the operator's word: the buttons of the input device, or the services
`episode/start`, `episode/success`, `episode/failure` and `episode/discard`.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from robot_rl.datasets.record import Source
from robot_rl.hardware.clock import SystemClock
from robot_rl.hardware.robot import Outcome, Reading
from robot_rl.ros import topics, wire
from robot_rl.ros.codecs import stamp_of
from robot_rl.ros.node import RobotNode, run
from robot_rl.ros.state import StateSubscriber
from robot_rl.runtime.arbiter import Decision
from robot_rl.runtime.assembly import pair_with_outcomes
from robot_rl.runtime.driving import Driving
from robot_rl.runtime.episodes import Ending, EpisodeMachine, EpisodeRules
from robot_rl.runtime.key_verdicts import KeyVerdicts

ASK_AGAIN = 2.0
"""A reset request that was not answered is sent again after this long [s]."""
SAVE_WITHIN = 60.0
"""[s] the recorder has to say that an episode is saved; after that the session stops, since data would be lost."""
AHEAD = 150_000_000
"""How far ahead [ns] of its first step an episode is announced in real time."""
KEY_WITHIN = 1.0
"""A device that has not been heard of for so long [s] holds no key."""
BUTTONS = ("success", "failure", "discard")
SET_UP = "Set the scene up and press start (or call episode/start); until then the robot holds still"


class EpisodeNode(RobotNode):
    """Parameters: `episodes` (0: without end), `seed` of the first, `purpose`, `max_steps` (0: the task's
    horizon), `auto`, `record` (wait for the recorder), `agenda` (an agent says what each episode is for; its
    evaluations come on top of `episodes`), `exit_when_done`, `results` (a file that gets one JSON line an episode),
    `task` (instruction), `operator` (a name), `latency` (of a person's keys [s]) and `end_on_success` (false: neither
    the task nor the key ends an episode in success, so that pictures of success can be collected).

    The next episode waits for as long as the success key is held: there may be something to be seen.
    """

    def __init__(self) -> None:
        super().__init__("episodes")
        self._total = self.param("episodes", 0)
        self._seed = self.param("seed", 0)
        self._purpose = self.param("purpose", "demonstration")
        self._auto = self.param("auto", False)
        self._record = self.param("record", True)
        self._agenda = self.param("agenda", False)
        self._next: dict[str, Any] = {}
        self._scene = "outside"
        """`kept`: the next episode begins in the scene as it stands."""
        self._drive: Driving | None = None
        """The reset that the robot drives itself, before the episode, from when it is asked for to its end."""
        self._exit = self.param("exit_when_done", True)
        results = self.param("results", "")
        self._results = Path(results) if results else None
        self._instruction = self.param("task", "") or str(self.config.task.get("instruction", ""))
        self._operator = self.param("operator", "")
        self._policy = self.param("policy", "")
        rules = EpisodeRules.of_task(
            self.config.task,
            max_steps=self.param("max_steps", 0),
            end_after_intervention=self.param("end_after_intervention", False),
            latency=self.param("latency", 0.0),
        )
        self._end_on_success = self.param("end_on_success", True)
        self._rules = rules if self._end_on_success else replace(rules, success_hold=2**31)
        self._machine = EpisodeMachine(self._rules)
        self._keys = "mark"
        """What the success key means in this episode; see `person.Keys`."""
        self._count = 0
        self._asked = 0.0
        self._episode: dict[str, Any] = {}
        self._note: dict[str, Any] = {}
        self._decisions: dict[int, Decision] = {}
        self._outcomes: dict[int, Outcome] = {}
        self._held: frozenset[str] = frozenset()
        self._heard = self._begun = 0.0
        self._human_steps = 0
        self._judged = -1
        self._start_stamp: int | None = None
        self._system_clock = SystemClock()
        self._prepared = False
        self._recorder_ready = not self._record
        self.create_subscription(JointState, topics.DECISION, self._on_decision, topics.kept())
        self.create_subscription(JointState, topics.OUTCOME, self._on_outcome, topics.kept())
        self.create_subscription(JointState, topics.HUMAN_ACTION, self._on_human, topics.stream(10))
        self.on_event(topics.ROBOT_EVENT, self._on_robot)
        self.on_event(topics.RECORDER_EVENT, self._on_recorder)
        if self._agenda:
            self.on_event(topics.AGENT_EVENT, self._on_agent)
            self._verdicts = KeyVerdicts(rules.latency)
            self._verdict = self.create_publisher(JointState, topics.VERDICT, topics.kept())
            StateSubscriber(self, self.spec, self._on_reading, lockstep=self.lockstep)
        for name in ("start", "undo", *BUTTONS):
            self.create_service(Trigger, f"episode/{name}", partial(self._serve, name))
        self.create_timer(0.05, self._tick)

    # -- what is asked of us --------------------------------------------------------------------------

    def _serve(self, name: str, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.message = self._press(name)
        response.success = not response.message
        return response

    def _press(self, name: str) -> str:
        """Start, mark the running episode, or take the newest mark back. Returns why not, or nothing."""
        if name == "undo":
            self.publish_event(topics.EPISODE_EVENT, event="undo")
            return ""
        if self._drive is not None and name in ("failure", "discard"):
            self._driven(False, "a person ended it")
            return ""
        if name == "start":
            if self._machine.state != "idle":
                return f"an episode is already {self._machine.state}"
            if missing := self._missing():
                return missing
            self._reset()
            return ""
        if self._machine.state != "running":
            return f"no episode is running (state: {self._machine.state})"
        ending = self._machine.press(name)
        self._conclude(ending)
        return "" if ending is not None else "the episode has no step yet that could be marked"

    def _on_human(self, message: JointState) -> None:
        human = wire.read_human(self.spec.action, message)
        held = human.pressed
        for name in sorted(held - self._held):
            ends = self._end_on_success and self._keys != "hold"
            if name in ("start", "undo") or (name in BUTTONS and (name != "success" or ends)):
                self._press(name)
        self._held, self._heard = held, time.monotonic()
        if self._keys == "hold" and self._machine.state == "running":
            self._verdicts.key(human.stamp, "success" in held)
            self._judge()

    # -- the life of an episode -----------------------------------------------------------------------

    def _tick(self) -> None:
        now = time.monotonic()
        if self._machine.state == "running" and self._keys == "hold" and self._unheard:
            self.get_logger().warning("the device is silent: nothing counts as a success", throttle_duration_sec=5.0)
            self._verdicts.silent()
            self._judge()
        if self._machine.state == "idle":
            if self._done():
                self._finish()
            elif self._auto and not self._missing() and not self._next.get("ask"):
                self._reset()
        elif self._machine.state == "resetting" and now - self._asked > ASK_AGAIN and not self._driving:
            self._ask()
        elif self._machine.state == "saving" and now - self._asked > SAVE_WITHIN:
            self.get_logger().fatal(f"the recorder did not save the episode within {SAVE_WITHIN:.0f} s: stopping")
            self.exit_code = 1

    @property
    def _unheard(self) -> bool:
        """The device has been silent in this episode; in lockstep one that takes part is waited for."""
        silence = time.monotonic() - max(self._heard, self._begun)
        return silence > KEY_WITHIN and (self._heard == 0.0 or not self.lockstep)

    def _missing(self) -> str:
        """Why an episode has to wait, or nothing: without the policy its first seconds would be spent in vain."""
        if not self._recorder_ready:
            return "the recorder is not ready yet"
        if self._policy and self._purpose != "demonstration" and not self.count_publishers(topics.POLICY_ACTION):
            return "the policy is not ready yet"
        if not self._told:
            return "the agent has not said yet what comes next"
        if "success" in self._held and time.monotonic() - self._heard < KEY_WITHIN:
            return "the success key is held: let it go first"
        return ""

    @property
    def _told(self) -> bool:
        """It is known what the next episode is for."""
        return not self._agenda or self._next.get("after") == self._episode.get("episode", "")

    def _on_agent(self, event: dict[str, Any]) -> None:
        if event["event"] == "driven":
            if self._drive is not None and event["episode"] == self._drive.episode:
                self._driven(event["success"], event["why"])
            return
        self._next = event
        if self._told and event.get("ask"):
            self.get_logger().warning(f"{event['ask']}. {SET_UP}")
        elif self._told and event["purpose"] == "evaluation":
            hand = "" if self._auto else "; reset the scene and press start"
            self.say(f"evaluation, trial {event['trial']} of {event['trials']}, by the agent alone{hand}")

    def _done(self) -> bool:
        """All episodes have been run, and no evaluation is due."""
        counted = self._total > 0 and self._count >= self._total
        return counted and self._told and self._next.get("purpose") != "evaluation"

    def _finish(self) -> None:
        if self._exit and self.exit_code is None:
            self.publish_event(topics.EPISODE_EVENT, event="done")
            self.exit_code = 0

    def _reset(self) -> None:
        number = self._next.get("number", self._count)  # of a session that goes on, as its agent counts
        self._episode = {"episode": uuid.uuid4().hex, "seed": self._seed + number, "purpose": self._purpose}
        if self._next.get("purpose") == "evaluation":
            self._episode |= {"seed": self._next["seed"], "purpose": "evaluation"}
        if self._next.get("direction"):
            self._episode["direction"] = self._next["direction"]
        self._start_stamp, self._prepared = None, not self._record
        self._keys = self._next.get("keys", "mark")
        self._scene, wanted = self._next.get("scene", "outside"), self._next.get("drive")
        self._drive = None if wanted is None else Driving(wanted)
        self._machine.reset()
        self._ask()

    def _ask(self) -> None:
        """Ask the robot to get ready: for its own reset, else for the episode."""
        self._asked = time.monotonic()
        scene = {**self._episode, "scene": self._scene, "goal": self._next.get("goal")}
        if self._drive is not None:
            scene |= {"episode": self._drive.episode, "goal": self._drive.wanted["goal"]}
        self.publish_event(topics.EPISODE_EVENT, event="reset", **scene)

    @property
    def _driving(self) -> bool:
        """The robot is resetting itself at this moment."""
        return self._drive is not None and self._drive.begun

    def _driven(self, success: bool, why: str) -> None:
        """The robot's own reset is over: on to the episode, or a person must set the scene up."""
        drive, self._drive = self._drive, None
        if drive is None:
            return
        note = {**self._episode, "episode": drive.episode, "success": success, "steps": drive.steps, "why": why}
        self.publish_event(topics.EPISODE_EVENT, event="driven", **note)
        if success:
            self._scene = "kept"
            self._ask()
            return
        self._machine.abort()
        again = drive.wanted if drive.wanted["always"] else None
        self._next = {**self._next, "after": self._episode["episode"], "scene": "outside", "drive": again, "ask": why}
        self.get_logger().warning(f"the robot could not reset itself: {why}. {SET_UP}")

    def _on_robot(self, event: dict[str, Any]) -> None:
        if event["event"] == "fault":
            self.get_logger().fatal(f"robot fault: {event['text']}")
            self.exit_code = 1
        elif self._drive is not None:
            if event.get("episode") == self._drive.episode and not self._drive.begun:
                self._drive.begun = True
                now = {**self._episode, "episode": self._drive.episode, "most": self._drive.wanted["most"]}
                self.publish_event(topics.EPISODE_EVENT, event="drive", stamp=event["stamp"], **now)
        elif event.get("episode") == self._episode.get("episode"):
            self._start_stamp = event["stamp"]
            self._begin()

    def _begin(self) -> None:
        """Start the episode once the robot stands at its start and the recorder hears every stream."""
        if self._machine.state != "resetting" or self._start_stamp is None or not self._prepared:
            return
        # In real time everyone is told a moment ahead, so that the first step finds all of them in the episode.
        stamp = self._start_stamp if self.lockstep else self._system_clock.now() + AHEAD
        self._decisions.clear()
        self._outcomes.clear()
        self._human_steps, self._judged = 0, stamp - 1
        held = self._keys == "hold"  # its verdicts are moved back already
        self._machine.rules = replace(self._rules, latency=0.0, late_verdict=True) if held else self._rules
        self._machine.begin(self._episode["episode"], self._episode["seed"], self._purpose, stamp)
        self._begun = time.monotonic()
        if self._keys != "mark":
            self._verdicts.begin(stamp)
        self.publish_event(
            topics.EPISODE_EVENT,
            event="begin",
            stamp=stamp,
            instruction=self._instruction,
            operator=self._operator,
            policy=self._policy,
            judge="robot" if self._keys == "mark" else "keys",
            **self._episode,
        )

    def _on_decision(self, message: JointState) -> None:
        decision = wire.read_decision(self.spec.action, message)
        if self._drive is not None:
            self._drive.decided(decision.stamp)
            if self._drive.overdue:
                self._driven(False, f"no word of its end after {self._drive.steps} steps")
        if self._machine.state == "running" and decision.stamp > self._judged:
            self._decisions.setdefault(decision.stamp, decision)
            self._advance()

    def _on_outcome(self, message: JointState) -> None:
        if self._machine.state == "running" and self._keys == "mark":
            self._outcomes[stamp_of(message)] = wire.read_outcome(message)
            self._advance()

    def _on_reading(self, reading: Reading) -> None:
        """A state that the keys may judge. With `decide` they mark episodes, and say nothing of states."""
        if self._machine.state != "running":
            return
        if self._keys == "hold":
            self._verdicts.state(reading.stamp)
            self._judge()
        elif self._keys == "decide":
            self._say(reading.stamp, Outcome())

    def _judge(self) -> None:
        """Say what the held key says of each state, as soon as that is known."""
        if self._machine.state == "running":
            for stamp, success in self._verdicts.ready():
                self._say(stamp, Outcome(reward=float(success), success=success))

    def _say(self, stamp: int, outcome: Outcome) -> None:
        self._verdict.publish(wire.outcome_message(stamp, outcome))
        if self._machine.state == "running":
            self._outcomes[stamp] = outcome
            self._advance()

    def _advance(self) -> None:
        """Judge every decision whose outcome is known."""
        outcomes = self._outcomes if self.config.simulated or self._keys != "mark" else None
        for decision, outcome in pair_with_outcomes(self._decisions, outcomes):
            self._judged = decision.stamp
            self._human_steps += decision.source is Source.HUMAN
            ending = self._machine.step(decision.stamp, outcome, decision)
            if ending is not None:
                self._conclude(ending)
                return

    def _conclude(self, ending: Ending | None) -> None:
        if ending is None:
            return
        self._asked = time.monotonic()
        self.publish_event(
            topics.EPISODE_EVENT,
            event="end",
            episode=self._episode["episode"],
            stamp=ending.end_stamp,
            result=ending.result,
            steps=ending.steps,
            terminated=ending.terminated,
            truncated=ending.truncated,
            marked=ending.marked,
        )
        self._note = {
            **self._episode,
            "result": ending.result,
            "steps": ending.steps,
            "human_steps": self._human_steps,
            "interventions": ending.interventions,
        }
        if not self._record:
            self._saved(None)

    def _on_recorder(self, event: dict[str, Any]) -> None:
        if event["event"] == "ready":
            self._recorder_ready = True
        elif event["event"] == "prepared":
            if event["episode"] == self._episode.get("episode"):
                self._prepared = True
                self._begin()
        elif self._machine.state == "saving" and event["episode"] == self._episode["episode"]:
            self._saved(event.get("number"))

    def _saved(self, number: int | None) -> None:
        self._machine.saved()
        note = {**self._note, "number": number}
        if note["purpose"] == self._purpose:
            self._count += 1
            total = f"/{self._total}" if self._total else ""
            direction = f"{note['direction']}, " if "direction" in note else ""
            self.say(f"episode {self._count}{total}: {direction}{note['result']} in {note['steps']} steps")
        else:
            self.say(f"{note['purpose']}: {note['result']} in {note['steps']} steps")
        if self._results:
            with self._results.open("a") as file:
                file.write(json.dumps(note) + "\n")


def main(argv: Sequence[str] | None = None) -> int:
    return run(EpisodeNode, argv)
