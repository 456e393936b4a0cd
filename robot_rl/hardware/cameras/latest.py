"""Hand-over of frames from a capture thread: only the newest is kept, so that a slow reader never sees an old one."""

from __future__ import annotations

import threading
import time

from robot_rl.hardware.camera import CameraError, Frame


class CameraLostError(CameraError):
    """The camera is gone: waiting brings no frame, opening it again may."""


class CameraEndedError(CameraError):
    """A recording has come to its end: there will be no further frame."""


class Latest:
    """Holds the newest frame until it is taken."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._error: CameraError | None = None

    def put(self, frame: Frame) -> None:
        with self._changed:
            self._frame = frame
            self._changed.notify_all()

    def fail(self, error: CameraError) -> None:
        """No frame will follow; the one still held is given out first."""
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def take(self, timeout: float) -> Frame:
        """The newest frame not yet taken; waits up to `timeout` [s], then raises CameraError."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while self._frame is None:
                if self._error is not None:
                    raise self._error
                remaining = deadline - time.monotonic()
                if remaining <= 0.0:
                    raise CameraError(f"camera '{self._name}': no frame within {timeout:g} s")
                self._changed.wait(remaining)
            frame, self._frame = self._frame, None
            return frame
