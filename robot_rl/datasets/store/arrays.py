"""Writing one Zarr v3 array row by row, as files that grow and need no rewriting at the end.

A plain array is uncompressed: its chunk file is the rows, appended, so it can be mapped and survives a
killed writer up to the last flush. Frames go to a shard (Zarr's `sharding_indexed`): each encoded frame
is appended and an index follows the last. The length of a chunk is fixed when the episode ends: short
episodes have exactly one chunk file an array.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.store.codecs import ImageCodec, bytes_codec
from robot_rl.datasets.store.files import HashedFile

ROW_CHUNK_BYTES = 1 << 22
"""A chunk file of a plain array is closed at about this size, and a new one begun."""
FRAMES_PER_SHARD = 1024
SIZES_FILE = ".sizes"
"""Lengths of the frames written so far, beside an unfinished shard: what salvage finds them by."""
MEASURED_EVERY = 32
"""One frame of so many is decoded again while recording, to know what a lossy codec costs."""
_NO_CHUNK = (1 << 64) - 1


@dataclass
class CodingError:
    """What a lossy codec changed, over the frames that were measured."""

    squares: float = 0.0
    """Sum over these frames of the mean squared difference of their numbers."""
    frames: int = 0

    def add(self, frame: NDArray[Any], decoded: NDArray[Any]) -> None:
        """Take in one frame and what became of it."""
        difference = frame.astype(np.int32) - decoded
        self.squares += float(np.mean(difference * difference, dtype=np.float64))
        self.frames += 1


def rows_per_chunk(shape: tuple[int, ...], dtype: str) -> int:
    """At most how many rows of this shape one chunk file holds."""
    row = int(np.prod(shape, dtype=int)) * np.dtype(dtype).itemsize
    return max(1, min(1 << 20, ROW_CHUNK_BYTES // row))


def chunk_file(number: int, dimensions: int) -> str:
    """Name of a chunk along the first axis, e.g. `c.2.0` for an array of rows."""
    return ".".join(["c", str(number)] + ["0"] * (dimensions - 1))


class RowWriter:
    """An array (N, *shape) of numbers, uncompressed."""

    def __init__(self, folder: Path, shape: tuple[int, ...], dtype: str) -> None:
        folder.mkdir(parents=True)
        self.folder, self.shape, self.dtype = folder, shape, dtype
        self.length = 0
        self._row_bytes = int(np.prod(shape, dtype=int)) * np.dtype(dtype).itemsize
        self._limit = rows_per_chunk(shape, dtype)
        self._hashes: dict[Path, str] = {}
        self._file: HashedFile | None = None

    def append(self, row: bytes) -> None:
        """Append one row, given as its little-endian bytes."""
        file = self._file
        if file is None or file.size == self._limit * self._row_bytes:
            file = self._roll()
        file.write(row)
        self.length += 1

    def flush(self) -> None:
        """Hand what is buffered to the operating system."""
        if self._file is not None:
            self._file.flush()

    def finish(self) -> dict[Path, str]:
        """Make it a complete Zarr array; returns the SHA-256 of each of its files."""
        limit = self._limit if self.length > self._limit else max(1, self.length)
        if self._file is not None:
            missing = limit * self._row_bytes - self._file.size
            self._file.write(bytes(missing))
            self._close()
        meta = _metadata((self.length, *self.shape), (limit, *self.shape), self.dtype, [bytes_codec(self.dtype)])
        return self._hashes | _write_metadata(self.folder, meta)

    def abandon(self) -> None:
        """Let go of the files as they are."""
        if self._file is not None:
            self._file.abandon()

    def _roll(self) -> HashedFile:
        self._close()
        self._file = HashedFile(self.folder / chunk_file(len(self._hashes), 1 + len(self.shape)))
        return self._file

    def _close(self) -> None:
        if self._file is not None:
            self._hashes[self._file.path] = self._file.close()
            self._file = None


class FrameWriter:
    """An array (N, *shape) of pictures, each encoded on its own inside a shard."""

    def __init__(self, folder: Path, shape: tuple[int, ...], dtype: str, codec: ImageCodec) -> None:
        folder.mkdir(parents=True)
        self.folder, self.shape, self.dtype, self.codec = folder, shape, dtype, codec
        self.length = 0
        self._hashes: dict[Path, str] = {}
        self._places: list[tuple[int, int]] = []
        self._file: HashedFile | None = None
        self._sizes = HashedFile(folder / SIZES_FILE)
        self.error = CodingError()

    @property
    def path(self) -> Path | None:
        """The shard that is being written."""
        return None if self._file is None else self._file.path

    def append(self, frame: NDArray[Any]) -> None:
        """Encode and append one frame."""
        data = self.codec.encode(frame)
        if not self.codec.lossless and self.length % MEASURED_EVERY == 0:
            self.error.add(frame, self.codec.decode(data, self.shape, self.dtype))
        self.append_encoded(data)

    def append_encoded(self, data: bytes) -> None:
        """Append one frame that is encoded already."""
        if self._file is None or len(self._places) == FRAMES_PER_SHARD:
            self._close(FRAMES_PER_SHARD)
            self._file = HashedFile(self.folder / chunk_file(len(self._hashes), 1 + len(self.shape)))
        self._places.append((self._file.size, len(data)))
        self._file.write(data)
        self._sizes.write(struct.pack("<Q", len(data)))
        self.length += 1

    def flush(self) -> None:
        """Hand what is buffered to the operating system."""
        if self._file is not None:
            self._file.flush()
        self._sizes.flush()

    def finish(self) -> dict[Path, str]:
        """Make it a complete Zarr array; returns the SHA-256 of each of its files."""
        per_shard = FRAMES_PER_SHARD if self.length > FRAMES_PER_SHARD else max(1, self.length)
        self._close(per_shard)
        sharding = {
            "name": "sharding_indexed",
            "configuration": {
                "chunk_shape": [1, *self.shape],
                "codecs": self.codec.to_zarr(self.dtype),
                "index_codecs": [bytes_codec("uint64"), {"name": "crc32c"}],
                "index_location": "end",
            },
        }
        meta = _metadata((self.length, *self.shape), (per_shard, *self.shape), self.dtype, [sharding])
        hashes = self._hashes | _write_metadata(self.folder, meta)
        self._sizes.close()
        (self.folder / SIZES_FILE).unlink()
        return hashes

    def abandon(self) -> None:
        """Let go of the files as they are."""
        self._sizes.abandon()
        if self._file is not None:
            self._file.abandon()

    def _close(self, per_shard: int) -> None:
        """End a shard with its index: (offset, length) of each frame as uint64, then their CRC-32C."""
        if self._file is None:
            return
        index = np.full((per_shard, 2), _NO_CHUNK, dtype="<u8")
        index[: len(self._places)] = self._places
        data = index.tobytes()
        self._file.write(data + struct.pack("<I", google_crc32c.value(data)))
        self._hashes[self._file.path] = self._file.close()
        self._file, self._places = None, []


def _metadata(
    shape: tuple[int, ...], chunk: tuple[int, ...], dtype: str, codecs: list[dict[str, Any]]
) -> dict[str, Any]:
    """The zarr.json of a Zarr v3 array (https://zarr-specs.readthedocs.io/en/latest/v3/core/)."""
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(shape),
        "data_type": dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(chunk)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
        "fill_value": _fill_value(dtype),
        "codecs": codecs,
        "attributes": {},
    }


def _write_metadata(folder: Path, meta: dict[str, Any]) -> dict[Path, str]:
    file = HashedFile(folder / "zarr.json")
    file.write(json.dumps(meta).encode())
    return {file.path: file.close()}


def _fill_value(dtype: str) -> bool | int | float:
    kind = np.dtype(dtype).kind
    return False if kind == "b" else 0.0 if kind == "f" else 0
