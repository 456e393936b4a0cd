"""Checking a camera's `options` in robot.yaml against what its driver takes."""

from __future__ import annotations

from dataclasses import fields
from typing import TypeVar

from robot_rl.hardware.config import CameraConfig, ConfigError
from robot_rl.settings.typed import fill, refuse_unknown

T = TypeVar("T")

WATCH = "watch"
"""The key under `options` that belongs to WatchedCamera, whatever the device."""


def read(config: CameraConfig, into: type[T]) -> T:
    """The options as the driver's own dataclass. Raises ConfigError on a key it does not have, or a value of the wrong
    kind."""
    known = {f.name for f in fields(into)}  # type: ignore[arg-type]
    refuse_unknown(config.options, known | {WATCH}, f"camera '{config.name}' ({config.driver}): ", ConfigError)
    given = {k: v for k, v in config.options.items() if k != WATCH}
    return fill(into, given, f"camera '{config.name}': options", error=ConfigError)
