"""Intrinsics from calibration files and from a field of view."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml

from robot_rl.hardware.camera import Intrinsics
from robot_rl.hardware.cameras import calibration
from robot_rl.hardware.config import ConfigError

ROS = {
    "image_width": 640,
    "image_height": 480,
    "camera_name": "front",
    "distortion_model": "plumb_bob",
    "camera_matrix": {"rows": 3, "cols": 3, "data": [600.0, 0, 319.5, 0, 610.0, 239.5, 0, 0, 1]},
    "distortion_coefficients": {"rows": 1, "cols": 5, "data": [0.1, -0.2, 0.001, 0.002, 0.0]},
}


def written(path: Path, **change: object) -> str:
    file = path / "front.yaml"
    file.write_text(yaml.safe_dump({k: v for k, v in {**ROS, **change}.items() if v is not None}))
    return str(file)


def test_a_ros_calibration_is_read(tmp_path: Path) -> None:
    expected = Intrinsics(640, 480, 600.0, 610.0, 319.5, 239.5, (0.1, -0.2, 0.001, 0.002, 0.0))
    assert calibration.load(written(tmp_path)) == expected


def test_a_calibration_is_found_from_the_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hardware" / "my_arm").mkdir(parents=True)
    written(tmp_path / "hardware" / "my_arm")
    monkeypatch.setenv("ROBOT_RL_WORKSPACE", str(tmp_path))
    assert calibration.load("hardware/my_arm/front.yaml").fx == 600.0


def test_halving_the_picture_halves_the_focal_lengths_and_keeps_the_centre_central(tmp_path: Path) -> None:
    half = calibration.scaled(calibration.load(written(tmp_path)), 320, 240)
    assert (half.fx, half.fy, half.cx, half.cy) == (300.0, 305.0, 159.5, 119.5)
    assert half.distortion == (0.1, -0.2, 0.001, 0.002, 0.0)


def test_a_field_of_view_of_90_degrees_has_a_focal_length_of_half_the_width() -> None:
    guess = calibration.from_fov(640, 480, 90.0)
    assert guess.fx == guess.fy == pytest.approx(320.0)
    assert (guess.cx, guess.cy) == (319.5, 239.5)


@pytest.mark.parametrize("fov", [0.0, 180.0, math.nan])
def test_an_impossible_field_of_view_is_refused(fov: float) -> None:
    with pytest.raises(ConfigError, match="between 0 and 180"):
        calibration.from_fov(640, 480, fov)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"camera_matrix": None}, "'camera_matrix' is missing"),
        ({"camera_matrix": {"data": [1.0]}}, "must hold 9 numbers"),
        ({"camera_matrix": {"data": [math.nan] * 9}}, "not finite"),
        ({"distortion_model": "equidistant"}, "'equidistant' is not supported, only plumb_bob"),
        ({"image_width": None}, "'image_width' is missing"),
    ],
)
def test_a_wrong_calibration_is_refused(tmp_path: Path, change: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        calibration.load(written(tmp_path, **change))


def test_a_missing_calibration_is_named() -> None:
    with pytest.raises(ConfigError, match=r"calibration 'hardware/nobody/x.yaml': no such file"):
        calibration.load("hardware/nobody/x.yaml")
