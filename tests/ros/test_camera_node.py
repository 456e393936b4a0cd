"""Cameras over ROS: every picture arrives, and a camera that ends, stops or comes back is no secret."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

pytest.importorskip("rclpy", reason="needs robot_rl[ros]")
cv2 = pytest.importorskip("cv2", reason="needs robot_rl[camera]")

import rclpy  # noqa: E402
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus  # noqa: E402
from rclpy.node import Node  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image, JointState  # noqa: E402
from std_msgs.msg import String  # noqa: E402

from robot_rl.ros import codecs, topics  # noqa: E402
from robot_rl.ros.camera_node import CameraNode  # noqa: E402
from robot_rl.runtime.launch import Launch, child  # noqa: E402

ROBOT = Path(__file__).parents[2] / "hardware" / "sim_crazyflie" / "robot.yaml"

FLAKY = '''
"""A camera that works while the file `plugged` is there."""
import time
from pathlib import Path
import numpy as np
from robot_rl.hardware.camera import CameraError, Frame, Intrinsics
from robot_rl.hardware.cameras.latest import CameraLostError

class Flaky:
    def __init__(self, config):
        self.plug, self.size = Path(config.options["plugged"]), (config.height, config.width, 3)
        self.intrinsics = Intrinsics(config.width, config.height, 50.0, 50.0, 32.0, 24.0)
        self.number = 0
    def open(self):
        if not self.plug.exists():
            raise CameraError("unplugged")
    def read(self, timeout=1.0):
        time.sleep(0.03)
        if not self.plug.exists():
            raise CameraLostError("unplugged")
        self.number += 1
        return Frame(time.time_ns(), np.full(self.size, self.number % 256, np.uint8), number=self.number)
    def status(self):
        return {}
    def close(self):
        pass
'''

SCENE = """<mujoco><worldbody><camera name="front" pos="0 0 2"/>
<body><joint type="slide"/><geom size="0.1"/></body></worldbody></mujoco>"""
PERIOD = 20_000_000
"""Of the robot's control [ns]."""


def describe(folder: Path, **cameras: dict[str, Any]) -> Path:
    """A robot.yaml with these cameras."""
    path = folder / "robot.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(ROBOT.read_text()) | {"cameras": cameras}))
    return path


def write_video(path: Path, size: tuple[int, int], frames: int) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 30, size)
    for number in range(frames):
        writer.write(np.full((size[1], size[0], 3), 3 * number % 256, np.uint8))
    writer.release()


class Listener:
    """Hears images, the CameraInfo that comes with each, and diagnostics."""

    def __init__(self, spinner: type, *cameras: str) -> None:
        self.node = Node("listener")
        self.images: dict[str, list[int]] = {name: [] for name in cameras}
        self.infos: dict[str, list[int]] = {name: [] for name in cameras}
        self.reports: list[DiagnosticStatus] = []
        self.spin = spinner(self.node)
        for name in cameras:
            self._note(Image, topics.image(name), self.images[name])
            self._note(CameraInfo, topics.camera_info(name), self.infos[name])
        self.node.create_subscription(
            DiagnosticArray, topics.DIAGNOSTICS, lambda m: self.reports.extend(m.status), topics.stream()
        )

    def _note(self, kind: type, topic: str, stamps: list[int]) -> None:
        self.node.create_subscription(kind, topic, lambda m: stamps.append(codecs.stamp_of(m)), topics.stream())


@pytest.fixture
def nodes() -> Iterator[list[Any]]:
    """Nodes to be ended after the test."""
    made: list[Any] = []
    yield made
    for node in made:
        if isinstance(node, CameraNode):
            node.close()
        node.destroy_node()
    rclpy.try_shutdown()


def start(nodes: list[Any], spinner: type, robot: Path, *cameras: str, lockstep: bool = False) -> tuple[Any, Listener]:
    """A camera node and a listener in this process."""
    rclpy.init(args=["--ros-args", "-p", f"robot:={robot}", "-p", f"lockstep:={str(lockstep).lower()}"])
    listener = Listener(spinner, *cameras)
    nodes.append(listener.node)
    node = CameraNode()
    nodes.append(node)
    listener.spin.executor.add_node(node)
    return node, listener


def test_every_picture_of_two_vga_cameras_at_30_hz_reaches_a_subscriber_with_nothing_set(
    nodes: list[Any], spinner: type, tmp_path: Path
) -> None:
    write_video(tmp_path / "clip.avi", (640, 480), 210)
    camera = {"driver": "opencv", "width": 640, "height": 480, "fps": 30}
    source = {"options": {"source": str(tmp_path / "clip.avi")}}
    robot = describe(tmp_path, left=camera | source, right=camera | source)
    description = Launch("teleop", {"robot": str(robot), "device": "scripted"})
    process = next(p for p in description.processes if p.name.startswith("camera"))
    rclpy.init(args=[])
    listener = Listener(spinner, "left", "right")
    nodes.append(listener.node)
    environment = child.environment(process.environment, tmp_path)
    with subprocess.Popen(process.command, env=environment) as running:
        assert listener.spin(lambda: any(s.message == "ended" for s in listener.reports), timeout=40.0)
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=15) == 0
    for name in ("left", "right"):
        published = [s for s in listener.infos[name] if s > listener.images[name][0]]
        assert len(published) > 30, "on a busy machine the first that is heard comes late"
        assert set(published) - set(listener.images[name]) == set()


def test_a_recording_that_ends_is_reported_and_leaves_nothing_running(
    nodes: list[Any], spinner: type, tmp_path: Path
) -> None:
    write_video(tmp_path / "clip.avi", (64, 48), 30)
    options = {"source": str(tmp_path / "clip.avi")}
    robot = describe(tmp_path, clip={"driver": "opencv", "width": 64, "height": 48, "fps": 30, "options": options})
    node, listener = start(nodes, spinner, robot, "clip")
    assert listener.spin(lambda: any(s.message == "ended" for s in listener.reports))
    assert listener.spin(lambda: not {"clip", "camera clip"} & {t.name for t in threading.enumerate()})
    assert node.exit_code is None
    assert len(listener.images["clip"]) >= 20


def test_a_camera_that_is_unplugged_is_reported_and_goes_on_when_it_is_back(
    nodes: list[Any], spinner: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "flaky_driver.py").write_text(FLAKY)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    plug = tmp_path / "plug"
    plug.touch()
    camera = {"driver": "flaky_driver:Flaky", "width": 64, "height": 48, "fps": 30, "options": {"plugged": str(plug)}}
    node, listener = start(nodes, spinner, describe(tmp_path, front=camera), "front")
    images = listener.images["front"]
    assert listener.spin(lambda: len(images) > 10 and bool(listener.reports))
    assert listener.reports[-1].level == DiagnosticStatus.OK
    plug.unlink()
    assert listener.spin(lambda: listener.reports[-1].level == DiagnosticStatus.WARN)
    assert listener.reports[-1].message in ("stopped", "reconnecting")
    seen = len(images)
    plug.touch()
    assert listener.spin(lambda: len(images) > seen + 10)
    assert listener.spin(lambda: listener.reports[-1].level == DiagnosticStatus.OK)
    assert {v.key: v.value for v in listener.reports[-1].values}["reconnects"] == "1"
    assert images == sorted(set(images))
    assert node.exit_code is None


class Robot:
    """What a simulated robot in lockstep publishes of itself."""

    def __init__(self, listener: Listener) -> None:
        self._spin, self._seen = listener.spin, listener.infos["front"]
        self._states = listener.node.create_publisher(JointState, topics.SIM_STATE, topics.stream())
        self._events = listener.node.create_publisher(String, topics.ROBOT_EVENT, topics.latched())
        self._scene = listener.node.create_publisher(String, topics.SIM_MODEL, topics.latched(1))
        self._scene.publish(String(data=SCENE))
        assert self._spin(lambda: self._states.get_subscription_count() == self._scene.get_subscription_count() == 1)

    def state(self, stamp: int, *, seen: bool) -> None:
        """Publish a state; whether there is a picture of it."""
        self._states.publish(codecs.scene_message(stamp, np.zeros(1), np.zeros(1)))
        self.expect(stamp, seen=seen)

    def ready(self, stamp: int) -> None:
        """An episode begins from the state of this stamp."""
        event = {"event": "ready", "episode": "e", "stamp": stamp, "kept": False}
        self._events.publish(String(data=json.dumps(event)))

    def expect(self, stamp: int, *, seen: bool) -> None:
        assert self._spin(lambda: stamp in self._seen, timeout=10.0 if seen else 0.3) == seen, stamp // PERIOD


@pytest.mark.parametrize("steps", [4, 5])
@pytest.mark.parametrize("state_first", [True, False])
def test_in_lockstep_a_camera_of_half_the_rate_sees_the_start_of_each_episode_whatever_its_phase(
    nodes: list[Any], spinner: type, tmp_path: Path, steps: int, state_first: bool
) -> None:
    pytest.importorskip("mujoco", reason="needs robot_rl[sim]")
    camera = {"driver": "mujoco", "width": 16, "height": 16, "fps": 25}
    _, listener = start(nodes, spinner, describe(tmp_path, front=camera), "front", lockstep=True)
    robot = Robot(listener)
    first = 100 * PERIOD
    for episode in range(2):
        if state_first:  # the last episode's phase decides, until it is known what begins here
            robot.state(first, seen=episode == 0 or steps % 2 == 1)
            robot.ready(first)
        else:
            robot.ready(first)
            robot.state(first, seen=True)
        robot.expect(first, seen=True)
        for step in range(1, steps + 1):
            robot.state(first + step * PERIOD, seen=step % 2 == 0)
        first += (steps + 1) * PERIOD


def test_a_camera_that_had_seen_the_start_of_an_episode_already_shows_it_once(
    nodes: list[Any], spinner: type, tmp_path: Path
) -> None:
    pytest.importorskip("mujoco", reason="needs robot_rl[sim]")
    camera = {"driver": "mujoco", "width": 16, "height": 16, "options": {"camera": "front"}}
    both = {"front": camera | {"fps": 25}, "side": camera | {"fps": 50}}
    _, listener = start(nodes, spinner, describe(tmp_path, **both), "front", "side", lockstep=True)
    robot = Robot(listener)
    stamps = [100 * PERIOD, 101 * PERIOD]
    robot.state(stamps[0], seen=True)
    robot.state(stamps[1], seen=False)
    robot.ready(stamps[1])
    robot.expect(stamps[1], seen=True)
    robot.state(102 * PERIOD, seen=False)
    assert listener.spin(lambda: len(listener.images["side"]) >= 3)
    assert listener.images["side"] == [*stamps, 102 * PERIOD] and listener.images["front"] == stamps
