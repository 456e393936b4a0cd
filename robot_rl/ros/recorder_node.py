"""The node that writes down what happens: every stream as it comes, every step once it is complete.

A step is complete when the arbiter's decision, what the robot really executed and the verdict on the
state it led to have all arrived. An episode is committed when its last step and final observation have.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from sensor_msgs.msg import CameraInfo, Image, JointState

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.episode import Episode
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.record import Source, Step
from robot_rl.hardware.camera import Intrinsics
from robot_rl.hardware.config import ConfigError
from robot_rl.hardware.robot import Outcome
from robot_rl.learn.online.marks import Marks
from robot_rl.ros import codecs, topics, wire
from robot_rl.ros.node import RobotNode, run
from robot_rl.ros.state import StateSubscriber
from robot_rl.runtime.assembly import StepAssembler
from robot_rl.runtime.keys import Undo
from robot_rl.runtime.recorder import Recorder

FINISH_WITHIN = 5.0
"""After the end of an episode, late messages are waited for this long [s, wall]; then it is saved as it is."""

SILENCE = 1.0
"""A stream of which nothing has come for so long [s] in an episode, and for three of a camera's periods, is missed."""

BACKLOG_SPAN = 1_000_000_000
"""In real time messages older than this [ns] are forgotten: pictures are large, and idling may last for hours."""
BACKLOG = 1000
"""Messages kept from before the begin event: the start state is published before the episode is declared begun,
and topics may overtake each other."""


class RecorderNode(RobotNode):
    """Parameters `dataset` (path), `cameras` (comma-separated names, or `all`) and `agenda`: an agent says what each
    episode is for, and of a practice its direction, which has a data set of its own: `<direction>/` before its name.
    """

    def __init__(self) -> None:
        super().__init__("recorder")
        path = self.param("dataset", "")
        if not path:
            raise ConfigError("parameter 'dataset' is empty: give the path to record to, e.g. datasets/my_task")
        cameras = self.cameras_param()
        self._path, self._kept_cameras = path, cameras
        self._undo = Undo()
        self._shelves: dict[str, tuple[Recorder, Marks]] = {}
        """By direction; empty where there is none."""
        self._intrinsics: dict[str, Intrinsics] = {}
        if not self.param("agenda", False):
            self._open("")
        # What runs free owes the first step the sample before it; in lockstep that one is of the last episode.
        periods = {f.name: f.rate or self.spec.rate for f in self.spec.observation.vectors}
        periods |= {n: c.fps for n, c in cameras.items()}
        self._before = {} if self.lockstep else {n: round(1.5e9 / rate) for n, rate in periods.items()}
        # A camera slower than the control loop need not have seen the last step.
        self._slack = {n: max(0, round(1e9 / c.fps) - self.spec.period_ns) for n, c in cameras.items()}
        patience = {n: max(SILENCE, 3.0 / c.fps) for n, c in cameras.items()}
        self._patience = {f.name: SILENCE for f in self.spec.observation.vectors} | patience
        self._missed: set[str] = set()
        self._streams = {f.name for f in self.spec.observation.vectors} | set(cameras)
        self._depth = {n for n, c in cameras.items() if c.depth}
        self._assembler = StepAssembler(expect_outcome=self.config.simulated)
        self._episode: dict[str, Any] | None = None
        self._end: dict[str, Any] | None = None
        self._deadline = 0.0
        self._human_steps = 0
        self._driven = False
        """Between episodes the robot is being reset, step by step."""
        self._preparing: tuple[str, int] | None = None
        self._newest: dict[str, int] = {}
        self._last_seen: dict[str, int] = {}
        self._backlog: deque[tuple[int, Callable[[], None]]] = deque(maxlen=BACKLOG)
        StateSubscriber(self, self.spec, lockstep=self.lockstep, on_sample=self._on_sample)
        for name in cameras:
            self.create_subscription(
                Image, topics.image(name), lambda m, n=name: self._on_image(n, m), topics.stream(300)
            )
            self._listen_for_intrinsics(name)
        for name in self._depth:
            self.create_subscription(
                Image, topics.depth(name), lambda m, n=name: self._on_image(f"{n}_depth", m), topics.stream(300)
            )
        self.create_subscription(JointState, topics.DECISION, self._on_decision, topics.kept())
        self.create_subscription(JointState, topics.EXECUTED, self._on_executed, topics.kept())
        for judge, topic in (("robot", topics.OUTCOME), ("keys", topics.VERDICT)):
            self.create_subscription(JointState, topic, partial(self._on_outcome, judge), topics.kept())
        self.on_event(topics.EPISODE_EVENT, self._on_episode)
        self.on_event(topics.ROBOT_EVENT, self._on_robot)
        self._diagnostics = self.create_publisher(DiagnosticArray, topics.DIAGNOSTICS, topics.stream())
        self.create_timer(1.0, self._report)
        self.create_timer(0.1, self._finish_late)
        self.publish_event(topics.RECORDER_EVENT, event="ready", dataset=path)

    def _open(self, direction: str) -> None:
        """Record to the data set of this direction from now on. Raises DatasetError."""
        if direction not in self._shelves:
            whole = Path(self._path)
            path = str(whole.parent / direction / whole.name) if direction else self._path
            dataset = Dataset.open_or_create(path, self.spec, self._kept_cameras)
            self._shelves[direction] = Recorder(dataset), Marks(self._undo, dataset, self._taken_back, self.say)
            for name, intrinsics in self._intrinsics.items():
                dataset.set_intrinsics(name, intrinsics)
        self._recorder, self._marks = self._shelves[direction]

    def _on_sample(self, name: str, stamp: int, value: Any) -> None:
        """Keep one value of one stream, from the start state to the final one."""
        if self._episode is None:
            self._keep(stamp, partial(self._on_sample, name, stamp, value))
            self._newest[name] = stamp
            self._say_prepared()
            return
        last = self._last_seen.get(name, -1)
        if stamp < self._episode["stamp"] - self._before.get(name, 0) or stamp <= last:
            return
        if self._end is not None and last > self._end["stamp"]:
            return
        self._last_seen[name] = stamp
        self._recorder.sample(name, stamp, value)
        self._finish()

    def _on_image(self, name: str, message: Image) -> None:
        self._on_sample(name, codecs.stamp_of(message), codecs.decode_image(message))

    def _listen_for_intrinsics(self, name: str) -> None:
        """Note a camera's intrinsics once, from its first CameraInfo."""

        def on_info(message: CameraInfo) -> None:
            self._intrinsics[name] = codecs.decode_camera_info(message)
            for recorder, _ in self._shelves.values():
                recorder.dataset.set_intrinsics(name, self._intrinsics[name])
            self.destroy_subscription(subscription)

        subscription = self.create_subscription(CameraInfo, topics.camera_info(name), on_info, topics.stream())

    def _on_decision(self, message: JointState) -> None:
        decision = wire.read_decision(self.spec.action, message)
        self._take(decision.stamp, lambda: self._assembler.decided(decision))

    def _on_executed(self, message: JointState) -> None:
        stamp, action = codecs.stamp_of(message), codecs.unlabelled(message, self.spec.action.labels)
        self._take(stamp, lambda: self._assembler.executed(stamp, action))

    def _on_outcome(self, judge: str, message: JointState) -> None:
        stamp, outcome = codecs.stamp_of(message), wire.read_outcome(message)
        self._take(stamp, lambda: self._judged(judge, stamp, outcome))

    def _judged(self, judge: str, stamp: int, outcome: Outcome) -> None:
        """What is said of the state at `stamp` [ns], if this judge's word counts in the episode."""
        if self._episode is not None and self._episode.get("judge", "robot") == judge:
            self._assembler.outcome(stamp, outcome)

    def _take(self, stamp: int, part: Callable[[], None]) -> None:
        """One part of a step; what comes before the begin event is kept, since topics may overtake each other."""
        if self._episode is None:
            self._keep(stamp, partial(self._take, stamp, part))
        elif stamp >= self._episode["stamp"]:
            part()
            self._flush()

    def _keep(self, stamp: int, replay: Callable[[], None]) -> None:
        """Between episodes: remember a message in case the next one has begun already."""
        self._backlog.append((stamp, replay))
        while (self._driven or not self.lockstep) and self._backlog[0][0] < stamp - BACKLOG_SPAN:
            self._backlog.popleft()

    def _flush(self) -> None:
        if self._episode is None:
            return
        for step in self._assembler.complete():
            self._write(step)
        self._finish()

    def _write(self, step: Step) -> None:
        self._recorder.step(step)
        self._human_steps += step.source == Source.HUMAN

    def _on_episode(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind == "reset":
            if self._episode is not None:
                self._abandon("a reset came before the end")
            self._open(event.get("direction", ""))
        elif kind == "begin":
            self._begin(event)
        elif kind in ("drive", "driven"):
            self._driven = kind == "drive"
        elif kind == "end" and self._episode is not None and event["episode"] == self._episode["episode"]:
            self._end, self._deadline = event, time.monotonic() + FINISH_WITHIN
            self._assembler.end(
                event["stamp"],
                success=event["result"] == "success",
                terminated=event["terminated"],
                truncated=event["truncated"],
                marked=event["marked"],
            )
            self._flush()
        elif kind == "undo":
            self._undo()
            if self._episode is None and self._shelves:
                self._settle()

    def _settle(self, number: int | None = None, *, marked: bool = False) -> None:
        """Take marks back that somebody wants back, and note an episode's own."""
        try:
            self._marks.add(number, marked=marked)
        except DatasetError as error:
            self.get_logger().error(f"undo: {error}")

    def _taken_back(self, episode: Episode, was: bool) -> None:
        self.publish_event(
            topics.RECORDER_EVENT, event="relabelled", episode=episode.attributes["episode_id"], was=was, success=False
        )

    def _on_robot(self, event: dict[str, Any]) -> None:
        if event["event"] == "ready" and self._episode is None:
            self._preparing = (event["episode"], event["stamp"])
            self._say_prepared()

    def _unheard(self) -> list[str]:
        """The streams of which nothing has come since the robot stands at its start."""
        start = self._preparing[1] if self._preparing else 0
        return sorted(n for n in self._streams if self._newest.get(n, -1) < start - self._before.get(n, 0))

    def _say_prepared(self) -> None:
        """Tell the episode manager, once after each reset, that every stream has been heard since."""
        if self._preparing and not self._unheard():
            self.publish_event(topics.RECORDER_EVENT, event="prepared", episode=self._preparing[0])
            self._preparing = None

    def _begin(self, event: dict[str, Any]) -> None:
        self._episode, self._end = event, None
        self._missed.clear()
        self._last_seen.clear()
        judged = self.config.simulated or event.get("judge") == "keys"
        self._assembler = StepAssembler(expect_outcome=judged)
        attributes = {k: v for k, v in event.items() if k not in ("event", "stamp", "episode", "direction", "judge")}
        clock = "simulated" if self.lockstep else "system"
        self._human_steps = 0
        self._recorder.begin(clock=clock, episode_id=event["episode"], **attributes)
        backlog = list(self._backlog)
        self._backlog.clear()
        for stamp, replay in backlog:
            if stamp >= event["stamp"] - max(self._before.values(), default=0):
                replay()

    def _complete(self) -> bool:
        """The last step is written, and every stream holds a sample after it began."""
        if self._end is None or not self._assembler.done:
            return False
        need = self._end["stamp"]
        return all(self._last_seen.get(n, -1) > need - self._slack.get(n, 0) for n in self._streams)

    def _finish(self) -> None:
        if self._complete():
            self._save()

    def _finish_late(self) -> None:
        if self._end is not None and time.monotonic() > self._deadline:
            late = sorted(n for n in self._streams if self._last_seen.get(n, -1) <= self._end["stamp"])
            self.get_logger().warning(f"episode saved without its last samples of: {', '.join(late) or 'steps'}")
            for step in self._assembler.flush():
                self._write(step)
            self._save()

    def _save(self) -> None:
        episode, end = self._episode, self._end
        self._episode = self._end = None
        if episode is None or end is None:
            return
        if end["result"] == "discarded":
            self._recorder.discard()
            self._settle()
            self.publish_event(topics.RECORDER_EVENT, event="discarded", episode=episode["episode"])
            return
        if self._recorder.steps != end["steps"]:
            self.get_logger().warning(f"{self._recorder.steps} steps recorded, the episode had {end['steps']}")
        over = end["stamp"] + self.spec.period_ns
        missed = {"silent": sorted(self._missed)} if self._missed else {}
        steps = self._recorder.steps
        number = self._recorder.end({"success": True, "failure": False}.get(end["result"]), end=over, **missed)
        self._settle(number, marked=end["marked"])
        self.publish_event(
            topics.RECORDER_EVENT,
            event="saved",
            episode=episode["episode"],
            number=number,
            steps=steps,
            human_steps=self._human_steps,
        )

    def _abandon(self, reason: str) -> None:
        self.get_logger().warning(f"unfinished episode dropped: {reason}")
        self._recorder.discard()
        self._episode = self._end = None

    def _silent(self) -> list[str]:
        """The streams that have fallen silent in the episode being recorded. In lockstep the robot waits for all."""
        if self.lockstep or self._episode is None or self._end is not None:
            return []
        now, begin = time.time_ns(), self._episode["stamp"]
        ages = {n: (now - max(begin, self._last_seen.get(n, 0))) * 1e-9 for n in self._streams}
        return sorted(n for n, age in ages.items() if age > self._patience[n])

    def _report(self) -> None:
        if self._preparing and (waiting := self._unheard()):
            self.get_logger().info(f"waiting for the first of: {', '.join(waiting)}", throttle_duration_sec=5.0)
        silent = self._silent()
        if silent:
            self._missed.update(silent)
            self.get_logger().warning(f"recording, but nothing comes from: {', '.join(silent)}")
        status = DiagnosticStatus(
            level=DiagnosticStatus.WARN if silent else DiagnosticStatus.OK,
            name="recorder",
            message=f"nothing comes from {', '.join(silent)}" if silent else "recording" if self._episode else "idle",
            values=[KeyValue(key="streams", value=str(len(self._last_seen)))],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)

    def close(self) -> None:
        if getattr(self, "_episode", None) is not None:
            self._abandon("the recorder was stopped")
        for recorder, _ in getattr(self, "_shelves", {}).values():
            recorder.dataset.close()


def main(argv: Sequence[str] | None = None) -> int:
    return run(RecorderNode, argv)
