"""The node that looks at every state with a reward classifier, where that is the judge of an episode."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image, JointState

from robot_rl.hardware.clock import SystemClock
from robot_rl.hardware.config import CameraConfig, ConfigError
from robot_rl.hardware.robot import Outcome, Reading
from robot_rl.learn.online.directions import parted
from robot_rl.learn.rewards import storage
from robot_rl.rewards.judge import ClassifierJudge
from robot_rl.rewards.view import View
from robot_rl.ros import codecs, topics, wire
from robot_rl.ros.node import RobotNode, run
from robot_rl.ros.state import StateSubscriber
from robot_rl.runtime.picture_match import PictureMatch

IDLE = 1_000_000_000
"""What nobody asks for now is forgotten when it is older than this [ns]; an episode may have begun unheard."""
BEHIND = 500_000_000
"""In real time states that are older than this [ns] are passed over: the judge keeps up."""


class JudgeNode(RobotNode):
    """Parameters: `classifier`, its folder; of a practice, separated by commas, `direction=folder` for each direction
    that has one of its own. `cameras`: names of those that are running, as the camera node has them.

    Every state of an episode whose judge is the classifier gets a verdict, in order; one that no picture shows is no
    success. In real time a classifier that is too slow passes states over rather than fall behind. One that was trained
    on another camera, size or crop is refused, and both are named.
    """

    def __init__(self) -> None:
        super().__init__("judge")
        self._cameras = self.cameras_param("none")
        self._pictures: dict[str, tuple[int, NDArray[np.uint8]]] = {}
        """The stamp of the state that is being judged, and what it looks like, by camera."""
        self._judges = {
            direction: self._judge(Path(folder)) for direction, folder in map(parted, self.list_param("classifier"))
        }
        if not self._judges:
            raise ConfigError("parameter 'classifier' is empty: give the folder that `robot-rl reward train` wrote")
        self._matches = {camera: self._match(camera) for camera in {c for c, _ in self._judges.values()}}
        self._now: tuple[str, ClassifierJudge] | None = None
        """The camera and the judge of the running episode; None while there is none to be judged."""
        self._system_clock = SystemClock()
        self._publisher = self.create_publisher(JointState, topics.CLASSIFIED, topics.kept())
        StateSubscriber(self, self.spec, self._on_reading, lockstep=self.lockstep)
        for name in self._matches:
            self.create_subscription(Image, topics.image(name), lambda m, n=name: self._on_image(n, m), topics.stream())
        self.on_event(topics.EPISODE_EVENT, self._on_episode)

    def _judge(self, folder: Path) -> tuple[str, ClassifierJudge]:
        """A classifier, and the camera that it looks at. Raises ConfigError or RewardError."""
        trained = storage.load_classifier(folder)
        name = trained.view.camera
        if name not in self._cameras:
            raise ConfigError(
                f"the reward classifier in {folder} looks at camera '{name}', which is not running: give cameras:="
                f"{','.join((*self._cameras, name))}"
            )
        size: CameraConfig = self._cameras[name]
        trained.view.require(View(name, size.width, size.height, trained.view.crop, trained.view.size))
        return name, ClassifierJudge(trained, lambda: self._pictures, lambda: None)

    def _match(self, camera: str) -> PictureMatch:
        period = 1.0 / self._cameras[camera].fps
        oldest = float(self.config.limits["observation_timeout"]) + 2.0 * period
        step = self.spec.period_ns
        return PictureMatch(round(period * 1e9), step, waits=self.lockstep, oldest=round(oldest * 1e9))

    def _on_episode(self, event: dict[str, Any]) -> None:
        if event["event"] == "begin" and event.get("judge") == "classifier":
            self._now = self._judges.get(event.get("direction", "")) or self._judges.get("")
            if self._now is None:
                self.get_logger().error(f"no classifier was given for direction '{event.get('direction', '')}'")
                return
            camera, judge = self._now
            judge.reset()
            self._matches[camera].begin(event["stamp"], event["stood"])
            self._look()
        elif event["event"] in ("begin", "end", "reset"):
            self._now = None

    def _on_reading(self, reading: Reading) -> None:
        for camera, match in self._matches.items():
            match.state(reading.stamp)
            if self._now is None or self._now[0] != camera:
                match.forget(reading.stamp - IDLE)
        self._look()

    def _on_image(self, name: str, message: Image) -> None:
        self._matches[name].picture(codecs.stamp_of(message), codecs.decode_image(message))
        self._look()

    def _look(self) -> None:
        """Say what is shown of each state whose picture is there."""
        if self._now is None:
            return
        camera, judge = self._now
        for stamp, pixels in self._matches[camera].ready():
            if not self.lockstep and self._system_clock.now() - stamp > BEHIND:
                self.get_logger().warning(
                    "the classifier is slower than the robot: states are passed over", throttle_duration_sec=5.0
                )
                continue
            if pixels is None:
                self.get_logger().warning(
                    f"no picture of camera '{camera}': nothing counts as a success", throttle_duration_sec=5.0
                )
                outcome = Outcome()
            else:
                self._pictures = {camera: (stamp, pixels)}
                outcome = judge()
            self._publisher.publish(wire.outcome_message(stamp, outcome))
        if judge.warning is not None:
            self.get_logger().warning(judge.warning, throttle_duration_sec=10.0)


def main(argv: Sequence[str] | None = None) -> int:
    return run(JudgeNode, argv)
