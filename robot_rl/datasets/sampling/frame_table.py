"""The pictures of one stream over many episodes as one table, one row a step, read from disk when indexed.

A batch costs one copy a run of frames: straight from the Zarr shard where pictures are stored raw, else from
the cache of decoded pictures, else a frame is decoded. Nothing is held in memory but where things lie, so the
data may be larger than memory; what was read lately is in the system's page cache. Small data are copied to
memory as they are first wanted (its large pages are read twice as fast as a mapped file's small ones); data
that fit into memory are mapped; else files are read, which fetches just the pages that are wanted.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import resource
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from robot_rl.datasets.episode import Episode
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.sampling import memory
from robot_rl.datasets.sampling.buffers import Buffers
from robot_rl.datasets.sampling.cache import LIMIT_VARIABLE, FrameCache, frames_key
from robot_rl.datasets.sampling.derived import Derived
from robot_rl.datasets.store.reading import Frames

OPEN_FILES = max(64, min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4))
"""How many files are kept open; more are opened when they are read."""


HELD = 1 << 29
"""Bytes of pictures of one stream that are copied to memory."""
Access = Literal["held", "mapped", "read"]


class FileGoneError(DatasetError):
    """A file of decoded frames was removed or replaced since the table was made."""


@dataclass(frozen=True)
class RawFile:
    """Decoded frames one after the other from the start of a file, and which state of that file is meant."""

    path: str
    row_bytes: int
    identity: tuple[int, int, int]
    """Inode, size and time of change [ns]: a file replaced meanwhile is an error, not another picture."""

    @classmethod
    def of(cls, path: Path, row_bytes: int) -> RawFile:
        """The file as it is now."""
        stat = path.stat()
        return cls(str(path), row_bytes, (stat.st_ino, stat.st_size, stat.st_mtime_ns))

    def read(self, start: int, out: NDArray[np.uint8]) -> None:
        """Fill `out` (K, row_bytes) with the K frames from `start` on. Raises DatasetError."""
        got = os.preadv(_open(self).number, [out.data], start * self.row_bytes)
        if got != out.size:
            raise DatasetError(f"{self.path} is cut short: {got} bytes of {out.size} at frame {start}")

    def announce(self, start: int, rows: int) -> None:
        """Have the system begin to fetch these frames, so that the disk works on many at once. Raises DatasetError."""
        offset, size = start * self.row_bytes, rows * self.row_bytes
        os.posix_fadvise(_open(self).number, offset, size, os.POSIX_FADV_WILLNEED)

    def map(self) -> NDArray[np.uint8]:
        """The whole frames of the file (K, row_bytes), mapped. Raises DatasetError."""
        handle = _Handle(self)
        content = np.frombuffer(mmap.mmap(handle.number, 0, prot=mmap.PROT_READ), np.uint8)
        rows = len(content) // self.row_bytes
        return content[: rows * self.row_bytes].reshape(rows, self.row_bytes)


@dataclass(frozen=True)
class Part:
    """Where consecutive frames lie: decoded in a file, or to be decoded, or both (a cache that may be cleared)."""

    file: RawFile | None
    frames: Frames | None

    def read(self, start: int, out: NDArray[np.uint8]) -> None:
        """Fill `out` (K, row_bytes) with the K frames from `start` on. Raises DatasetError."""
        if self.file is not None:
            try:
                return self.file.read(start, out)
            except FileGoneError:
                if self.frames is None:
                    raise
        if self.frames is not None:
            frames = self.frames.take(np.arange(start, start + len(out)))
            out[...] = frames.reshape(len(out), -1).view(np.uint8)

    def announce(self, start: int, rows: int) -> None:
        """See `RawFile.announce`; frames that must be decoded are not."""
        if self.file is not None:
            with contextlib.suppress(FileGoneError):  # `read` decides what that means
                self.file.announce(start, rows)

    def map(self) -> NDArray[np.uint8] | None:
        """The frames mapped (K, row_bytes); None when they must be decoded. Raises DatasetError."""
        try:
            return None if self.file is None else self.file.map()
        except FileGoneError:
            if self.frames is None:
                raise
            return None


class FrameTable:
    """(N, *shape) pictures, one row a step. Index it with an array of rows; the result has their shape first.

    Args:
        parts: where the frames of each episode lie, in order; several files for a long raw episode.
        part_of_row, frame_of_row: (N,) for each row the part and the frame within it.
        access: `held`, `mapped` or `read`; by default what the size of the files allows.
    """

    def __init__(
        self,
        parts: list[Part],
        part_of_row: NDArray[np.int32],
        frame_of_row: NDArray[np.int32],
        row_shape: tuple[int, ...],
        dtype: DTypeLike,
        access: Access | None = None,
    ) -> None:
        self._parts, self._part, self._frame = parts, part_of_row, frame_of_row
        self.shape, self.dtype = (len(frame_of_row), *row_shape), np.dtype(dtype)
        self.access: Access = access or self._fastest()
        self._maps: dict[int, NDArray[np.uint8] | None] = {}

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def decoded_bytes(self) -> int:
        """What all rows would take in memory."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    @property
    def stored_raw(self) -> bool:
        """True when no frame must be decoded to be read."""
        return all(p.file is not None for p in self._parts)

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        rows = np.asarray(rows)
        out = _BUFFERS.empty((*rows.shape, *self.shape[1:]), self.dtype)
        self.read(rows.reshape(-1), out.reshape(-1, *self.shape[1:]))
        return out

    def read(self, rows: NDArray[np.int64], out: NDArray[Any]) -> None:
        """Fill `out` (K, *shape), contiguous, with these rows (K,). Raises DatasetError on a damaged file."""
        if not len(rows):
            return
        if rows.min() < 0 or rows.max() >= len(self):
            raise IndexError(f"rows {rows.min()} to {rows.max()} of a table of {len(self)}")
        part, frame = self._part[rows], self._frame[rows]
        new = (np.diff(part) != 0) | (np.diff(frame) != 1)
        starts = np.concatenate([[0], np.flatnonzero(new) + 1])
        ends = np.append(starts[1:], len(rows))
        flat = out.reshape(len(rows), -1).view(np.uint8)
        places = list(zip(part[starts].tolist(), frame[starts].tolist(), starts.tolist(), ends.tolist()))
        if self.access == "read":
            for number, first, start, end in places:
                self._parts[number].announce(first, end - start)
        for number, first, start, end in places:
            content = self._mapping(number)
            if content is None:
                self._parts[number].read(first, flat[start:end])
            else:
                flat[start:end] = content[first : first + end - start]

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs; it maps files itself."""
        return self.__dict__ | {"_maps": {}}

    def _mapping(self, number: int) -> NDArray[np.uint8] | None:
        """A part's frames (K, row_bytes), when files are held or mapped and it lies in one."""
        if self.access == "read":
            return None
        if number not in self._maps:
            content = self._parts[number].map()
            self._maps[number] = content.copy() if content is not None and self.access == "held" else content
        return self._maps[number]

    def _fastest(self) -> Access:
        files = {p.file for p in self._parts if p.file is not None}
        size, memory_size = sum(f.identity[1] for f in files), memory.available()
        if size <= min(HELD, memory_size // 16):
            return "held"
        return "mapped" if len(files) <= OPEN_FILES // 4 and size <= memory_size // 4 else "read"


class FrameTableBuilder:
    """Collects the episodes of one stream into a table, of its pictures or of what is derived from them."""

    def __init__(self, stream: str, derived: Derived | None = None) -> None:
        self.stream, self._derived = stream, derived
        self._parts: list[Part] = []
        self._part_of_row: list[NDArray[np.int32]] = []
        self._frame_of_row: list[NDArray[np.int32]] = []
        self._row_shape: tuple[int, ...] | None = None
        self._dtype = ""

    def add(self, episode: Episode, cache: FrameCache | None) -> None:
        """Append an episode's steps, its pictures decoded into the cache where they are not stored raw.

        Raises:
            DatasetError: the stream is missing or damaged, its pictures have another size than before, or there is
                no room for what is derived from them.
        """
        frames = episode.stream(self.stream).values
        indices = episode.aligned_indices(self.stream)
        info = frames.info
        if self._row_shape is None:
            self._row_shape, self._dtype = info.row_shape, info.dtype
        if (info.row_shape, info.dtype) != (self._row_shape, self._dtype):
            raise DatasetError(
                f"episode {episode.number}: '{self.stream}' holds {info.dtype} {info.row_shape}, the episodes before "
                f"hold {self._dtype} {self._row_shape}; train on them apart, or convert one"
            )
        parts, rows = self._locate(episode, frames, cache)
        self._part_of_row.append((len(self._parts) + indices // rows).astype(np.int32))
        self._frame_of_row.append((indices % rows).astype(np.int32))
        self._parts += parts

    def table(self) -> FrameTable:
        """All episodes added."""
        part, frame = np.concatenate(self._part_of_row), np.concatenate(self._frame_of_row)
        if self._derived is not None:
            return FrameTable(self._parts, part, frame, self._derived.row_shape, self._derived.dtype)
        return FrameTable(self._parts, part, frame, self._row_shape or (), self._dtype)

    def _locate(self, episode: Episode, frames: Frames, cache: FrameCache | None) -> tuple[list[Part], int]:
        """The parts of an episode, and how many frames each holds."""
        info, key = frames.info, frames_key(episode.attributes, self.stream)
        if self._derived is not None:
            path = cache.find(frames, key, self._derived) if cache is not None and key is not None else None
            if path is None:
                raise DatasetError(
                    f"episode {episode.number}: what is derived from '{self.stream}' has no place in a cache: it needs "
                    f"checksums in the data set, and room on the disk ({LIMIT_VARIABLE} sets the limit)"
                )
            return [Part(RawFile.of(path, self._derived.row_bytes), None)], len(frames)
        if frames.contiguous:
            return [Part(RawFile.of(path, info.row_bytes), None) for path in info.files], info.chunk
        if cache is not None and key is not None and (path := cache.find(frames, key)):
            return [Part(RawFile.of(path, info.row_bytes), frames)], len(frames)
        return [Part(None, frames)], len(frames)


class _Handle:
    """An open file, closed when nobody holds it any more."""

    __slots__ = ("number",)

    def __init__(self, file: RawFile) -> None:
        try:
            self.number = os.open(file.path, os.O_RDONLY)
        except FileNotFoundError:
            raise FileGoneError(f"{file.path} was removed since the data set was opened; open it again") from None
        except OSError as error:
            raise DatasetError(f"{file.path} cannot be read: {error}") from None
        stat = os.fstat(self.number)
        if (stat.st_ino, stat.st_size, stat.st_mtime_ns) != file.identity:
            raise FileGoneError(f"{file.path} has changed since the data set was opened; open it again")
        os.posix_fadvise(self.number, 0, 0, os.POSIX_FADV_RANDOM)  # fetch what is asked for, not what lies beyond

    def __del__(self) -> None:
        if hasattr(self, "number"):
            os.close(self.number)


_BUFFERS = Buffers()
_open = lru_cache(maxsize=OPEN_FILES)(_Handle)
