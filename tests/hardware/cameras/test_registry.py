"""Making cameras by driver name."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from robot_rl.hardware.camera import CameraError
from robot_rl.hardware.cameras.discovery import video_devices
from robot_rl.hardware.cameras.opencv import OpenCVCamera
from robot_rl.hardware.cameras.registry import DRIVERS, make_camera
from robot_rl.hardware.config import CameraConfig, ConfigError


def config(driver: str) -> CameraConfig:
    return CameraConfig("front", driver, 64, 48, 30.0, options={"watch": {"stop_after": 2.0}})


def test_a_name_or_a_class_of_ones_own_makes_the_camera() -> None:
    assert isinstance(make_camera(config("opencv")), OpenCVCamera)
    assert isinstance(make_camera(config(DRIVERS["opencv"])), OpenCVCamera)


def test_an_unknown_driver_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"camera 'front': no driver 'opncv'. Did you mean 'opencv'"):
        make_camera(config("opncv"))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"lop": True}, "camera 'front' (opencv): unknown option 'lop'. Did you mean 'loop'"),
        ({"loop": "false"}, "camera 'front': options.loop is 'false'; it must be true or false"),
        ({"fov": "60"}, "camera 'front': options.fov is '60'; it must be a number"),
        ({"source": [0]}, "camera 'front': options.source is [0]; it must be a whole number or a text"),
    ],
)
def test_an_option_of_the_wrong_kind_is_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)):
        make_camera(CameraConfig("front", "opencv", 64, 48, 30.0, options=options))


def test_a_driver_of_ones_own_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="'no_such_module:Camera' cannot be imported: no module .* PYTHONPATH"):
        make_camera(config("no_such_module:Camera"))
    with pytest.raises(ConfigError, match="module 'json' has no 'Camera'"):
        make_camera(config("json:Camera"))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("from json import no_such_thing", "importing it fails in .*line 1: cannot import name 'no_such_thing'"),
        ("import pyrealsense3", "imports 'pyrealsense3', which is not: install what brings it"),
        ("import cv2", "imports 'cv2', which is not: cv2 not installed: pip install"),
    ],
)
def test_a_driver_of_ones_own_that_cannot_be_imported_says_where_and_why(
    body: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_broken_camera.py").write_text(body + "\nclass Camera: ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_broken_camera", raising=False)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(
        ConfigError, match=f"camera 'front': driver 'my_broken_camera:Camera' cannot be imported: .*{said}"
    ):
        make_camera(config("my_broken_camera:Camera"))


def test_a_named_driver_whose_package_is_not_installed_says_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DRIVERS, "thermal", "pyrealsense2.no_such:Camera")
    monkeypatch.setitem(sys.modules, "pyrealsense2", None)
    with pytest.raises(CameraError, match=r"camera 'front': pyrealsense2 not installed: pip install"):
        make_camera(config("thermal"))


def test_video_devices_are_listed_with_their_names(tmp_path: Path) -> None:
    for number, name in ((10, "Wrist"), (2, "Front")):
        (tmp_path / f"video{number}").mkdir()
        (tmp_path / f"video{number}" / "name").write_text(name + "\n")
    assert video_devices(tmp_path) == {"/dev/video2": "Front", "/dev/video10": "Wrist"}
