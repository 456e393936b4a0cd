"""MP4 files through PyAV: encoding frames one by one, and decoding those of a part of a file."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl import workspace
from robot_rl.datasets.errors import DatasetError

ENCODERS = {"av1": "libsvtav1", "h264": "libx264"}
KEYFRAME_EVERY = 2
"""Frames from one key frame to the next, as LeRobot sets it: random access decodes at most one frame more."""


class VideoWriter:
    """One MP4 file of frames (H, W, 3) uint8 at a fixed rate, yuv420p.

    Raises:
        DatasetError: an unknown codec.
    """

    def __init__(self, path: Path, codec: str, fps: float, crf: int) -> None:
        if codec not in ENCODERS:
            raise DatasetError(f"no video codec '{codec}'.{workspace.did_you_mean(codec, ENCODERS)}")
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.frames, self.bytes = path, 0, 0
        self._container = _av().open(str(path), "w", options={"movflags": "faststart"})
        options = {"crf": str(crf), "g": str(KEYFRAME_EVERY)} | ({"preset": "8"} if codec == "av1" else {})
        if codec == "av1":
            options["svtav1-params"] = "lp=1"
        self._stream = self._container.add_stream(ENCODERS[codec], rate=_fraction(fps), options=options)
        self._stream.pix_fmt = "yuv420p"

    def add(self, picture: NDArray[np.uint8]) -> None:
        """Encode the next frame."""
        if not self.frames:
            self._stream.height, self._stream.width = picture.shape[:2]
        frame = _av().VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame.pts, frame.time_base = self.frames, 1 / self._stream.codec_context.framerate
        self.frames += 1
        self._mux(frame)

    def close(self) -> None:
        """Write what the encoder holds back, and end the file."""
        if self.frames:
            self._mux(None)
        self._container.close()

    def _mux(self, frame: Any) -> None:
        for packet in self._stream.encode(frame):
            self.bytes += packet.size
            self._container.mux(packet)


def decode(path: Path, start: float, fps: float, count: int) -> Iterator[NDArray[np.uint8]]:
    """`count` frames (H, W, 3), the first shown at `start` [s] and the others one period later each.

    Raises:
        DatasetError: the file is damaged, or has no frame within half a period of one of these moments.
    """
    try:
        with _av().open(str(path)) as container:
            if not container.streams.video:
                raise DatasetError(f"{path} cannot be decoded: it holds no video; was it cut short?")
            stream = container.streams.video[0]
            container.seek(int(start / stream.time_base), stream=stream, backward=True)
            wanted = 0
            for frame in container.decode(stream):
                if frame.time < start + (wanted - 0.5) / fps:
                    continue
                if frame.time > start + (wanted + 0.5) / fps:
                    raise DatasetError(
                        f"{path}: no frame at {start + wanted / fps:.4f} s, the next is at {frame.time:.4f}"
                    )
                yield frame.to_ndarray(format="rgb24")
                wanted += 1
                if wanted == count:
                    return
    except OSError as error:
        raise DatasetError(f"{path} cannot be decoded: {error}") from None
    raise DatasetError(f"{path} ends after {wanted} of {count} frames from {start:.4f} s on")


def _av() -> Any:
    os.environ.setdefault("SVT_LOG", "1")  # the AV1 encoder tells its settings on stderr unless asked for errors only
    return importlib.import_module("av")


def _fraction(fps: float) -> Fraction:
    return Fraction(fps).limit_denominator(65535)
