"""Cameras through OpenCV: a USB camera by index, a network stream by URL, or a video file in its place."""

from __future__ import annotations

import logging
import math
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl import extras
from robot_rl.hardware.camera import CameraError, Frame, Intrinsics
from robot_rl.hardware.cameras import calibration, discovery, options
from robot_rl.hardware.cameras.latest import CameraEndedError, CameraLostError, Latest
from robot_rl.hardware.cameras.stamps import kernel_stamp
from robot_rl.hardware.clock import Clock, SystemClock
from robot_rl.hardware.config import CameraConfig, ConfigError

log = logging.getLogger(__name__)

_NETWORK_TIMEOUT_MS = 5000
_MISSES = 3
"""Reads without a picture before a camera counts as lost."""


@dataclass(frozen=True)
class OpenCVOptions:
    """`options` of a camera with driver `opencv`."""

    source: int | str = 0
    """A device index, a URL (rtsp://, http://) or the path of a video file."""
    loop: bool = False
    """A file begins again at its end; otherwise reading it then raises CameraEndedError."""
    resize: bool = False
    """Scale pictures of another size to the configured one; otherwise such a size is an error."""
    fourcc: str = ""
    """Pixel format asked of a device, such as MJPG, which many USB cameras need for full rate."""
    calibration: str = ""
    """A ROS camera_info YAML file."""
    fov: float = 60.0
    """Horizontal field of view [deg] taken where there is no calibration."""


class OpenCVCamera:
    """A thread captures; `read` gives the newest frame, so nothing waits in a buffer.

    Stamps are of the `system` clock: of a device, the kernel's stamp of the buffer where it gives one; of a network
    stream, the time of arrival; of a file, the time when its frame rate says it is due.
    """

    intrinsics: Intrinsics

    def __init__(self, config: CameraConfig, *, clock: Clock | None = None) -> None:
        """
        Raises:
            ConfigError: an unknown option, an unreadable calibration, or depth asked of a colour camera.
        """
        self._config, self._clock = config, clock or SystemClock()
        self._options = options.read(config, OpenCVOptions)
        if config.depth:
            raise ConfigError(f"camera '{config.name}': driver 'opencv' gives no depth; use 'realsense'")
        self.calibrated = bool(self._options.calibration)
        self.intrinsics = self._read_intrinsics()
        self._latest = Latest(config.name)
        self._thread: threading.Thread | None = None
        self._running = threading.Event()
        self._source_size = (config.width, config.height)
        self._frames = 0

    def open(self) -> None:
        """Connect and start streaming. Raises CameraError saying what was found instead."""
        self.close()
        self._latest = Latest(self._config.name)
        capture = self._connect()
        self._check_size(capture)
        self._running.set()
        self._thread = threading.Thread(
            target=self._stream, args=(capture, self._latest), name=f"camera {self._config.name}", daemon=True
        )
        self._thread.start()

    def read(self, timeout: float = 1.0) -> Frame:
        return self._latest.take(timeout)

    def status(self) -> dict[str, Any]:
        return {
            "resolution": f"{self._config.width}x{self._config.height}",
            "rate": self._config.fps,
            "format": "rgb8",
            "clock": "system",
            "calibrated": self.calibrated,
            "source": str(self._options.source),
            "source_resolution": f"{self._source_size[0]}x{self._source_size[1]}",
            "frames": self._frames,
        }

    def close(self) -> None:
        self._running.clear()
        if self._thread is not None:
            self._thread.join(timeout=2.0)
            self._thread = None

    @property
    def _kind(self) -> str:
        source = self._options.source
        if isinstance(source, int):
            return "device"
        return "stream" if "://" in source else "device" if source.startswith("/dev/") else "file"

    def _read_intrinsics(self) -> Intrinsics:
        size = (self._config.width, self._config.height)
        if self._options.calibration:
            return calibration.scaled(calibration.load(self._options.calibration), *size)
        log.warning(
            "camera '%s' is not calibrated: intrinsics are guessed from a field of view of %g degrees",
            self._config.name,
            self._options.fov,
        )
        return calibration.from_fov(*size, self._options.fov)

    def _connect(self) -> Any:
        try:
            import cv2
        except ModuleNotFoundError as error:
            raise CameraError(f"camera '{self._config.name}': {extras.explain(error) or error}") from error
        source, kind = self._options.source, self._kind
        path = f"/dev/video{source}" if isinstance(source, int) else source
        if kind == "device":
            capture = cv2.VideoCapture(path, cv2.CAP_V4L2) if Path(path).exists() else None
            problem = discovery.explain_video(path)
        elif kind == "stream":
            timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, cv2.CAP_PROP_READ_TIMEOUT_MSEC]
            parameters = [x for key in timeouts for x in (key, _NETWORK_TIMEOUT_MS)]
            capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG, parameters)
            problem = f"{path} does not answer with a stream; check address, user and password, and the network"
        else:
            capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG) if Path(path).is_file() else None
            problem = f"{path} is not a video file that can be read" if capture else f"{path}: no such file"
        if capture is None or not capture.isOpened():
            raise CameraError(f"camera '{self._config.name}': {problem}")
        if kind == "device":
            self._configure(cv2, capture)
        return capture

    def _configure(self, cv2: Any, capture: Any) -> None:
        if self._options.fourcc:
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter_fourcc(*self._options.fourcc))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, self._config.width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self._config.height)
        capture.set(cv2.CAP_PROP_FPS, self._config.fps)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)

    def _check_size(self, capture: Any) -> None:
        import cv2

        size = (int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
        wanted = (self._config.width, self._config.height)
        self._source_size = size
        if size != wanted and not self._options.resize:
            capture.release()
            raise CameraError(
                f"camera '{self._config.name}': {self._options.source} gives {size[0]}x{size[1]}, robot.yaml says "
                f"{wanted[0]}x{wanted[1]}: change width and height, or set options.resize: true"
            )

    def _stream(self, capture: Any, latest: Latest) -> None:
        """Capture until closed; runs in the thread, which alone touches `capture` from here on."""
        import cv2

        if self._kind == "file":
            rate = capture.get(cv2.CAP_PROP_FPS)
            period = 1.0 / (rate if math.isfinite(rate) and rate > 0 else self._config.fps)
            due = time.monotonic()
        try:
            while self._running.is_set():
                if self._kind == "file":
                    picture = self._next_of_file(cv2, capture)
                    due = max(due + period, time.monotonic() - 1.0)  # after a stall, catch up at most a second
                    if not self._wait_until(due):
                        return
                else:
                    picture = self._next_live(capture)
                stamp = self._stamp(cv2, capture)
                self._frames += 1
                latest.put(Frame(stamp, self._to_rgb(cv2, picture), number=self._frames, clock="system"))
        except CameraError as error:
            latest.fail(error)
        except cv2.error as error:
            latest.fail(CameraLostError(f"camera '{self._config.name}': {self._options.source} failed: {error}"))
        finally:
            capture.release()

    def _next_live(self, capture: Any) -> NDArray[np.uint8]:
        for _ in range(_MISSES):
            ok, picture = capture.read()
            if ok:
                return picture  # type: ignore[no-any-return]
        raise CameraLostError(f"camera '{self._config.name}': {self._options.source} stopped")

    def _next_of_file(self, cv2: Any, capture: Any) -> NDArray[np.uint8]:
        ok, picture = capture.read()
        if not ok and self._options.loop:
            capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
            ok, picture = capture.read()
        if not ok:
            raise CameraEndedError(
                f"camera '{self._config.name}': {self._options.source} ended after {self._frames} frames; "
                "set options.loop: true to begin again"
            )
        return picture  # type: ignore[no-any-return]

    def _wait_until(self, due: float) -> bool:
        """Sleep until monotonic time `due` [s]; False if closed meanwhile."""
        while (remaining := due - time.monotonic()) > 0.0:
            if not self._running.is_set():
                return False
            time.sleep(min(remaining, 0.1))
        return True

    def _stamp(self, cv2: Any, capture: Any) -> int:
        now = self._clock.now()
        if self._kind != "device":
            return now
        return kernel_stamp(round(capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6), time.monotonic_ns(), now)

    def _to_rgb(self, cv2: Any, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        size = (self._config.width, self._config.height)
        if (picture.shape[1], picture.shape[0]) != size:
            if not self._options.resize:
                raise CameraLostError(
                    f"camera '{self._config.name}': the picture's size changed to {picture.shape[1]}x{picture.shape[0]}"
                )
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        rgb: NDArray[np.uint8] = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
        return rgb
