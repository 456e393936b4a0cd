"""What `robot-rl info` says of a robot's cameras."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import yaml

from robot_rl import cli, workspace
from robot_rl.commands import info_cameras
from robot_rl.hardware.camera import CameraError
from robot_rl.hardware.config import CameraConfig


def robot_with(folder: Path, **camera: Any) -> Path:
    """sim_lift with one camera, `front`."""
    own = workspace.find("hardware", "sim_lift", "robot.yaml")
    assert own is not None
    data = yaml.safe_load(own.read_text())
    data["cameras"] = {"front": {"width": 640, "height": 480, "fps": 30, **camera}}
    path = folder / "robot.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    return path


@pytest.mark.parametrize(
    ("camera", "line"),
    [
        ({"driver": "opencv"}, "camera front: opencv 640x480 at 30 Hz; source 0"),
        ({"driver": "mujoco", "options": {"camera": "top"}}, "camera front: mujoco 640x480 at 30 Hz; camera top"),
        (
            {"driver": "lab.cameras:Thermal", "options": {"gain": 3}},
            "camera front: lab.cameras:Thermal 640x480 at 30 Hz; gain 3",
        ),
    ],
)
def test_each_camera_is_shown_with_its_options_and_its_device(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], camera: dict[str, Any], line: str
) -> None:
    assert cli.main(["info", str(robot_with(tmp_path, **camera))]) == 0
    assert line in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("camera", "words"),
    [
        (
            {"driver": "opencv", "options": {"sorce": 1}},
            "camera 'front' (opencv): unknown option 'sorce'. Did you mean 'source'?",
        ),
        ({"driver": "opencv", "depth": True}, "camera 'front': driver 'opencv' gives no depth; use 'realsense'"),
        ({"driver": "opencv", "options": {"calibration": "no/such.yaml"}}, "no/such.yaml"),
        (
            {"driver": "realsense", "options": {"serial": 123622270510}},
            "options.serial is 123622270510; it must be a text",
        ),
        ({"driver": "realsense", "options": {"watch": {"stop": 1}}}, "unknown option 'watch.stop'"),
        ({"driver": "mujoco", "options": {"camra": "top"}}, "unknown option 'camra'. Did you mean 'camera'?"),
    ],
)
def test_what_the_launch_would_refuse_of_a_camera_is_refused_with_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], camera: dict[str, Any], words: str
) -> None:
    path = robot_with(tmp_path, **camera)
    assert cli.main(["info", str(path)]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(f"robot-rl: {path}: ") and words in said.err and len(said.err.splitlines()) == 1
    assert said.out == ""


def test_a_camera_whose_package_is_not_installed_here_is_shown_with_what_installs_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(config: CameraConfig) -> None:
        raise CameraError(f"camera '{config.name}': pyrealsense2 not installed: pip install 'robot_rl[realsense]'")

    monkeypatch.setattr(info_cameras, "make_camera", absent)
    assert cli.main(["info", str(robot_with(tmp_path, driver="realsense"))]) == 0
    text = capsys.readouterr().out
    assert "camera front: realsense 640x480 at 30 Hz; serial of the only one plugged in" in text
    assert "not on this computer: camera 'front': pyrealsense2 not installed" in text


def test_that_opencv_is_not_installed_is_said_though_it_is_imported_only_with_the_first_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "cv2" else found(name))
    assert cli.main(["info", str(robot_with(tmp_path, driver="opencv"))]) == 0
    said = "  not on this computer: camera 'front': cv2 not installed: pip install 'robot_rl[camera]'"
    assert said in capsys.readouterr().out.splitlines()
