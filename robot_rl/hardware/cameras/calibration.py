"""Intrinsics of a camera whose SDK does not tell them: from a calibration file, or guessed from the field of view."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from robot_rl import workspace
from robot_rl.hardware.camera import Intrinsics
from robot_rl.hardware.config import ConfigError
from robot_rl.settings import yaml_text

log = logging.getLogger(__name__)


def from_fov(width: int, height: int, fov: float) -> Intrinsics:
    """A pinhole without distortion, square pixels and the centre in the middle.

    Args:
        fov: horizontal field of view [deg]. f = (width / 2) / tan(fov / 2).

    Raises:
        ConfigError: the field of view is not between 0 and 180.
    """
    if not 0.0 < fov < 180.0:
        raise ConfigError(f"field of view {fov} must lie between 0 and 180 degrees")
    focal = 0.5 * width / math.tan(math.radians(fov) / 2)
    return Intrinsics(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2)


def load(path: str) -> Intrinsics:
    """Read a calibration in the format of ROS camera_info YAML, as `camera_calibration` writes it.

    Args:
        path: absolute, or from the workspace, such as `hardware/my_arm/front.yaml`.

    Raises:
        ConfigError: no such file, a missing entry, or a distortion model other than plumb_bob.
    """
    file = _find(Path(path))
    try:
        data = yaml_text.load(file.read_text())
    except (OSError, yaml_text.YAMLError) as error:
        raise ConfigError(f"calibration {file}: not readable: {error}") from None
    matrix = _numbers(data, "camera_matrix", 9, file)
    model = data.get("distortion_model", "plumb_bob")
    if model != "plumb_bob":
        raise ConfigError(f"calibration {file}: distortion_model '{model}' is not supported, only plumb_bob")
    k1, k2, p1, p2, k3 = _numbers(data, "distortion_coefficients", 5, file)
    width, height = (int(_entry(data, key, file)) for key in ("image_width", "image_height"))
    return Intrinsics(width, height, matrix[0], matrix[4], matrix[2], matrix[5], (k1, k2, p1, p2, k3))


def scaled(intrinsics: Intrinsics, width: int, height: int) -> Intrinsics:
    """The intrinsics of the same picture resized; pixel centres lie at whole numbers, as in OpenCV.

    A picture resized to another shape gets unequal focal lengths, as it should.
    """
    sx, sy = width / intrinsics.width, height / intrinsics.height
    return replace(
        intrinsics,
        width=width,
        height=height,
        fx=intrinsics.fx * sx,
        fy=intrinsics.fy * sy,
        cx=(intrinsics.cx + 0.5) * sx - 0.5,
        cy=(intrinsics.cy + 0.5) * sy - 0.5,
    )


def _find(path: Path) -> Path:
    found = path if path.is_absolute() else workspace.find(str(path.parent.parent), path.parent.name, path.name)
    if found is None or not found.is_file():
        raise ConfigError(f"calibration '{path}': no such file; give it from the workspace, as hardware/my_arm/x.yaml")
    return found


def _entry(data: Any, key: str, file: Path) -> Any:
    if not isinstance(data, dict) or key not in data:
        raise ConfigError(f"calibration {file}: '{key}' is missing; expected a ROS camera_info file")
    return data[key]


def _numbers(data: Any, key: str, count: int, file: Path) -> list[float]:
    values = _entry(_entry(data, key, file), "data", file)
    if not isinstance(values, list) or len(values) != count:
        raise ConfigError(f"calibration {file}: '{key}.data' must hold {count} numbers, got {values!r}")
    numbers = [float(v) for v in values]
    if not all(math.isfinite(n) for n in numbers):
        raise ConfigError(f"calibration {file}: '{key}.data' holds a number that is not finite: {numbers}")
    return numbers
