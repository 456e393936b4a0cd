"""The examples of robot.yaml in hardware/README.md hold."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from robot_rl import cli, workspace
from robot_rl.hardware import camera, config
from robot_rl.hardware.cameras.opencv import OpenCVCamera
from robot_rl.hardware.cameras.registry import make_camera
from robot_rl.hardware.cameras.watch import WatchedCamera
from robot_rl.hardware.clock import SystemClock
from robot_rl.hardware.human import AXES, DeviceInput
from robot_rl.hardware.robot import Reading
from robot_rl.hardware.teleop import Teleop
from robot_rl.spec.field import KINDS

README = Path(__file__).parents[2] / "hardware" / "README.md"
POSITION = {"shape": [3], "unit": "m", "labels": ["x", "y", "z"], "low": [0.2, -0.5, 0.0], "high": [0.8, 0.5, 0.5]}


def documented(key: str) -> dict[str, Any]:
    """The section `key` of robot.yaml as the README shows it."""
    blocks = re.findall(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)
    (found,) = [data for data in map(yaml.safe_load, blocks) if key in data]
    return found  # type: ignore[no-any-return]


@pytest.fixture
def robot(tmp_path: Path) -> Path:
    """sim_lift, which may also be commanded positions, with the documented cameras and teleoperation."""
    own = workspace.find("hardware", "sim_lift", "robot.yaml")
    assert own is not None
    data = yaml.safe_load(own.read_text()) | documented("cameras") | documented("teleop")
    data["action"]["cartesian_position"] = {"position": POSITION}
    limits = {"position": {"order": "position", "rate": [0.5, 0.5, 0.5], "measured": "ee_pose"}}
    data["limits"]["modes"]["cartesian_position"] = limits
    path = tmp_path / "robot.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    return path


def test_the_documented_cameras_are_what_their_drivers_take(robot: Path) -> None:
    cameras = config.load(str(robot)).cameras
    assert [(c.driver, c.depth) for c in cameras.values()] == [("opencv", False), ("realsense", True)]
    assert isinstance(make_camera(cameras["front"]), OpenCVCamera)


def test_the_documented_cameras_are_shown_with_their_devices(robot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info", str(robot)]) == 0
    text = capsys.readouterr().out
    assert "camera front: opencv 640x480 at 30 Hz; source 0, fourcc MJPG, fov 70" in text
    assert "camera wrist: realsense 640x480 at 30 Hz with depth; serial 123622270510, watch.stop_after 1.0" in text


MAKER = """
import numpy as np
from robot_rl.hardware.camera import Camera, CameraError, Frame, Intrinsics
from robot_rl.hardware.clock import SystemClock

class connect:
    def __init__(self, address):
        self.pictures = [np.full((48, 64, 3), 7, np.uint8)] if address == "here" else []
    def grab(self, timeout):
        return self.pictures.pop() if self.pictures else None
"""
"""What stands before the documented camera: its imports, and a device that gives one picture."""


def test_the_documented_camera_of_ones_own_is_made_and_watched_as_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    (code,) = [b for b in blocks if "class MyCamera" in b]
    (tmp_path / "documented_camera.py").write_text(MAKER + code)
    monkeypatch.syspath_prepend(tmp_path)
    own = config.CameraConfig("front", "documented_camera:MyCamera", 64, 48, 30.0, options={"address": "here"})
    watched = WatchedCamera(lambda: make_camera(own), own)
    watched.open()
    frame = watched.read(0.1)
    assert frame.color.shape == (48, 64, 3) and frame.clock == "system"
    assert abs(frame.stamp - SystemClock().now()) < 10**10
    assert watched.status()["frames"] == 1 and watched.intrinsics.width == 64
    with pytest.raises(camera.CameraError, match="camera 'front': no frame for 0.1 s"):
        watched.read(0.1)
    watched.close()


def test_the_kinds_that_are_documented_are_those_there_are() -> None:
    told = README.read_text()
    assert "is one of `vector` (the default), " + ", ".join(f"`{k}`" for k in KINDS[1:]) + "." in told


def test_the_documented_teleoperation_drives_rates_and_positions(robot: Path) -> None:
    stick = DeviceInput(0, np.array([1.0, 0, 0, 0, 0, 1.0]), frozenset({"clutch"}))  # x and yaw
    assert AXES[0] == "x" and AXES[5] == "yaw"
    rates = config.load(str(robot), "cartesian_velocity")
    asked = Teleop(rates.spec, rates.teleop).interpret(stick).action
    np.testing.assert_allclose(asked, [0.1, 0, 0, 0, 0, -0.5, 0])  # the gripper open

    positions = config.load(str(robot), "cartesian_position")
    teleop = Teleop(positions.spec, positions.teleop)
    reading = Reading({"ee_pose": np.array([0.5, 0, 0.2, 0, 0, 0, 1.0])}, {"ee_pose": 0})
    teleop.interpret(stick, reading)
    later = DeviceInput(50_000_000, stick.axes, stick.buttons)
    np.testing.assert_allclose(teleop.interpret(later, reading).action, [0.505, 0, 0.2])  # 0.1 m/s for 0.05 s
