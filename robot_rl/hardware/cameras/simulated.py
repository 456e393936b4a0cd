"""Simulated twin of a RealSense: the SDK's own software device, fed with pictures, so that the real driver runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyrealsense2 as rs
from numpy.typing import NDArray


class SimulatedRealSense:
    """A device with a colour and a depth sensor. Pass `lambda: [twin.device]` as `devices` of RealSenseCamera."""

    def __init__(
        self,
        serial: str = "000000000001",
        size: tuple[int, int] = (64, 48),
        *,
        fps: int = 30,
        focal: float = 50.0,
        depth_units: float = 0.001,
        baseline: float = 0.0,
    ) -> None:
        """
        Args:
            size: width and height of both pictures.
            focal: focal length of both [px], with the centre in the middle.
            depth_units: metres a raw depth count stands for.
            baseline: how far the colour camera sits to the right of the depth camera [m].
        """
        self._size, self._units = size, depth_units
        self.device = rs.software_device()
        self.device.register_info(rs.camera_info.serial_number, serial)
        self.device.register_info(rs.camera_info.name, "Simulated RealSense")
        self._depth = self.device.add_sensor("Stereo Module")
        self._color = self.device.add_sensor("RGB Camera")
        self._depth_profile = self._depth.add_video_stream(self._stream(rs.stream.depth, rs.format.z16, 2, fps, focal))
        self._color_profile = self._color.add_video_stream(self._stream(rs.stream.color, rs.format.rgb8, 3, fps, focal))
        self._depth.add_read_only_option(rs.option.depth_units, depth_units)
        to_color = rs.extrinsics()
        to_color.rotation = [1, 0, 0, 0, 1, 0, 0, 0, 1]
        to_color.translation = [-baseline, 0, 0]
        self._depth_profile.register_extrinsics_to(self._color_profile, to_color)
        self.device.create_matcher(rs.matchers.dlr_c)

    def push(
        self,
        number: int,
        timestamp: float,
        color: NDArray[np.uint8] | None = None,
        depth: NDArray[np.uint16] | None = None,
        *,
        domain: str = "hardware_clock",
    ) -> None:
        """Deliver one frame of each stream given.

        Args:
            timestamp: device time [ms].
            color: (H, W, 3) RGB.
            depth: (H, W) raw counts.
            domain: which clock `timestamp` is of: hardware_clock, system_time or global_time.
        """
        for sensor, profile, picture in (
            (self._depth, self._depth_profile, depth),
            (self._color, self._color_profile, color),
        ):
            if picture is None:
                continue
            frame = rs.software_video_frame()
            frame.pixels = picture
            frame.bpp = picture.itemsize * (picture.shape[2] if picture.ndim == 3 else 1)
            frame.stride = frame.bpp * self._size[0]
            frame.timestamp, frame.frame_number = timestamp, number
            frame.domain = getattr(rs.timestamp_domain, domain)
            frame.profile = profile.as_video_stream_profile()
            if picture.ndim == 2:
                frame.depth_units = self._units
            sensor.on_video_frame(frame)

    def _stream(self, kind: Any, form: Any, bpp: int, fps: int, focal: float) -> Any:
        stream = rs.video_stream()
        stream.type, stream.fmt, stream.bpp, stream.fps = kind, form, bpp, fps
        stream.index, stream.uid = 0, int(kind)
        stream.width, stream.height = self._size
        stream.intrinsics = self._intrinsics(focal)
        return stream

    def _intrinsics(self, focal: float) -> Any:
        out = rs.intrinsics()
        out.width, out.height = self._size
        out.ppx, out.ppy = (n / 2 for n in self._size)
        out.fx = out.fy = focal
        out.model, out.coeffs = rs.distortion.brown_conrady, [0.0] * 5
        return out
