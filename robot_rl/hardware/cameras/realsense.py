"""Intel RealSense cameras through pyrealsense2: colour, depth aligned to it, hardware stamps, chosen by serial number.

The streams are taken from the device's sensors through the SDK's own syncer and alignment, so the SDK's
`software_device` (see robot_rl.hardware.cameras.simulated) drives this very code without a camera.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl import extras
from robot_rl.hardware.camera import CameraError, Frame, Intrinsics
from robot_rl.hardware.cameras import options
from robot_rl.hardware.cameras.latest import CameraLostError
from robot_rl.hardware.cameras.stamps import ClockMap, SystemStamps
from robot_rl.hardware.clock import Clock, SystemClock
from robot_rl.hardware.config import CameraConfig
from robot_rl.workspace import did_you_mean

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RealSenseOptions:
    """`options` of a camera with driver `realsense`."""

    serial: str = ""
    """Serial number, quoted in YAML; needed where more than one camera is plugged in."""


class RealSenseCamera:
    """Colour as rgb8; depth in millimetres, reprojected into the colour picture.

    Stamps come from the device: `hardware` where its own clock was mapped to system time (see ClockMap), `system`
    where the SDK had already done so (its "global time") or stamps on arrival.
    """

    intrinsics: Intrinsics

    def __init__(
        self,
        config: CameraConfig,
        *,
        clock: Clock | None = None,
        devices: Callable[[], Sequence[Any]] | None = None,
    ) -> None:
        """
        Args:
            devices: gives the SDK's devices to choose from; by default those plugged in.

        Raises:
            ConfigError: an unknown option, or a value of the wrong kind.
            CameraError: pyrealsense2 is not installed, or does not load.
        """
        self._config, self._clock = config, clock or SystemClock()
        self._serial = options.read(config, RealSenseOptions).serial
        self._rs = _import_sdk(config.name)
        self._devices = devices or (lambda: list(self._rs.context().query_devices()))
        self._sensors: list[Any] = []
        self._device: Any = None
        self._queue: Any = None
        self._align: Any = None
        self._clock_map, self._system_stamps = ClockMap(), SystemStamps()
        self._frames = self._unmatched = 0
        self._stamp_clock = "hardware"
        self._depth_size = ""

    def open(self) -> None:
        """Connect and start streaming. Raises CameraError with the cameras or the picture sizes there are."""
        self.close()
        rs = self._rs
        try:
            self._device = self._choose()
            wanted = [(rs.stream.color, rs.format.rgb8)]
            if self._config.depth:
                wanted.append((rs.stream.depth, rs.format.z16))
                self._queue, self._align = rs.syncer(), rs.align(rs.stream.color)
            else:
                self._queue = rs.frame_queue(1)
            chosen = [self._profile(*w) for w in wanted]
            self.intrinsics = _intrinsics(rs, chosen[0][1].as_video_stream_profile().get_intrinsics())
            self._start(chosen)
        except RuntimeError as error:
            self.close()
            if isinstance(error, CameraError):
                raise
            raise CameraError(f"camera '{self._config.name}': {error}. {_USB_HINT}") from error
        self._clock_map, self._system_stamps = ClockMap(), SystemStamps()

    def read(self, timeout: float = 1.0) -> Frame:
        """The next frame; with depth, the next pair taken together. Raises CameraError after `timeout` [s]."""
        if self._queue is None:
            raise CameraError(f"camera '{self._config.name}' is not open: call open() first")
        deadline = time.monotonic() + timeout
        while True:
            milliseconds = max(0, round((deadline - time.monotonic()) * 1e3))
            color, depth = self._wait(milliseconds)
            arrival = self._clock.now()
            if color is not None and (depth is not None or not self._config.depth):
                return self._frame(color, depth, arrival)
            if milliseconds == 0:
                raise self._silent(timeout)

    def status(self) -> dict[str, Any]:
        return {
            "resolution": f"{self._config.width}x{self._config.height}",
            "rate": self._config.fps,
            "format": "rgb8 and depth [mm]" if self._config.depth else "rgb8",
            "clock": self._stamp_clock,
            "calibrated": True,
            "serial": self._info("serial_number"),
            "model": self._info("name"),
            "depth_resolution": self._depth_size,
            "frames": self._frames,
            "unmatched": self._unmatched,
        }

    def close(self) -> None:
        for sensor in self._sensors:
            try:
                sensor.stop()
                sensor.close()
            except RuntimeError as error:  # the SDK's way of saying that the device is gone
                log.debug("camera '%s': %s", self._config.name, error)
        self._sensors, self._queue, self._align, self._device = [], None, None, None

    def _choose(self) -> Any:
        rs, found = self._rs, {}
        for device in self._devices():
            found[device.get_info(rs.camera_info.serial_number)] = device
        listed = ", ".join(f"{d.get_info(rs.camera_info.name)} ({s})" for s, d in found.items())
        if not found:
            raise CameraError(f"camera '{self._config.name}': no RealSense is plugged in. {_USB_HINT}")
        if self._serial and self._serial not in found:
            raise CameraError(
                f"camera '{self._config.name}': no RealSense with serial '{self._serial}'. Found: {listed}."
            )
        if not self._serial and len(found) > 1:
            raise CameraError(f"camera '{self._config.name}': options.serial must say which of these: {listed}")
        return found[self._serial] if self._serial else next(iter(found.values()))

    def _profile(self, stream: Any, form: Any) -> tuple[Any, Any]:
        """The sensor and the stream profile of the configured size and rate; depth may have another size."""
        fps, size = round(self._config.fps), (self._config.width, self._config.height)
        offers: list[tuple[int, int, int, Any, Any]] = []
        for sensor in self._device.query_sensors():
            for profile in sensor.get_stream_profiles():
                if profile.stream_type() == stream and profile.format() == form:
                    video = profile.as_video_stream_profile()
                    offers.append((video.width(), video.height(), profile.fps(), sensor, profile))
        exact = [o for o in offers if o[:3] == (*size, fps)]
        if not exact and stream == self._rs.stream.depth:  # alignment brings any size to that of the colour
            exact = sorted((o for o in offers if o[2] == fps), key=lambda o: abs(o[0] - size[0]))
        if not exact:
            sizes = [f"{w}x{h} at {f} Hz" for w, h, f, _, _ in offers]
            hint = did_you_mean(f"{size[0]}x{size[1]} at {fps} Hz", set(sizes))
            raise CameraError(
                f"camera '{self._config.name}': no {stream.name} of {size[0]}x{size[1]} at {fps} Hz.{hint}"
            )
        width, height, _, sensor, profile = exact[0]
        if stream == self._rs.stream.depth:
            self._depth_size = f"{width}x{height}"
        return sensor, profile

    def _start(self, chosen: Sequence[tuple[Any, Any]]) -> None:
        """Open each sensor once with all its profiles: on some models one sensor gives both streams."""
        by_sensor: dict[str, tuple[Any, list[Any]]] = {}
        for sensor, profile in chosen:
            key = sensor.get_info(self._rs.camera_info.name)
            by_sensor.setdefault(key, (sensor, []))[1].append(profile)
        for sensor, profiles in by_sensor.values():
            sensor.open(profiles)
            self._sensors.append(sensor)
        for sensor in self._sensors:
            sensor.start(self._queue)

    def _wait(self, milliseconds: int) -> tuple[Any, Any]:
        """The colour frame and the depth frame aligned to it, each None if it did not come."""
        if self._align is None:
            ok, frame = self._queue.try_wait_for_frame(milliseconds)
            return (frame.as_video_frame() if ok else None), None
        ok, frames = self._queue.try_wait_for_frames(milliseconds)
        if not ok:
            return None, None
        pair = frames.as_frameset()
        if not (pair.get_color_frame() and pair.get_depth_frame()):
            self._unmatched += 1
            return None, None
        aligned = self._align.process(pair)
        return aligned.get_color_frame(), aligned.get_depth_frame()

    def _frame(self, color: Any, depth: Any, arrival: int) -> Frame:
        device = round(color.get_timestamp() * 1e6)  # [ms] to [ns]
        if color.get_frame_timestamp_domain() == self._rs.timestamp_domain.hardware_clock:
            stamp, believed = self._clock_map.map(device, arrival), False
        else:
            stamp, believed = self._system_stamps.stamp(device, arrival)
        self._stamp_clock = "system" if believed else "hardware"
        self._frames += 1
        return Frame(
            stamp=stamp,
            color=np.array(color.get_data(), dtype=np.uint8),
            depth=None if depth is None else millimetres(np.asarray(depth.get_data()), depth.get_units()),
            number=color.get_frame_number(),
            clock=self._stamp_clock,
        )

    def _silent(self, timeout: float) -> CameraError:
        if self._device is not None and not self._device.is_connected():
            return CameraLostError(f"camera '{self._config.name}': the RealSense was unplugged")
        what = "pair of colour and depth" if self._config.depth else "frame"
        return CameraError(f"camera '{self._config.name}': no {what} within {timeout:g} s. {_USB_HINT}")

    def _info(self, name: str) -> str:
        key = getattr(self._rs.camera_info, name)
        if self._device is None or not self._device.supports(key):
            return ""
        return str(self._device.get_info(key))


_USB_HINT = "Check the cable and that the port is USB 3; `rs-enumerate-devices` lists cameras."


def millimetres(depth: NDArray[np.uint16], units: float) -> NDArray[np.uint16]:
    """Raw depth (H, W) in `units` [m] to whole millimetres; what does not fit 16 bits becomes 0, unknown."""
    factor = units * 1e3
    if abs(factor - 1.0) < 1e-6:
        return np.array(depth, dtype=np.uint16)
    scaled = np.round(depth * factor)
    return np.where(scaled > np.iinfo(np.uint16).max, 0, scaled).astype(np.uint16)


def _intrinsics(rs: ModuleType, sdk: Any) -> Intrinsics:
    k1, k2, p1, p2, k3 = (float(c) for c in sdk.coeffs)
    plain = (rs.distortion.none, rs.distortion.brown_conrady)
    if sdk.model not in plain and any((k1, k2, p1, p2, k3)):
        log.warning("RealSense distortion model %s is passed on as if it were Brown-Conrady", sdk.model)
    return Intrinsics(sdk.width, sdk.height, sdk.fx, sdk.fy, sdk.ppx, sdk.ppy, (k1, k2, p1, p2, k3))


def _import_sdk(name: str) -> ModuleType:
    try:
        import pyrealsense2 as rs
    except ModuleNotFoundError as error:
        raise CameraError(f"camera '{name}': {extras.explain(error) or error}") from error
    except ImportError as error:
        raise CameraError(f"camera '{name}': pyrealsense2 does not load: {error}: apt install libusb-1.0-0") from error
    sdk: ModuleType = rs
    return sdk
