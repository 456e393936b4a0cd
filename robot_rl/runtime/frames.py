"""The newest picture of each camera, for a control loop that may not wait for one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from robot_rl.hardware.camera import CameraError, Frame


@runtime_checkable
class Capturing(Protocol):
    """A camera that can take a picture at this very moment, as a rendered one can."""

    def capture(self) -> Frame: ...


class FrameSource(Protocol):
    """What is asked of a camera that is open."""

    def read(self, timeout: float = 1.0) -> Frame:
        """The next frame not yet returned; waits up to `timeout` [s], then raises CameraError."""
        ...


class Frames:
    """Cameras that are open, and the newest frame of each.

    Args:
        patience: a camera without a new frame for this long [s] is an error.
    """

    def __init__(self, cameras: Mapping[str, FrameSource], *, patience: float = 1.0) -> None:
        self._cameras = dict(cameras)
        self._patience = round(patience * 1e9)
        self._newest: dict[str, Frame] = {}

    @property
    def images(self) -> dict[str, NDArray[Any]]:
        """The newest colour picture (H, W, 3) of each camera."""
        return {name: frame.color for name, frame in self._newest.items()}

    def begin(self, start: int) -> Iterator[tuple[str, Frame]]:
        """A first frame of each camera taken at `start` [ns] or later; waits for it. Raises CameraError."""
        for name, camera in self._cameras.items():
            frame = camera.capture() if isinstance(camera, Capturing) else _next(camera, start, self._patience)
            self._newest[name] = frame
            yield name, frame

    def poll(self, now: int) -> Iterator[tuple[str, Frame]]:
        """The frames that have come since; never waits.

        Raises:
            CameraError: a camera has given nothing for longer than the patience.
        """
        for name, camera in self._cameras.items():
            try:
                frame = camera.read(timeout=0.0)
            except CameraError as error:
                silent = now - self._newest[name].stamp
                if silent > self._patience:
                    raise CameraError(
                        f"camera '{name}' has given no frame for {silent * 1e-9:.1f} s: {error}"
                    ) from error
                continue
            self._newest[name] = frame
            yield name, frame


def _next(camera: FrameSource, start: int, patience: int) -> Frame:
    """The first frame taken at `start` or later; older ones lay in a buffer."""
    frame = camera.read(timeout=patience * 1e-9)
    while frame.stamp < start:
        frame = camera.read(timeout=patience * 1e-9)
    return frame


def streams(name: str, frame: Frame) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """The streams that one frame is recorded as: `<name>`, and `<name>_depth` where there is depth."""
    yield name, frame.color
    if frame.depth is not None:
        yield f"{name}_depth", frame.depth
