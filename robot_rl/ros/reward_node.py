"""The node that collects pictures for a reward classifier: success is what a camera shows while the key is held.

It joins whatever graph is running: teleoperation, recording, a deployment, a fine-tuning session.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sensor_msgs.msg import Image

from robot_rl.hardware.config import ConfigError
from robot_rl.hardware.human import HumanInput
from robot_rl.learn.rewards import storage
from robot_rl.rewards.errors import RewardError
from robot_rl.rewards.frames import LabelledFrames, advice
from robot_rl.rewards.live import Goal, LiveCollector, LiveConfig
from robot_rl.rewards.view import View
from robot_rl.ros import codecs, topics
from robot_rl.ros.node import RobotNode, run
from robot_rl.workspace import did_you_mean


class RewardNode(RobotNode):
    """Parameters: `camera`; `output`, the classifier's folder, whose pictures stay; `crop` (left,top,width,height) and
    `size`; `successes` and `others`, how many pictures are enough; `latency`, `before`, `near`, `rate` and `shows`
    as `LiveConfig` has them.

    A take is an episode where episodes are run, from its begin to the next reset; else it ends when the key is let go.
    """

    def __init__(self) -> None:
        super().__init__("reward")
        output = self.param("output", "")
        if not output:
            raise ConfigError("parameter 'output' is empty: give the folder of the classifier, new or to be continued")
        self._folder = Path(output)
        self._goal = Goal(self.param("successes", 200), self.param("others", 1000))
        usual = LiveConfig()
        config = LiveConfig(
            latency=self.param("latency", usual.latency),
            before=self.param("before", usual.before),
            near=self.param("near", usual.near),
            rate=self.param("rate", usual.rate),
            shows=self.param("shows", usual.shows),  # type: ignore[arg-type]
        )
        self._collector = LiveCollector(self._view(), config, {"live": self.config.name})
        self._before = self._collected()
        self._saved = self._pictures = self._keys = 0
        self._said = ""
        self._collector.begin()
        camera = self._collector.view.camera
        self.create_subscription(Image, topics.image(camera), self._on_image, topics.stream(10))
        self.on_human(self._on_human)
        self.on_event(topics.EPISODE_EVENT, self._on_episode)
        self.create_timer(1.0, self._report)
        there = "" if self._before is None else f"; {len(self._before)} pictures are there already"
        self.say(f"hold the success key for as long as camera '{camera}' shows success{there}")

    def _view(self) -> View:
        """What the classifier is to look at. Raises ConfigError or RewardError."""
        cameras, name = self.config.cameras, self.param("camera", "")
        if name not in cameras:
            raise ConfigError(f"robot '{self.config.name}' has no camera '{name}'.{did_you_mean(name, cameras)}")
        crop = [int(part) for part in self.list_param("crop")]
        if len(crop) not in (0, 4):
            raise ConfigError(f"parameter 'crop' is {crop}: give left,top,width,height in pixels, or nothing")
        camera = cameras[name]
        return View(name, camera.width, camera.height, tuple(crop) if crop else None, self.param("size", 64))  # type: ignore[arg-type]

    def _collected(self) -> LabelledFrames | None:
        """What was collected before, of the same view. Raises RewardError."""
        if not storage.has_frames(self._folder):
            return None
        before = storage.load_frames(self._folder)
        before.view.require(self._collector.view)
        return before

    def _on_image(self, message: Image) -> None:
        self._pictures += 1
        self._collector.picture(codecs.stamp_of(message), codecs.decode_image(message))

    def _on_human(self, human: HumanInput) -> None:
        self._keys += 1
        self._collector.key(human.stamp, "success" in human.pressed)

    def _on_episode(self, event: dict[str, Any]) -> None:
        if event["event"] == "begin":
            self._collector.begin(event["episode"])
        elif event["event"] == "reset":
            self._collector.end()

    def _report(self) -> None:
        """Keep what is new, and say how far it is; end when there is enough."""
        self._save()
        counts = self._collector.counts
        if self._before is not None:
            counts = counts + self._before.counts
        if not self._pictures or not self._keys:
            what = "pictures" if not self._pictures else "input from the device"
            self.get_logger().warning(f"no {what} yet", throttle_duration_sec=5.0)
        said = self._goal.progress(counts, self._collector)
        if said != self._said:
            self._said = said
            self.say(said)
        if self._goal.reached(counts):
            self.say(f"enough: {self._folder}")
            self.exit_code = 0

    def _save(self) -> None:
        if self._collector.takes > self._saved:
            storage.save_frames(self._folder, self._collector.frames(self._before))
            self._saved = self._collector.takes

    def close(self) -> None:
        if not hasattr(self, "_collector"):
            return
        self._collector.end()
        try:
            self._save()
            frames = self._collector.frames(self._before)
        except RewardError as error:
            self.get_logger().warning(str(error))
            return
        if self._collector.unlabelled:
            self.say(f"{self._collector.unlabelled} pictures left out: the key was not heard of at their time")
        for line in advice(frames):
            self.say(line)


def main(argv: Sequence[str] | None = None) -> int:
    return run(RewardNode, argv)
