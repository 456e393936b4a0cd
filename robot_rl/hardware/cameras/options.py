"""Checking a camera's `options` in robot.yaml against what its driver takes."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

from robot_rl.hardware.config import CameraConfig, ConfigError
from robot_rl.workspace import did_you_mean

T = TypeVar("T")

WATCH = "watch"
"""The key under `options` that belongs to WatchedCamera, whatever the driver."""


def read(config: CameraConfig, into: type[T]) -> T:
    """The options as the driver's own dataclass. Raises ConfigError on a key it does not have."""
    known = {f.name for f in fields(into)}  # type: ignore[arg-type]
    given: dict[str, Any] = {k: v for k, v in config.options.items() if k != WATCH}
    for key in given:
        if key not in known:
            hint = did_you_mean(key, known | {WATCH})
            raise ConfigError(f"camera '{config.name}' ({config.driver}): unknown option '{key}'.{hint}")
    return into(**given)
