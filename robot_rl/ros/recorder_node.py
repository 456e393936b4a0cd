"""The node that writes down what happens: every stream as it comes, every step once it is complete.

A step is complete when the arbiter's decision, what the robot really executed and the verdict on the
state it led to have all arrived. An episode is committed when its last step and final observation have.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import CameraInfo, Image, JointState

from robot_rl.datasets.episode import Episode
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.record import Source, Step
from robot_rl.datasets.store.place import dataset_path
from robot_rl.datasets.verdicts import UNJUDGED, recorded
from robot_rl.hardware.clock import SystemClock
from robot_rl.hardware.config import CameraConfig, ConfigError
from robot_rl.hardware.robot import Outcome
from robot_rl.learn.online.shelves import Shelves
from robot_rl.ros import codecs, topics, wire
from robot_rl.ros.node import RobotNode, run
from robot_rl.ros.recorded_attributes import at_begin, at_end
from robot_rl.ros.recorder_status import recorder_status
from robot_rl.ros.state import StateSubscriber
from robot_rl.runtime.assembly import HOLD, StepAssembler
from robot_rl.runtime.backlog import Backlog
from robot_rl.runtime.stream_watch import StreamWatch

FINISH_WITHIN = 5.0
"""After the end of an episode, late messages are waited for this long [s, wall]; then it is saved as it is."""


class RecorderNode(RobotNode):
    """Parameters `dataset` (a name under datasets/ or a path, see `dataset_path`), `cameras` (comma-separated names, or
    `all`), `latency` (of a person's keys [s]: so much further back may the end of an episode reach) and `agenda`: an
    agent says what each episode is for, and of a practice its direction, which has a data set of its own:
    `<direction>/` before its name.
    """

    def __init__(self) -> None:
        super().__init__("recorder")
        name = self.param("dataset", "")
        if not name:
            raise ConfigError("parameter 'dataset' is empty: give a name under datasets/, or a path such as ./my_task")
        path, cameras = dataset_path(name), self.cameras_param()
        self._shelves = Shelves(path, self.spec, cameras, self._taken_back, self.say)
        if not self.param("agenda", False):
            self._recorder = self._shelves.take("")
        self._streams = StreamWatch(self.spec, cameras, lockstep=self.lockstep)
        self._hold = HOLD + round(self.param("latency", 0.0) * 1e9)
        self._assembler = StepAssembler(expect_outcome=self.config.simulated, hold=self._hold)
        self._backlog = Backlog()
        self._episode: dict[str, Any] | None = None
        """The begin event of the episode that is being recorded."""
        self._end: dict[str, Any] | None = None
        self._deadline = 0.0
        self._human_steps = 0
        self._driven = False
        """Between episodes the robot is being reset, step by step."""
        self._preparing: tuple[str, int] | None = None
        """The robot stands at its start: the episode's name, and since when [ns]."""
        self._listen(cameras)
        self._diagnostics = self.create_publisher(DiagnosticArray, topics.DIAGNOSTICS, topics.stream())
        self.create_timer(1.0, self._report)
        self.create_timer(0.1, self._finish_late)
        self.publish_event(topics.RECORDER_EVENT, event="ready", dataset=str(path))
        self.say(f"recording to {path}")

    def _listen(self, cameras: Mapping[str, CameraConfig]) -> None:
        StateSubscriber(self, self.spec, lockstep=self.lockstep, on_sample=self._on_sample)
        for name in cameras:
            self.create_subscription(
                Image, topics.image(name), lambda m, n=name: self._on_image(n, m), topics.stream(300)
            )
            self._listen_for_intrinsics(name)
        for name in (n for n, c in cameras.items() if c.depth):
            self.create_subscription(
                Image, topics.depth(name), lambda m, n=name: self._on_image(f"{n}_depth", m), topics.stream(300)
            )
        self.create_subscription(JointState, topics.DECISION, self._on_decision, topics.kept())
        self.create_subscription(JointState, topics.EXECUTED, self._on_executed, topics.kept())
        for by_task, topic in ((True, topics.OUTCOME), (False, topics.VERDICT)):
            self.create_subscription(JointState, topic, partial(self._on_outcome, by_task), topics.kept())
        self.on_event(topics.EPISODE_EVENT, self._on_episode)
        self.on_event(topics.ROBOT_EVENT, self._on_robot)

    # -- samples and steps ----------------------------------------------------------------------------

    def _on_sample(self, name: str, stamp: int, value: Any) -> None:
        """Keep one value of one stream, from the start state to the final one."""
        if self._episode is None:
            self._keep(stamp, partial(self._on_sample, name, stamp, value))
            self._streams.idle(name, stamp)
            self._say_prepared()
        elif self._streams.take(name, stamp):
            self._recorder.sample(name, stamp, value)
            self._finish()

    def _on_image(self, name: str, message: Image) -> None:
        self._on_sample(name, codecs.stamp_of(message), codecs.decode_image(message))

    def _listen_for_intrinsics(self, name: str) -> None:
        """Note a camera's intrinsics once, from its first CameraInfo."""

        def on_info(message: CameraInfo) -> None:
            self._shelves.set_intrinsics(name, codecs.decode_camera_info(message))
            self.destroy_subscription(subscription)

        subscription = self.create_subscription(CameraInfo, topics.camera_info(name), on_info, topics.stream())

    def _on_decision(self, message: JointState) -> None:
        decision = wire.read_decision(self.spec.action, message)
        self._take(decision.stamp, lambda: self._assembler.decided(decision))

    def _on_executed(self, message: JointState) -> None:
        stamp, action = codecs.stamp_of(message), codecs.unlabelled(message, self.spec.action.labels)
        self._take(stamp, lambda: self._assembler.executed(stamp, action))

    def _on_outcome(self, by_task: bool, message: JointState) -> None:
        stamp, outcome = codecs.stamp_of(message), wire.read_outcome(message)
        self._take(stamp, lambda: self._judged(by_task, stamp, outcome))

    def _judged(self, by_task: bool, stamp: int, outcome: Outcome) -> None:
        """What is said of the state at `stamp` [ns], if this judge's word counts in the episode."""
        if self._episode is not None and (self._episode.get("judge", "robot") == "robot") == by_task:
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
        self._backlog.keep(stamp, replay, forget=self._driven or not self.lockstep)

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
        if kind in ("reset", "begin"):
            self._cut_short(f"the next {kind} came before the end")
        if kind == "reset":
            self._recorder = self._shelves.take(event.get("direction", ""))
        elif kind == "begin":
            self._begin(event)
        elif kind in ("drive", "driven"):
            self._driven = kind == "drive"
        elif kind == "end" and self._episode is not None and event["episode"] == self._episode["episode"]:
            self._end, self._deadline = event, time.monotonic() + FINISH_WITHIN
            self._streams.end(event["stamp"])
            self._assembler.end(
                event["stamp"],
                success=event["result"] == "success",
                terminated=event["terminated"],
                truncated=event["truncated"],
                marked=event["marked"],
            )
            self._flush()
        elif kind == "undo":
            self._shelves.undo(saving=self._end is not None)
            if self._episode is None:
                self._settle()

    def _settle(self, number: int | None = None, *, marked: bool = False) -> None:
        """Take marks back that somebody wants back, and note an episode's own."""
        try:
            self._shelves.settle(number, marked=marked)
        except DatasetError as error:
            self.get_logger().error(f"undo: {error}")

    def _taken_back(self, episode: Episode, was: bool) -> None:
        """A mark is taken back, of an episode as it is now; `judged`: even so somebody said how it ended."""
        name, judged = episode.attributes["episode_id"], recorded(False, episode.attributes) != UNJUDGED
        self.publish_event(
            topics.RECORDER_EVENT, event="relabelled", episode=name, was=was, success=False, judged=judged
        )

    def _on_robot(self, event: dict[str, Any]) -> None:
        if event["event"] == "ready" and self._episode is None:
            self._preparing = (event["episode"], event["stamp"])
            self._say_prepared()

    def _say_prepared(self) -> None:
        """Tell the episode manager, once after each reset, that every stream has been heard since."""
        if self._preparing and not self._streams.waiting_for(self._preparing[1]):
            self.publish_event(topics.RECORDER_EVENT, event="prepared", episode=self._preparing[0])
            self._preparing = None

    def _begin(self, event: dict[str, Any]) -> None:
        self._episode, self._end = event, None
        self._streams.begin(event["stamp"])
        judged = self.config.simulated or event.get("judge", "robot") != "robot"
        self._assembler = StepAssembler(expect_outcome=judged, hold=self._hold)
        clock = "simulated" if self.lockstep else "system"
        self._human_steps = 0
        self._recorder.begin(clock=clock, **at_begin(event))
        self._backlog.replay(self._streams.earliest)

    def _finish(self) -> None:
        """Save the episode once its last step is written, and every stream holds a sample after that began."""
        if self._end is not None and self._assembler.done and self._streams.complete:
            self._save()

    def _finish_late(self) -> None:
        if self._end is not None and time.monotonic() > self._deadline:
            self._save_without_the_rest()

    def _save_without_the_rest(self) -> None:
        """Save an episode that is over as it is, without what has not come."""
        late = ", ".join(self._streams.late) or "steps"
        self.get_logger().warning(f"episode saved without its last samples of: {late}")
        for step in self._assembler.flush():
            self._write(step)
        self._save()

    def _save(self) -> None:
        episode, end = self._episode, self._end
        self._episode = self._end = None
        if episode is None or end is None:
            return
        unheard = end["result"] != "discarded" and not self._recorder.steps
        if unheard:
            self.get_logger().error(f"nothing to save: none of the {end['steps']} steps of the episode was heard")
        if unheard or end["result"] == "discarded":
            self._recorder.discard()
            self._settle()
            self.publish_event(topics.RECORDER_EVENT, event="discarded", episode=episode["episode"])
            return
        if self._recorder.steps != end["steps"]:
            self.get_logger().warning(f"{self._recorder.steps} steps recorded, the episode had {end['steps']}")
        over = end["stamp"] + self.spec.period_ns
        noted = at_end(episode, end, self._streams.missed)
        steps = self._recorder.steps
        number = self._recorder.end({"success": True, "failure": False}.get(end["result"]), end=over, **noted)
        self.publish_event(
            topics.RECORDER_EVENT,
            event="saved",
            episode=episode["episode"],
            number=number,
            steps=steps,
            human_steps=self._human_steps,
        )
        self._settle(number, marked=end["marked"])  # others know the episode before its mark is taken back

    def _cut_short(self, why: str) -> None:
        """Nothing more comes of the episode: it is saved if it is over, else left on disk, to be salvaged."""
        if self._episode is not None:
            self._leave(why) if self._end is None else self._save_without_the_rest()

    def _leave(self, why: str) -> None:
        for step in self._assembler.flush():
            self._write(step)
        path, steps = self._recorder.dataset.path, self._recorder.steps
        self._episode = None
        if not steps:
            self.get_logger().warning(f"unfinished episode dropped: {why}, and before its first step")
            self._recorder.discard()
            return
        self._recorder.leave()
        self.get_logger().warning(
            f"left in mid-episode after {steps} steps, since {why}: `robot-rl data salvage {path}` keeps them, with "
            "--drop it drops them"
        )

    def _report(self) -> None:
        if self._preparing and (waiting := self._streams.waiting_for(self._preparing[1])):
            self.get_logger().info(f"waiting for the first of: {', '.join(waiting)}", throttle_duration_sec=5.0)
        recording = self._episode is not None and self._end is None
        silent = self._streams.silent(SystemClock().now()) if recording else []
        if silent:
            self.get_logger().warning(f"recording, but nothing comes from: {', '.join(silent)}")
        message = recorder_status(self._streams.heard, silent, recording=self._episode is not None)
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)

    def close(self) -> None:
        """An episode that is over is saved without waiting any longer; one that is not is left for salvage."""
        try:
            if hasattr(self, "_episode"):
                self._cut_short("the recorder was stopped")
        except DatasetError as error:
            self.get_logger().error(str(error))
            self.exit_code = 1
        finally:
            if hasattr(self, "_shelves"):
                self._shelves.close()


def main(argv: Sequence[str] | None = None) -> int:
    return run(RecorderNode, argv)
