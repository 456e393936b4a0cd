"""The cameras of a robot as `robot-rl info` tells of them: checked as a launch checks them, but none is opened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from robot_rl import extras
from robot_rl.hardware.camera import CameraError
from robot_rl.hardware.cameras.drivers import DRIVERS
from robot_rl.hardware.cameras.options import WATCH
from robot_rl.hardware.cameras.registry import make_camera
from robot_rl.hardware.cameras.watch import WatchSettings
from robot_rl.hardware.config import CameraConfig, ConfigError, RobotConfig


def camera_lines(robot: RobotConfig) -> Iterator[str]:
    """Of each camera its driver, size, rate and options, and what its driver lacks on this computer.

    A driver of one's own is not imported: its options are its own business.

    Raises:
        ConfigError: a camera's driver does not take its options; the message names the file.
    """
    for camera in robot.cameras.values():
        try:
            lacking = _check(camera)
        except ConfigError as error:
            raise ConfigError(f"{robot.path}: {error}") from None
        depth = " with depth" if camera.depth else ""
        size = f"{camera.width}x{camera.height} at {camera.fps:g} Hz{depth}"
        options = ", ".join(f"{key} {value}" for key, value in _options(camera).items())
        yield f"camera {camera.name}: {camera.driver} {size}" + (f"; {options}" if options else "")
        if lacking:
            yield f"  not on this computer: {lacking}"


def _check(camera: CameraConfig) -> str:
    """What is not installed, if anything. Raises ConfigError."""
    if camera.driver != "mujoco":
        WatchSettings.from_config(camera)
    try:
        if camera.driver == "mujoco":
            from robot_rl.sim.camera import scene_camera

            scene_camera(camera)
        elif camera.driver in DRIVERS:
            make_camera(camera)
            if camera.driver == "opencv":  # imports it only when the camera is opened
                extras.require("camera")
    except extras.MissingExtraError as error:
        return f"camera '{camera.name}': {error}"
    except CameraError as error:
        return str(error)
    except ModuleNotFoundError as error:
        return extras.explain(error) or str(error)
    return ""


def _options(camera: CameraConfig) -> dict[str, Any]:
    """The options as given, and which device is taken where they do not say."""
    device: dict[str, Any] = {"opencv": {"source": 0}, "realsense": {"serial": "of the only one plugged in"}}
    given = {k: v for k, v in camera.options.items() if k != WATCH and v != ""}
    watch = camera.options.get(WATCH) or {}
    return {**device.get(camera.driver, {}), **given, **{f"{WATCH}.{k}": v for k, v in watch.items()}}
