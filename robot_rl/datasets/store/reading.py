"""Reading the arrays of an episode straight from their files: no Zarr call, one read a chunk."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.store.arrays import chunk_file
from robot_rl.datasets.store.codecs import ImageCodec
from robot_rl.datasets.store.files import read_json


@dataclass(frozen=True)
class ArrayInfo:
    """What an array's zarr.json says."""

    folder: Path
    shape: tuple[int, ...]
    dtype: str
    chunk: int
    """Rows in a chunk file."""
    codec: ImageCodec | None
    """How frames are encoded; None for plain rows."""

    @property
    def row_shape(self) -> tuple[int, ...]:
        return self.shape[1:]

    @property
    def row_bytes(self) -> int:
        return int(np.prod(self.row_shape, dtype=int)) * np.dtype(self.dtype).itemsize

    @property
    def files(self) -> list[Path]:
        """The chunk files, in order."""
        count = -(-self.shape[0] // self.chunk)
        return [self.folder / chunk_file(i, len(self.shape)) for i in range(count)]


def array_info(folder: Path) -> ArrayInfo:
    """Read an array's zarr.json. Raises DatasetError when it is damaged or not laid out as robot_rl writes it."""
    meta = read_json(folder / "zarr.json")
    try:
        shape = tuple(meta["shape"])
        chunk = meta["chunk_grid"]["configuration"]["chunk_shape"]
        encoding = (meta["chunk_key_encoding"]["name"], meta["chunk_key_encoding"]["configuration"]["separator"])
        codecs: list[dict[str, Any]] = meta["codecs"]
        dtype = meta["data_type"]
    except (KeyError, TypeError) as error:
        raise DatasetError(f"{folder / 'zarr.json'}: {error} is missing; is this a Zarr v3 array?") from None
    if tuple(chunk[1:]) != shape[1:] or encoding != ("default", "."):
        raise DatasetError(f"{folder}: chunks {chunk} of {shape} were not written by robot_rl; read it with zarr")
    match codecs:
        case [{"name": "bytes"}]:
            codec = None
        case [{"name": "sharding_indexed", "configuration": {"codecs": inner, "index_location": "end"}}]:
            codec = ImageCodec.from_zarr(inner)
        case _:
            raise DatasetError(f"{folder}: codecs {json.dumps(codecs)} were not written by robot_rl; read it with zarr")
    return ArrayInfo(folder, shape, dtype, chunk[0], codec)


def read_rows(folder: Path) -> NDArray[Any]:
    """All rows of a plain array (N, ...), read-only. Raises DatasetError when a chunk is missing or cut short."""
    info = array_info(folder)
    if info.codec is not None:
        raise DatasetError(f"{folder} holds pictures; read them frame by frame")
    parts = [_chunk(path, info) for path in info.files]
    rows = parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else np.empty(0, info.dtype)
    array = rows[: int(np.prod(info.shape, dtype=int))].reshape(info.shape)
    array.flags.writeable = False
    return array


def _chunk(path: Path, info: ArrayInfo) -> NDArray[Any]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error}; run `robot-rl data verify`") from None
    expected = info.chunk * info.row_bytes
    if len(data) != expected:
        raise DatasetError(f"{path} has {len(data)} bytes, {expected} were expected; run `robot-rl data verify`")
    return np.frombuffer(data, np.dtype(info.dtype).newbyteorder("<")).astype(info.dtype, copy=False)


class Frames(Sequence[NDArray[Any]]):
    """The pictures of one stream (N, *shape), found and decoded one at a time."""

    def __init__(self, folder: Path) -> None:
        self.info = array_info(folder)
        if self.info.codec is None:
            raise DatasetError(f"{folder} holds plain rows, not pictures")
        self.codec: ImageCodec = self.info.codec

    def __len__(self) -> int:
        return self.info.shape[0]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        if not -len(self) <= index < len(self):
            raise IndexError(f"frame {index}: there are {len(self)}")
        return self.take(np.array([index % len(self)]))[0]

    def take(self, indices: NDArray[np.int64]) -> NDArray[Any]:
        """The frames at these indices (K,), decoded: (K, *shape)."""
        out = np.empty((len(indices), *self.info.row_shape), self.info.dtype)
        for row, data in enumerate(self.encoded(indices)):
            out[row] = self.codec.decode(data, self.info.row_shape, self.info.dtype)
        return out

    def encoded(self, indices: NDArray[np.int64]) -> list[bytes]:
        """The frames at these indices as they lie on disk. Raises DatasetError when a shard is damaged."""
        out: list[bytes] = [b""] * len(indices)
        shard = np.asarray(indices) // self.info.chunk
        for number in np.unique(shard):
            path = self.info.files[number]
            places = self._index[number]
            with path.open("rb") as file:
                for row in np.flatnonzero(shard == number):
                    start, size = places[indices[row] % self.info.chunk]
                    out[row] = os.pread(file.fileno(), int(size), int(start))
                    if len(out[row]) != size:
                        raise DatasetError(f"{path} is cut short; run `robot-rl data verify`")
        return out

    @property
    def contiguous(self) -> bool:
        """True when the frames lie decoded and one after the other from the start of each file."""
        if self.codec.name != "raw":
            return False
        starts = np.arange(self.info.chunk, dtype=np.uint64) * np.uint64(self.info.row_bytes)
        left = len(self) - np.arange(len(self.info.files)) * self.info.chunk
        return all(np.array_equal(i[:n, 0], starts[:n]) for i, n in zip(self._index, left.tolist()))

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Bytes of each frame on disk (N,)."""
        return np.concatenate([np.empty(0, np.int64), *(i[:, 1].astype(np.int64) for i in self._index)])[: len(self)]

    @cached_property
    def _index(self) -> list[NDArray[np.uint64]]:
        """For each shard where its frames lie: (chunk, 2) offset and length in bytes."""
        return [self._read_index(path) for path in self.info.files]

    def _read_index(self, path: Path) -> NDArray[np.uint64]:
        size = 16 * self.info.chunk
        try:
            with path.open("rb") as file:
                file.seek(-(size + 4), os.SEEK_END)
                data = file.read()
        except OSError as error:
            raise DatasetError(f"{path} cannot be read: {error}; run `robot-rl data verify`") from None
        if google_crc32c.value(data[:size]) != int.from_bytes(data[size:], "little"):
            raise DatasetError(f"{path}: the index of its frames is damaged; run `robot-rl data verify`")
        return np.frombuffer(data[:size], "<u8").reshape(-1, 2)
