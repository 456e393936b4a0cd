"""From a camera's configuration to its driver, imported only when it is made."""

from __future__ import annotations

from typing import Any

from robot_rl import extras
from robot_rl.hardware.camera import Camera, CameraError
from robot_rl.hardware.cameras.drivers import DRIVERS
from robot_rl.hardware.config import CameraConfig, ConfigError
from robot_rl.hardware.plugin import load_class
from robot_rl.workspace import did_you_mean


def make_camera(config: CameraConfig, **resources: Any) -> Camera:
    """The camera that a configuration describes; call `open()` on it.

    Args:
        config: `config.driver` is a name in DRIVERS, or `module:Class` for a driver of one's own, which is called
            with the configuration.
        resources: what a driver needs beyond its configuration: for `mujoco` the renderer and the scene's state.

    Raises:
        ConfigError: no such driver, one that cannot be loaded, or options that it does not take.
        CameraError: the package of a named driver is not installed.
    """
    path = DRIVERS.get(config.driver, config.driver)
    if ":" not in path:
        raise ConfigError(f"camera '{config.name}': no driver '{config.driver}'.{did_you_mean(config.driver, DRIVERS)}")
    camera: Camera = _driver(config, path)(config, **resources)
    return camera


def _driver(config: CameraConfig, path: str) -> Any:
    """The class at `path`, module:Class. Raises as `make_camera`."""
    try:
        return load_class(path, f"camera '{config.name}': driver")
    except ConfigError as error:
        cause = error.__cause__
        hint = extras.explain(cause) if isinstance(cause, ModuleNotFoundError) else None
        if config.driver in DRIVERS and hint:
            raise CameraError(f"camera '{config.name}': {hint}") from cause
        raise
