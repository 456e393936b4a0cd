"""From a camera's configuration to its driver, imported only when it is made."""

from __future__ import annotations

import importlib
from typing import Any

from robot_rl import extras
from robot_rl.hardware.camera import Camera, CameraError
from robot_rl.hardware.cameras.drivers import DRIVERS
from robot_rl.hardware.config import CameraConfig, ConfigError
from robot_rl.hardware.plugin import import_failure, load_class
from robot_rl.workspace import did_you_mean


def make_camera(config: CameraConfig, **resources: Any) -> Camera:
    """The camera that a configuration describes; call `open()` on it.

    Args:
        config: `config.driver` is a name in DRIVERS, or `module:Class` for a driver of one's own, which is called
            with the configuration.
        resources: what a driver needs beyond its configuration: for `mujoco` the renderer and the scene's state.

    Raises:
        ConfigError: no such driver, one that cannot be loaded, or options that it does not take.
        CameraError: the driver's package is not installed.
    """
    path = DRIVERS.get(config.driver, config.driver)
    module, _, name = path.partition(":")
    if not name:
        raise ConfigError(f"camera '{config.name}': no driver '{config.driver}'.{did_you_mean(config.driver, DRIVERS)}")
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        why = import_failure(module, error)
        hint = extras.explain(error) or f"driver '{config.driver}' cannot be imported: {why}"
        raise CameraError(f"camera '{config.name}': {hint}") from error
    driver = load_class(path, f"camera '{config.name}': driver")
    camera: Camera = driver(config, **resources)
    return camera
