"""The Zarr v3 codec `robot_rl.image`: JPEG and PNG frames readable by `zarr` itself.

Installed with robot_rl it is found by Zarr's entry points; importing this module registers it too.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from zarr.abc.codec import ArrayBytesCodec
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import Buffer, NDBuffer
from zarr.core.common import parse_named_configuration
from zarr.registry import register_codec

from robot_rl.datasets.store.codecs import ImageCodec

NAME = "robot_rl.image"


@dataclass(frozen=True)
class ImageZarrCodec(ArrayBytesCodec):
    """One frame (1, H, W, 3) uint8 or (1, H, W) uint16 to an image file in memory, and back."""

    is_fixed_size = False
    format: str
    level: int

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        _, configuration = parse_named_configuration(data, NAME)
        return cls(format=str(configuration["format"]), level=int(str(configuration["level"])))

    def to_dict(self) -> dict[str, Any]:
        return {"name": NAME, "configuration": {"format": self.format, "level": self.level}}

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        raise NotImplementedError("the size of an encoded picture depends on the picture")

    async def _decode_single(self, chunk_data: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        frame = await asyncio.to_thread(self._decode, chunk_data.to_bytes(), chunk_spec)
        return chunk_spec.prototype.nd_buffer.from_ndarray_like(frame)

    async def _encode_single(self, chunk_data: NDBuffer, chunk_spec: ArraySpec) -> Buffer | None:
        frame = np.ascontiguousarray(chunk_data.as_numpy_array()[0])
        data = await asyncio.to_thread(ImageCodec(self.format, self.level).encode, frame)
        return chunk_spec.prototype.buffer.from_bytes(data)

    def _decode(self, data: bytes, chunk_spec: ArraySpec) -> Any:
        dtype = chunk_spec.dtype.to_native_dtype()
        return ImageCodec(self.format, self.level).decode(data, chunk_spec.shape[1:], str(dtype))[None]


register_codec(NAME, ImageZarrCodec)
