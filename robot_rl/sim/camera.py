"""A camera in a simulated scene, for use in the same process as the simulation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from robot_rl.hardware.camera import Camera, CameraError, Frame, Intrinsics
from robot_rl.hardware.config import CameraConfig, ConfigError, RobotConfig
from robot_rl.hardware.robot import Robot, SceneState, Simulated
from robot_rl.settings.typed import fill
from robot_rl.sim.renderer import SceneRenderer

_POLL = 0.002  # [s]


@dataclass(frozen=True)
class MujocoOptions:
    """`options` of a camera with driver `mujoco`; nothing watches over it, so that `watch` is none of them."""

    camera: str = ""
    """The camera of the scene; by default the one of the same name."""


def scene_camera(config: CameraConfig) -> str:
    """Name in the scene of a camera with driver `mujoco`. Raises ConfigError on options that it does not take."""
    where = f"camera '{config.name}' (mujoco): options"
    return fill(MujocoOptions, config.options, where, error=ConfigError).camera or config.name


class MujocoCamera:
    """Camera over a SceneRenderer: a frame is due whenever the scene has moved on by one frame period.

    Args:
        config: name, size, rate, depth and MujocoOptions.
        renderer: of the scene; may be shared by cameras of one thread.
        state: gives the newest state of the scene, or None before there is one.
    """

    def __init__(self, config: CameraConfig, renderer: SceneRenderer, state: Callable[[], SceneState | None]) -> None:
        self._config, self._renderer, self._state = config, renderer, state
        self._scene_camera = scene_camera(config)
        self._period = round(1e9 / config.fps)
        self._first: int | None = None
        self._last: int | None = None
        self._frames = 0
        self._dropped = 0
        self.intrinsics: Intrinsics

    def open(self) -> None:
        """Look the camera up. Raises CameraError if the scene has none of this name."""
        self.intrinsics = self._renderer.intrinsics(self._scene_camera, self._config.width, self._config.height)

    def read(self, timeout: float = 1.0) -> Frame:
        """The frame of the newest state, once it is due; waits up to `timeout` [s] of wall time, else CameraError.

        A scene advanced in this very thread cannot move while waiting: use `timeout=0` there.
        """
        deadline = time.monotonic() + timeout
        while (state := self._due()) is None:
            if time.monotonic() >= deadline:
                raise CameraError(
                    f"camera '{self._config.name}': the scene has not moved on by a frame period "
                    f"({self._period * 1e-6:g} ms) in {timeout:g} s; step the simulation, or read less often"
                )
            time.sleep(_POLL)
        return self._take(state)

    def capture(self) -> Frame:
        """The newest state's frame, at once and whether or not a frame is due. Raises CameraError before any state."""
        state = self._state()
        if state is None:
            raise CameraError(f"camera '{self._config.name}': the scene has no state yet; reset the simulation")
        return self._take(state)

    def status(self) -> dict[str, Any]:
        """Frames, their rate in simulated time, and how many periods passed without a frame being asked for."""
        span = (self._last or 0) - (self._first or 0)
        return {
            "resolution": f"{self._config.width}x{self._config.height}",
            "rate": (self._frames - 1) / (span * 1e-9) if span else 0.0,
            "format": "rgb8+16UC1" if self._config.depth else "rgb8",
            "clock": "simulated",
            "frames": self._frames,
            "dropped": self._dropped,
            "frozen": 0,
            "reconnects": 0,
        }

    def close(self) -> None:
        """Nothing to release: the renderer belongs to whoever made it."""

    def _due(self) -> SceneState | None:
        state = self._state()
        if state is None:
            return None
        # Half a period of tolerance: control periods and frame periods need not share a grid.
        early = self._last is not None and state.stamp < self._last + self._period - self._period // 2
        return None if early else state

    def _take(self, state: SceneState) -> Frame:
        if self._last is None:
            self._first = state.stamp
        else:
            self._dropped += max(0, int((state.stamp - self._last) / self._period + 0.5) - 1)
        self._last = state.stamp
        self._frames += 1
        size = (self._config.width, self._config.height)
        number = self._frames + self._dropped
        if self._config.depth:
            color, depth = self._renderer.render(state.qpos, self._scene_camera, *size, depth=True)
            return Frame(state.stamp, color, depth, number=number, clock="simulated")
        color = self._renderer.render(state.qpos, self._scene_camera, *size)
        return Frame(state.stamp, color, number=number, clock="simulated")


@contextmanager
def scene_cameras(setup: RobotConfig, robot: Robot, names: Sequence[str]) -> Iterator[Mapping[str, Camera]]:
    """Open cameras of a configuration in its robot's scene, with one renderer for all of them.

    Raises:
        ConfigError: the robot is not simulated.
    """
    if not names:
        yield {}
        return
    if not isinstance(robot, Simulated):
        raise ConfigError(f"robot '{setup.name}' is not simulated: {', '.join(names)} cannot be rendered")
    renderer = SceneRenderer(robot.scene_xml())
    try:
        cameras = {n: MujocoCamera(setup.cameras[n], renderer, robot.scene_state) for n in names}
        for camera in cameras.values():
            camera.open()
        yield cameras
    finally:
        renderer.close()
