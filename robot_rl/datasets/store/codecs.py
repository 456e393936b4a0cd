"""How pictures are stored: `raw`, `zstd[:level]`, `png[:level]` (lossless) or `jpeg[:quality]`.

Each frame is one inner chunk of a Zarr shard, so any frame is found and decoded alone. `raw` and `zstd`
are codecs every Zarr v3 reader knows; `jpeg` and `png` are registered under `robot_rl.image`.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl import workspace
from robot_rl.datasets.errors import DatasetError

_RANGES = {"raw": None, "zstd": (1, 22), "png": (0, 9), "jpeg": (1, 100)}
_DEFAULTS = {"raw": 0, "zstd": 1, "png": 1, "jpeg": 95}


@dataclass(frozen=True)
class ImageCodec:
    """One way of storing frames of shape (H, W, 3) uint8 or (H, W) uint16."""

    name: str
    level: int
    """zstd or png level, or JPEG quality; unused for `raw`."""

    @classmethod
    def parse(cls, text: str) -> ImageCodec:
        """Read `name` or `name:level`. Raises DatasetError on an unknown name or a level out of range."""
        name, colon, number = text.partition(":")
        if name not in _RANGES:
            raise DatasetError(f"no image codec '{name}'.{workspace.did_you_mean(name, _RANGES)}")
        allowed = _RANGES[name]
        if not colon:
            return cls(name, _DEFAULTS[name])
        if allowed is None or not number.isdigit() or not allowed[0] <= int(number) <= allowed[1]:
            rule = "takes no number" if allowed is None else f"takes a whole number from {allowed[0]} to {allowed[1]}"
            raise DatasetError(f"image codec '{text}': {name} {rule}")
        return cls(name, int(number))

    def __str__(self) -> str:
        return self.name if self.name == "raw" else f"{self.name}:{self.level}"

    @property
    def lossless(self) -> bool:
        return self.name != "jpeg"

    def check(self, field: str, shape: tuple[int, ...], dtype: str) -> None:
        """Refuse a kind of picture this codec cannot hold. Raises DatasetError."""
        if self.name == "jpeg" and (dtype != "uint8" or len(shape) != 3 or shape[2] != 3):
            raise DatasetError(f"'{field}' is {dtype} {shape}: jpeg takes uint8 (H, W, 3); use zstd or png")
        if self.name == "png" and (dtype, len(shape)) not in (("uint8", 3), ("uint16", 2)):
            raise DatasetError(f"'{field}' is {dtype} {shape}: png takes uint8 (H, W, 3) or uint16 (H, W)")
        if self.name in ("jpeg", "png"):
            opencv()

    def encode(self, frame: NDArray[Any]) -> bytes:
        """One frame to bytes."""
        if self.name == "raw":
            return frame.tobytes()
        if self.name == "zstd":
            return bytes(self._zstd.encode(np.ascontiguousarray(frame)))
        cv2 = opencv()
        pixels = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR) if frame.ndim == 3 else frame
        if self.name == "jpeg":
            ok, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, self.level])
        else:
            ok, data = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, self.level])
        if not ok:
            raise DatasetError(f"OpenCV could not encode a frame of shape {frame.shape} as {self.name}")
        return bytes(data)

    def decode(self, data: bytes | memoryview, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
        """Bytes to one frame. Raises DatasetError when the bytes are damaged."""
        if self.name == "raw":
            frame = np.frombuffer(data, dtype)
        elif self.name == "zstd":
            try:
                frame = np.frombuffer(self._zstd.decode(data), dtype)
            except RuntimeError as error:
                raise DatasetError(f"a frame cannot be decoded as zstd: {error}") from None
        else:
            cv2 = opencv()
            flag = cv2.IMREAD_UNCHANGED if len(shape) == 2 else cv2.IMREAD_COLOR
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
            if pixels is None:
                raise DatasetError(f"a frame of {len(data)} bytes cannot be decoded as {self.name}")
            frame = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB) if pixels.ndim == 3 else pixels
        if frame.size != int(np.prod(shape)):
            raise DatasetError(f"a frame decodes to {frame.size} numbers, {shape} was expected")
        return frame.reshape(shape)

    def to_zarr(self, dtype: str) -> list[dict[str, Any]]:
        """The codec chain of one frame as Zarr v3 metadata."""
        if self.name in ("jpeg", "png"):
            return [{"name": "robot_rl.image", "configuration": {"format": self.name, "level": self.level}}]
        chain: list[dict[str, Any]] = [bytes_codec(dtype)]
        if self.name == "zstd":
            chain.append({"name": "zstd", "configuration": {"level": self.level, "checksum": False}})
        return chain

    @classmethod
    def from_zarr(cls, chain: list[dict[str, Any]]) -> ImageCodec:
        """Read what `to_zarr` wrote. Raises DatasetError on any other chain."""
        match chain:
            case [{"name": "robot_rl.image", "configuration": {"format": name, "level": level}}]:
                return cls(name, level)
            case [{"name": "bytes"}]:
                return cls("raw", _DEFAULTS["raw"])
            case [{"name": "bytes"}, {"name": "zstd", "configuration": {"level": level}}]:
                return cls("zstd", level)
        names = ", ".join(str(c.get("name")) for c in chain)
        raise DatasetError(f"frames stored as '{names}' were not written by robot_rl; read them with zarr")

    @cached_property
    def _zstd(self) -> Any:
        return importlib.import_module("numcodecs.zstd").Zstd(level=self.level)


def bytes_codec(dtype: str) -> dict[str, Any]:
    """Zarr's plain little-endian layout of an array."""
    if np.dtype(dtype).itemsize == 1:
        return {"name": "bytes"}
    return {"name": "bytes", "configuration": {"endian": "little"}}


def opencv() -> Any:
    """The cv2 module. Raises DatasetError that names the extra when it is not installed."""
    try:
        return importlib.import_module("cv2")
    except ModuleNotFoundError:
        raise DatasetError("jpeg and png need OpenCV: pip install 'robot_rl[camera]', or choose zstd or raw") from None
