"""The node that runs episodes one after another: reset, begin, watch for the end, see them saved.

Each begins by itself (`auto`) or at the operator's word: the buttons of the input device, or the services
`episode/start`, `episode/success`, `episode/failure` and `episode/discard`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from robot_rl.hardware.clock import SystemClock
from robot_rl.hardware.robot import Outcome
from robot_rl.ros import topics, wire
from robot_rl.ros.codecs import stamp_of
from robot_rl.ros.episode_events import EpisodeEvents
from robot_rl.ros.episode_settings import begins_by_itself, episode_rules
from robot_rl.ros.judge_watch import JudgeWatch
from robot_rl.ros.node import RobotNode, run
from robot_rl.ros.person_keys import PersonKeys
from robot_rl.ros.state import StateSubscriber
from robot_rl.runtime.coming import LEFT_ALONE, Coming
from robot_rl.runtime.driving import Driving
from robot_rl.runtime.episodes import Ending
from robot_rl.runtime.judged_episode import JudgedEpisode
from robot_rl.runtime.preparation import Preparation, describe
from robot_rl.runtime.prompt import Prompt
from robot_rl.runtime.results import Results, note
from robot_rl.runtime.unrecorded import UnrecordedMarks

ASK_AGAIN = 2.0
"""A reset request that was not answered is sent again after this long [s]."""
SAVE_WITHIN = 60.0
"""[s] the recorder has to say that an episode is saved; after that the session stops, since data would be lost."""
AHEAD = 150_000_000
"""How far ahead [ns] of its first step an episode is announced in real time."""


class EpisodeNode(RobotNode):
    """Parameters: `episodes` (0: without end), `seed` of the first, `purpose`, `max_steps` (0: the task's horizon),
    `auto` (who begins by itself: `simulated` robots, `always`, `never`; a real one may have hands in its scene),
    `record` (wait for the recorder), `agenda` (an agent says what each episode is for; its evaluations come on top of
    `episodes`), `exit_when_done`, `results` (a file that gets one JSON line an episode), `device` (in a person's hand),
    `latency` (of a person's keys [s]), `end_on_success` (false: neither the task nor the key ends an episode in
    success, so that pictures of success can be collected), and those of `EpisodeEvents`.

    The next episode waits for as long as the success key is held: there may be something to be seen; and for as long
    as the emergency stop is latched.

    What comes next is a `Coming`, a `Preparation` leads to its beginning, a `JudgedEpisode` to its end; this node
    tells them what is heard, and the others what came of it.
    """

    def __init__(self) -> None:
        super().__init__("episodes")
        self._seed = self.param("seed", 0)
        self._purpose = self.param("purpose", "demonstration")
        self._auto = begins_by_itself(self)
        self._record = self.param("record", True)
        self._agenda = self.param("agenda", False)
        self._exit = self.param("exit_when_done", True)
        self._events = EpisodeEvents(self)
        self._end_on_success = self.param("end_on_success", True)
        results = self.param("results", "")
        self._results = Results(self._purpose, self.param("episodes", 0), Path(results) if results else None)
        self._unrecorded = None if self._record else UnrecordedMarks(self._results, self.say)
        self._next = Coming()
        self._preparation: Preparation | None = None
        """Of the newest episode; kept when it has begun."""
        near = self.spec.period_ns // 2
        rules = episode_rules(self, end_on_success=self._end_on_success)
        self._episode = JudgedEpisode(rules, self._say_verdict, judged=self.config.simulated, near=near)
        self._machine = self._episode.machine
        self._keys = PersonKeys(
            self, self._press, self._judges, lambda stamp, held: self._conclude(self._episode.key(stamp, held))
        )
        self._judge = JudgeWatch(self, self._keys, self._episode)
        self._prompt = Prompt(self.param("device", ""), self.say)
        self._asked = 0.0
        self._note: dict[str, Any] = {}
        self._recorder_ready, self._stopped = not self._record, False
        self._system_clock = SystemClock()
        self._listen()
        self.create_timer(0.05, self._tick)

    def _listen(self) -> None:
        self.create_subscription(JointState, topics.DECISION, self._on_decision, topics.kept())
        self.create_subscription(JointState, topics.OUTCOME, self._on_outcome, topics.kept())
        self.create_subscription(Bool, topics.STOPPED, self._on_stopped, topics.latched(1))
        self.on_event(topics.ROBOT_EVENT, self._on_robot)
        self.on_event(topics.RECORDER_EVENT, self._on_recorder)
        if self._agenda:
            self.on_event(topics.AGENT_EVENT, self._on_agent)
            self._verdict = self.create_publisher(JointState, topics.VERDICT, topics.kept())
            self.create_subscription(JointState, topics.CLASSIFIED, self._on_classified, topics.kept())
            StateSubscriber(
                self, self.spec, lambda r: self._conclude(self._episode.state(r.stamp)), lockstep=self.lockstep
            )

    # -- what a person asks for -----------------------------------------------------------------------

    def _press(self, name: str) -> str:
        """Start, mark the running episode, or take the newest mark back. Returns why not, or nothing."""
        if name == "undo":
            self._events.undo()
            if self._unrecorded is not None:
                self._unrecorded.undo(under_way=self._machine.state == "running")
            return ""
        if name == "start":
            if self._machine.state != "idle":
                return f"an episode is already {self._machine.state}"
            if missing := self._missing():
                return missing
            self._reset()
            return ""
        if self._drive is not None and name in ("failure", "discard"):
            self._driven(False, "a person ended it")
            return ""
        if self._machine.state != "running":
            return f"no episode is running (state: {self._machine.state})"
        ending = self._episode.press(name)
        self._conclude(ending)
        return "" if ending is not None else "nothing to mark yet in this episode"

    def _judges(self, key: str) -> bool:
        """The key asks for nothing: it judges each state, or shows what success looks like."""
        return key == "success" and (self._episode.keys == "hold" or not self._end_on_success)

    # -- from one episode to the next -----------------------------------------------------------------

    def _tick(self) -> None:
        waited = time.monotonic() - self._asked
        if silent := self._judge.silent:
            self.get_logger().warning(f"{silent} is silent: nothing counts as a success", throttle_duration_sec=5.0)
            self._conclude(self._episode.silent())
        elif self._machine.state == "idle":
            if self._done and self._stopped and not self.config.simulated:
                self.get_logger().warning(
                    "all is done, but the emergency stop is latched, and at its end the driver may move the robot: "
                    "`robot-rl tell release` ends it, or Ctrl-C",
                    throttle_duration_sec=10.0,
                )
            elif self._done:
                self._finish()
            elif not self._missing() and not self._next.ask:
                if self._auto:
                    self._reset()
                else:
                    self._prompt.waiting(self._keys.heard, time.monotonic())
        elif self._machine.state == "resetting" and waited > ASK_AGAIN:
            self._ask()
        elif self._machine.state == "saving" and waited > SAVE_WITHIN:
            self.get_logger().fatal(f"the recorder did not save the episode within {SAVE_WITHIN:.0f} s: stopping")
            self.exit_code = 1

    def _missing(self) -> str:
        """Why an episode has to wait, or nothing: without the policy its first seconds would be spent in vain."""
        if not self._recorder_ready:
            return "the recorder is not ready yet"
        if self._events.policy and self._purpose != "demonstration" and not self.count_publishers(topics.POLICY_ACTION):
            return "the policy is not ready yet"
        if not self._told:
            return "the agent has not said yet what comes next"
        if self._next.classified and not self.count_publishers(topics.CLASSIFIED):
            return "the judge is not ready yet"
        if self._next.over:
            return f"the session is over: {self._next.over}"
        if self._stopped:
            return "the emergency stop is latched: `robot-rl tell release` (or call arbiter/release_estop) first"
        if self._keys.holds("success"):
            return "the success key is held: let it go first"
        return ""

    @property
    def _told(self) -> bool:
        """It is known what the next episode is for."""
        return not self._agenda or self._next.after == ("" if self._preparation is None else self._preparation.name)

    def _on_agent(self, event: dict[str, Any]) -> None:
        if event["event"] == "driven":
            if self._drive is not None and event["episode"] == self._drive.episode:
                self._driven(event["success"], event["why"])
            return
        self._next = Coming.from_event(event)
        if self._told and self._next.ask:
            self.get_logger().warning(f"{self._next.ask}. {self._prompt.set_up}")
        elif self._told and self._next.evaluation:
            hand = "" if self._auto else "; reset the scene"
            self.say(f"evaluation, trial {self._next.trial} of {self._next.trials}, by the agent alone{hand}")

    def _on_stopped(self, message: Bool) -> None:
        """A stop in a reset gives it up: after the stop nothing moves until a person has looked."""
        self._stopped = message.data
        coming = self._preparation
        if self._stopped and self._machine.state == "resetting" and coming is not None and not coming.driving:
            self._machine.abort()
            self._next = coming.failed("the emergency stop came while the robot drove to its start")
            self.get_logger().warning(f"{self._next.ask}. {self._prompt.set_up}")

    @property
    def _done(self) -> bool:
        """All episodes have been run, or the agent says that the session is over, and no evaluation is due."""
        over = self._results.complete or bool(self._next.over)
        return over and self._told and not self._next.evaluation

    def _finish(self) -> None:
        if (self._exit or self._next.over) and self.exit_code is None:
            if self._next.over:
                self.say(f"the session is over: {self._next.over}")
            self._events.done()
            self.exit_code = 0

    def _reset(self) -> None:
        self._prompt.answered()
        coming = self._next
        episode = describe(coming, self._results.count, seed=self._seed, purpose=self._purpose)
        self._preparation = Preparation(episode, coming, recorded=self._record)
        self._next = coming if self._agenda else Coming()
        self._episode.keys, self._episode.classified = coming.keys, coming.classified
        self._machine.reset()
        self._ask()

    def _ask(self) -> None:
        """Ask the robot to get ready."""
        if self._preparation is not None and not self._preparation.driving:
            self._asked = time.monotonic()
            self._events.reset(self._preparation)
            if whom := self._preparation.delayed_by:
                self.get_logger().warning(f"the reset takes long: waiting for {whom}", throttle_duration_sec=10.0)

    @property
    def _drive(self) -> Driving | None:
        """The reset that the robot is to drive itself, or is driving."""
        return None if self._preparation is None else self._preparation.drive

    def _driven(self, success: bool, why: str) -> None:
        """The robot's own reset is over: on to the episode, or a person must set the scene up."""
        coming, drive = self._preparation, self._drive
        if coming is None or drive is None:
            return
        self._events.driven(coming, drive, success, why)
        if success:
            coming.driven()
            self._ask()
            return
        self._machine.abort()
        self._next = coming.failed(why)
        self.get_logger().warning(f"the robot could not reset itself: {why}. {self._prompt.set_up}")

    def _on_robot(self, event: dict[str, Any]) -> None:
        if event["event"] == "fault":
            self.get_logger().fatal(f"robot fault: {event['text']}")
            self.exit_code = 1
        elif self._preparation is not None and self._preparation.stands(event["episode"], event["stamp"]):
            if self._drive is not None:
                self._events.drive(self._preparation, self._drive)
        else:
            self._begin()

    def _begin(self) -> None:
        """Start the episode once the robot stands at its start and the recorder hears every stream."""
        coming = self._preparation
        if self._machine.state != "resetting" or coming is None or coming.start is None or not coming.prepared:
            return
        # In real time everyone is told a moment ahead, so that the first step finds all of them in the episode.
        stamp = coming.start if self.lockstep else self._system_clock.now() + AHEAD
        self._episode.begin(coming.name, coming.episode["seed"], self._purpose, stamp)
        self._judge.begin()
        hands_back = not self._machine.rules.end_after_intervention
        self._events.begin(coming, stamp, self._episode.judge, hands_back=hands_back)
        if not self.lockstep:  # nobody keeps step with simulated time
            self.say(self._results.begins(coming.episode["purpose"], recorded=self._record))
        if coming.alone:
            self.say(LEFT_ALONE)

    # -- the episode ----------------------------------------------------------------------------------

    def _on_decision(self, message: JointState) -> None:
        decision = wire.read_decision(self.spec.action, message)
        if (drive := self._drive) is not None:
            drive.decided(decision.stamp)
            if drive.overdue:
                self._driven(False, f"no word of its end after {drive.steps} steps")
        self._conclude(self._episode.decided(decision))

    def _on_outcome(self, message: JointState) -> None:
        self._conclude(self._episode.outcome(stamp_of(message), wire.read_outcome(message)))

    def _on_classified(self, message: JointState) -> None:
        self._conclude(self._episode.classify(stamp_of(message), wire.read_outcome(message)))

    def _say_verdict(self, stamp: int, outcome: Outcome) -> None:
        self._verdict.publish(wire.outcome_message(stamp, outcome))

    def _conclude(self, ending: Ending | None) -> None:
        if ending is None or self._preparation is None:
            return
        self._asked = time.monotonic()
        states_judged = self._episode.states_judged
        self._events.end(self._preparation, ending, states_judged=states_judged)
        judged = ending.judged(states=states_judged)
        self._note = note(self._preparation.episode, ending, self._episode.human_steps, judged=judged)
        if self._unrecorded is not None:
            self._saved(None)
            self._unrecorded.add(self._preparation.name, ending, states_judged=states_judged)

    def _on_recorder(self, event: dict[str, Any]) -> None:
        if event["event"] == "ready":
            self._recorder_ready = True
        elif event["event"] == "relabelled":
            self._results.take_back(event["episode"], judged=event["judged"])
        elif self._preparation is None or event.get("episode") != self._preparation.name:
            return
        elif event["event"] == "prepared":
            self._preparation.prepared = True
            self._begin()
        elif event["event"] in ("saved", "discarded") and self._machine.state == "saving":
            self._saved(event.get("number"))

    def close(self) -> None:
        """An episode whose end is known counts, though the recorder, which saves it on its way out, did not say so
        in time."""
        if hasattr(self, "_note") and self._machine.state == "saving":
            self._saved(None)

    def _saved(self, number: int | None) -> None:
        self._machine.saved()
        self.say(self._results.add({**self._note, "number": number}))


def main(argv: Sequence[str] | None = None) -> int:
    return run(EpisodeNode, argv)
