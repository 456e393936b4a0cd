"""Making cameras by driver name."""

from __future__ import annotations

import re
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
    with pytest.raises(CameraError, match="'no_such_module:Camera' cannot be imported: no module .* PYTHONPATH"):
        make_camera(config("no_such_module:Camera"))
    with pytest.raises(ConfigError, match="module 'json' has no 'Camera'"):
        make_camera(config("json:Camera"))


def test_video_devices_are_listed_with_their_names(tmp_path: Path) -> None:
    for number, name in ((10, "Wrist"), (2, "Front")):
        (tmp_path / f"video{number}").mkdir()
        (tmp_path / f"video{number}" / "name").write_text(name + "\n")
    assert video_devices(tmp_path) == {"/dev/video2": "Front", "/dev/video10": "Wrist"}
