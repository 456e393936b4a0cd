"""A watch over a camera: measures its rate, says when frames stop, freeze or drop, and reconnects."""

from __future__ import annotations

import logging
import time
import zlib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from robot_rl.hardware.camera import Camera, CameraError, Frame, Intrinsics
from robot_rl.hardware.cameras.latest import CameraEndedError, CameraLostError
from robot_rl.hardware.cameras.options import WATCH
from robot_rl.hardware.config import CameraConfig, ConfigError
from robot_rl.workspace import did_you_mean

log = logging.getLogger(__name__)

_SAMPLED_BYTES = 1 << 16
"""At most about this much of a picture is hashed to tell whether it is the same as the one before."""


@dataclass(frozen=True)
class WatchSettings:
    """`options.watch` of a camera."""

    stop_after: float = 1.0
    """Without a frame for this long [s] the camera counts as stopped and is opened again."""
    freeze_after: float = 2.0
    """Identical pictures for this long [s] count as frozen: a real sensor's noise never repeats. 0 switches it off;
    it is off for simulated cameras, where a still scene gives identical pictures."""
    backoff: float = 0.5
    """Wait before the second attempt to open again [s]; doubled at each further one."""
    longest_backoff: float = 8.0
    """[s]"""

    @classmethod
    def from_config(cls, config: CameraConfig) -> WatchSettings:
        """Read `options.watch`. Raises ConfigError on an unknown key, or what is no number or a negative one."""
        given = config.options.get(WATCH) or {}
        if not isinstance(given, Mapping):
            raise ConfigError(f"camera '{config.name}': options.watch is {given!r}; it must be a mapping")
        known = {f.name for f in fields(cls)}
        for key, value in given.items():
            if key not in known:
                raise ConfigError(f"camera '{config.name}': unknown option 'watch.{key}'.{did_you_mean(key, known)}")
            if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
                raise ConfigError(f"camera '{config.name}': watch.{key} {value!r} must be a number of seconds >= 0")
        return cls(**given)


class WatchedCamera:
    """A camera that survives unplugging. `status()["state"]` is ok, stopped, frozen, reconnecting, ended or closed."""

    def __init__(
        self, make: Callable[[], Camera], config: CameraConfig, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """
        Args:
            make: gives a fresh camera for each attempt to connect.
            monotonic: seconds, for tests.
        """
        self._make, self._config, self._monotonic = make, config, monotonic
        self._settings = WatchSettings.from_config(config)
        self._camera: Camera | None = None
        self._intrinsics: Intrinsics | None = None
        self._state, self._last_error = "closed", ""
        self._frames = self._dropped = self._frozen = self._reconnects = self._attempts = 0
        self._next_attempt = self._last_frame = 0.0
        self._offset = self._number = 0
        self._begin()

    @property
    def intrinsics(self) -> Intrinsics:
        """Raises CameraError before the camera was first open."""
        if self._intrinsics is None:
            raise CameraError(f"camera '{self._config.name}' is not open: call open() first")
        return self._intrinsics

    def open(self) -> None:
        """Connect for the first time. Raises CameraError; no second attempt is made here."""
        self._connect()

    def read(self, timeout: float = 1.0) -> Frame:
        """The next frame; numbers go on counting up through a reconnection.

        Raises:
            CameraError: no new frame within `timeout` [s]. Call again: reconnecting goes on with each call, and
                opening a device may take longer than the timeout.
            CameraEndedError: a recording is over.
        """
        if self._state == "closed":
            raise CameraError(f"camera '{self._config.name}' is not open: call open() first")
        if self._camera is None:
            self._reconnect(timeout)
        camera = self._camera
        if camera is None:
            raise CameraError(f"camera '{self._config.name}': {self._state} after: {self._last_error}")
        try:
            frame = camera.read(timeout)
        except CameraEndedError:
            self._state = "ended"
            raise
        except CameraLostError as error:
            self._let_go("stopped", str(error))
            raise
        except CameraError as error:
            if self._monotonic() - self._last_frame >= self._settings.stop_after:
                self._let_go("stopped", str(error))
            raise
        return self._accept(frame)

    def status(self) -> dict[str, Any]:
        inner = self._camera.status() if self._camera is not None else {}
        return {
            "resolution": f"{self._config.width}x{self._config.height}",
            **inner,
            "state": self._state,
            "rate": round(self._rate(), 2),
            "frames": self._frames,
            "dropped": self._dropped,
            "frozen": self._frozen,
            "reconnects": self._reconnects,
            "last_error": self._last_error,
        }

    def close(self) -> None:
        if self._camera is not None:
            self._camera.close()
            self._camera = None
        self._state = "closed"

    def _begin(self) -> None:
        """Forget what belongs to one connection."""
        self._stamps: deque[int] = deque(maxlen=32)
        self._source_number: int | None = None
        self._hash: int | None = None
        self._same_since = 0

    def _connect(self) -> None:
        camera = self._make()
        camera.open()
        self._camera, self._intrinsics, self._state = camera, camera.intrinsics, "ok"
        self._last_frame, self._offset = self._monotonic(), self._number
        self._begin()

    def _let_go(self, state: str, reason: str) -> None:
        """Let the camera go; the first attempt to get it back is due at once."""
        log.warning("%s; reconnecting", reason)
        self._state, self._last_error, self._attempts = state, reason, 0
        self._next_attempt = self._monotonic()
        if self._camera is not None:
            self._camera.close()
            self._camera = None

    def _reconnect(self, timeout: float) -> None:
        """Try once if an attempt is due within `timeout` [s]."""
        wait = self._next_attempt - self._monotonic()
        if wait > timeout:
            time.sleep(timeout)
            return
        if wait > 0.0:
            time.sleep(wait)
        delay = min(self._settings.backoff * 2**self._attempts, self._settings.longest_backoff)
        self._attempts += 1
        try:
            self._connect()
        except CameraError as error:
            self._next_attempt = self._monotonic() + delay
            self._state, self._last_error = "reconnecting", str(error)
            return
        self._reconnects += 1
        log.info("camera '%s' is back after %d attempts", self._config.name, self._attempts)

    def _accept(self, frame: Frame) -> Frame:
        """Count, compare and renumber one frame. Raises CameraError if the picture is frozen."""
        if self._source_number is not None:
            self._dropped += max(0, frame.number - self._source_number - 1)
        self._source_number = frame.number
        self._last_frame = self._monotonic()
        self._stamps.append(frame.stamp)
        self._frames += 1
        if frame.clock != "simulated" and self._settings.freeze_after > 0.0:
            self._check_frozen(frame)
        self._number = self._offset + frame.number
        return replace(frame, number=self._number)

    def _check_frozen(self, frame: Frame) -> None:
        value = fingerprint(frame)
        if value != self._hash:
            self._hash, self._same_since = value, frame.stamp
            return
        still = (frame.stamp - self._same_since) * 1e-9
        if still >= self._settings.freeze_after:
            self._frozen += 1
            reason = f"camera '{self._config.name}': the picture has not changed for {still:.1f} s"
            self._let_go("frozen", reason)
            raise CameraError(f"{reason}; reconnecting")

    def _rate(self) -> float:
        span = self._stamps[-1] - self._stamps[0] if len(self._stamps) > 1 else 0
        return (len(self._stamps) - 1) / (span * 1e-9) if span > 0 else 0.0


def fingerprint(frame: Frame) -> int:
    """A checksum over a regular grid of pixels, dense enough that sensor noise always changes it."""
    rows, columns = frame.color.shape[:2]
    step = max(1, round((rows * columns * 3 / _SAMPLED_BYTES) ** 0.5))
    return zlib.crc32(frame.color[::step, ::step].tobytes())
