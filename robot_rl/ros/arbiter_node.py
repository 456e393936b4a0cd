"""Who acts, and what may pass: the only publisher of `command`.

In real time it ticks at the control rate on absolute deadlines in a thread of its own. In lockstep it
decides once for each reading, as soon as everyone in `wait_for` has answered that reading.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from robot_rl.control.safety import Safety
from robot_rl.hardware.clock import SystemClock
from robot_rl.hardware.human import HumanInput
from robot_rl.hardware.robot import Reading
from robot_rl.ros import codecs, topics, wire
from robot_rl.ros.node import RobotNode, run
from robot_rl.ros.state import StateSubscriber
from robot_rl.runtime.arbiter import Arbiter, Decision, Proposal
from robot_rl.runtime.silence import Silence
from robot_rl.runtime.ticks import Pacer
from robot_rl.spec import SpecError

REMEMBER = 60.0
"""The loop's timing is reported over so long [s]."""
RELEASE = "`robot-rl tell release`, or a call of arbiter/release_estop"
"""Who lets go of an emergency stop."""


class ArbiterNode(RobotNode):
    """Parameters: `wait_for`, which sources (human, policy) every lockstep decision waits for; `human`, a person stands
    by with a device, without which nothing but that person moves the robot in real time (lockstep waits for them).

    In real time nothing is sent from when the robot's driver is asked to bring it to a start state until it stands
    there, nor before it has been measured where its set-points are.
    """

    def __init__(self) -> None:
        super().__init__("arbiter")
        human = self.param("human", False)
        self._arbiter = Arbiter.from_config(self.config, human_required=human and not self.lockstep)
        self._wait_for = self.list_param("wait_for")
        self._lock = threading.Lock()
        self._human: HumanInput | None = None
        self._proposal: Proposal | None = None
        self._last: Decision | None = None
        self._episode, self._start = "", -1
        self._policy_acts = False
        """In the episode under way."""
        self._driven = False
        """Between episodes the robot is being reset through this arbiter."""
        self._away, self._stood = "", ""
        """The episode for which the robot's driver is bringing it to a start state, and the newest for which it stands
        there."""
        self._command = self.create_publisher(JointState, topics.COMMAND, topics.stream(10))
        self._decision = self.create_publisher(JointState, topics.DECISION, topics.kept())
        self._stopped = self.create_publisher(Bool, topics.STOPPED, topics.latched(1))
        self._told_stopped: bool | None = None
        self._diagnostics = self.create_publisher(DiagnosticArray, topics.DIAGNOSTICS, topics.stream())
        self._state = StateSubscriber(self, self.spec, self._on_reading, lockstep=self.lockstep)
        self.on_human(self._on_human)
        self.create_subscription(JointState, topics.POLICY_ACTION, self._on_proposal, topics.stream())
        self.create_service(Trigger, "arbiter/estop", self._estop)
        self.create_service(Trigger, "arbiter/release_estop", self._release_estop)
        self.on_event(topics.EPISODE_EVENT, self._on_episode)
        self.on_event(topics.ROBOT_EVENT, self._on_robot)
        self.create_timer(1.0, self._report)
        self._running = True
        if not self.lockstep:
            self._system_clock = SystemClock()
            timeout = self._arbiter.envelope.limits.observation_timeout
            self._silence = Silence(self._system_clock.now(), timeout)
            self._pacer = Pacer(self._system_clock, self.spec.period_ns, remember=round(REMEMBER * self.spec.rate))
            self._thread = self.in_thread(self._loop, "arbiter")

    def _on_episode(self, event: dict[str, Any]) -> None:
        with self._lock:
            if event["event"] == "reset" and event["episode"] != self._stood:
                if event.get("scene") == "kept":
                    self._stood = event["episode"]  # nothing moves the robot for it
                else:
                    self._away = event["episode"]
            if event["event"] in ("begin", "drive"):
                self._driven = event["event"] == "drive"
                self._episode, self._start = event["episode"], event["stamp"]
                self._stood = self._episode
                self._back(self._start)
                purpose = "free" if self._driven else event["purpose"]
                self._policy_acts = not self._driven and purpose != "demonstration" and "policy" in self._wait_for
                hands_back = self._driven or event.get("hands_back", False)
                self._arbiter.reset(purpose, kept=not self._driven, hands_back=hands_back, since=self._start)
                self._last = None
            elif event["event"] in ("reset", "end", "driven") and self._episode:
                self._episode = ""
                self._arbiter.reset("free")
        self._try()

    def _on_robot(self, event: dict[str, Any]) -> None:
        """The robot stands. That may be heard before the reset that led there: they come on different topics."""
        if event["event"] != "ready":
            return
        episode = event["episode"]
        with self._lock:
            if not self._away and episode != self._stood and not event.get("kept", False):
                self._away = episode  # its reset is yet to be heard
            self._stood = episode
            if self._away == episode:
                self._back(event["stamp"])

    def _back(self, since: int = 0) -> None:
        """The robot's driver, if it was moving the robot, is done since that stamp [ns]."""
        if self._stands():
            self._arbiter.moved(since)

    def _stands(self) -> bool:
        """The robot's driver does not move the robot any more; whether it did."""
        was, self._away = self._away, ""
        if was and not self.lockstep:
            self._silence.stood = self._system_clock.now()
        return bool(was)

    @property
    def _wanted(self) -> Proposal | None:
        """The newest proposal, if it answers a reading of the episode or drive under way: a policy that has not heard
        yet that it is over, or that was late, moves nothing."""
        proposal = self._proposal
        return proposal if self._episode and proposal is not None and proposal.stamp >= self._start else None

    def _on_human(self, human: HumanInput) -> None:
        with self._lock:
            self._human = human
            if "estop" in human.pressed:
                self._arbiter.envelope.estop()
        self._try()

    def _on_proposal(self, message: JointState) -> None:
        try:
            action = codecs.unlabelled(message, self.spec.action.labels) if message.name else None
        except SpecError as error:
            self.get_logger().error(f"policy action refused: {error}", throttle_duration_sec=2.0)
            return
        with self._lock:
            self._proposal = Proposal(codecs.stamp_of(message), action)
        self._try()

    def _on_reading(self, _reading: Reading) -> None:
        self._try()

    def _try(self) -> None:
        """In lockstep: decide for the newest reading once all that are waited for have answered it."""
        if not self.lockstep:
            return
        self._tell_stopped()
        if not self._episode:
            return
        reading = self._state.latest
        if reading is None or reading.stamp < self._start:
            return
        human = None if self._driven else self._human  # nobody watches a reset that does not wait for them
        answers = {"human": human, "policy": self._proposal}
        for name in ("policy",) if self._driven else self._wait_for:
            answer = answers[name]
            if answer is None or answer.stamp != reading.stamp:
                return
        if self._last is None or self._last.stamp != reading.stamp:
            self._last = self._arbiter.decide(reading.stamp, reading, human, self._proposal)
        self._publish(self._last)
        self._tell_stopped()

    def _tell_stopped(self) -> None:
        """Tell the robot when the emergency stop is latched or released: it then stops by its own means too."""
        stopped = self._arbiter.envelope.stopped
        if stopped != self._told_stopped:
            self._told_stopped = stopped
            self._stopped.publish(Bool(data=stopped))
            if stopped:
                self.get_logger().error(f"emergency stop: latched until {RELEASE}")

    def _loop(self) -> None:
        while self._running:
            self._pacer.wait()
            self._tell_stopped()
            reading = self._state.latest
            if reading is None:
                continue
            with self._lock:
                if self._away:
                    continue
                decision = self._arbiter.decide(self._system_clock.now(), reading, self._human, self._wanted)
            if self._running:
                self._publish(decision)

    def _publish(self, decision: Decision) -> None:
        if self.lockstep or self._arbiter.envelope.placed:
            self._command.publish(codecs.labelled(decision.stamp, self.spec.action.labels, decision.action))
        self._decision.publish(wire.decision_message(self.spec.action, decision))

    def _estop(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        with self._lock:
            self._arbiter.envelope.estop()
        self._try()
        response.success, response.message = True, f"stopped until {RELEASE}"
        return response

    def _release_estop(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        with self._lock:
            if not self._arbiter.envelope.stopped:  # a reset that is under way goes on, and nothing is sent meanwhile
                response.success, response.message = True, "no emergency stop is latched"
                return response
            self._stands()  # an emergency stop cuts a reset short; what nothing measures stays as it was commanded
            self._arbiter.envelope.release_estop()
        self._try()
        response.success, response.message = True, "released; let go of the clutch and press it again to move the robot"
        return response

    def _report(self) -> None:
        level, text = self._condition()
        values = {str(flag.name): str(self._arbiter.envelope.counts.get(flag, 0)) for flag in Safety} | self._timing()
        status = DiagnosticStatus(
            level=level,
            name="arbiter: safety envelope",
            message=text,
            hardware_id=self.config.name,
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)

    def _condition(self) -> tuple[bytes, str]:
        """Level and text of the diagnostics; a robot or a person that has fallen silent is also put in the log."""
        if self._arbiter.envelope.stopped:
            return DiagnosticStatus.ERROR, "emergency stop is latched"
        reading = self._state.latest
        if reading is None:
            return DiagnosticStatus.WARN, "no reading from the robot yet"
        if self._away and not self.lockstep:
            return DiagnosticStatus.OK, "off: the robot's driver is bringing it to its start"
        text, warn = ("", False) if self.lockstep else self._silent(self._system_clock.now(), reading)
        if warn:
            self.get_logger().warning(text, throttle_duration_sec=5.0)
        return (DiagnosticStatus.WARN, text) if text else (DiagnosticStatus.OK, "on")

    def _silent(self, now: int, reading: Reading) -> tuple[str, bool]:
        """Who is not heard at `now` [ns], and what comes of it, and whether to warn of it; nothing while all are."""
        named = self._arbiter.envelope.limits.named
        newest = {"the robot": reading.stamp} | {f"'{name}'": reading.stamps[name] for name in named}
        if text := self._silence.robot(now, newest):
            return text, True
        if self._arbiter.unattended(now, self._human):
            return self._silence.person(now, ever_heard=self._human is not None)
        if self._episode and self._policy_acts and self._arbiter.policy_wanted:
            answered = self._proposal.stamp if self._proposal is not None else 0
            if text := self._silence.policy(now, self._start, answered):
                return text, True
        return "", False

    def _timing(self) -> dict[str, str]:
        """How well the beat is kept, and how long a tick takes: the decision, encoding and publishing."""
        if self.lockstep:
            return {}
        timing = self._pacer.statistics()
        return {
            "ticks": str(timing.ticks),
            "overruns": str(timing.overruns),
            "tick_late_p50_ms": f"{timing.error_p50 * 1e3:.3f}",
            "tick_late_p99_ms": f"{timing.error_p99 * 1e3:.3f}",
            "compute_p50_ms": f"{timing.compute_p50 * 1e3:.3f}",
            "compute_p99_ms": f"{timing.compute_p99 * 1e3:.3f}",
        }

    def close(self) -> None:
        self._running = False
        if not self.lockstep:
            self._thread.join(timeout=1.0)


def main(argv: Sequence[str] | None = None) -> int:
    return run(ArbiterNode, argv)
