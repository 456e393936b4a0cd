"""The replay's observations on disk: rows are appended as episodes come in, and never written again.

A row lies at the place that its number gives it, in files of a set size; what a session document says of the files
(how many rows, their checksums) counts, and rows beyond it are those of an episode that was never saved. So saving
costs what the new rows cost, and a process killed at any moment leaves what was saved before untouched.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.policies.storage import StorageError

FILE_BYTES = 16 << 20
"""Size of a file, about."""

Fields = Mapping[str, tuple[tuple[int, ...], str]]


class RowJournal:
    """Rows of a ring, by number: row r lies in file r // rows_per_file.

    Args:
        fields: shape and dtype of each field of a row.
        capacity: of the ring; files that hold only older rows are deleted.
    """

    def __init__(self, directory: Path, fields: Fields, capacity: int, file_bytes: int = FILE_BYTES) -> None:
        self.directory, self.capacity = directory, capacity
        self.dtype = np.dtype([(name, dtype, shape) for name, (shape, dtype) in fields.items()])
        self.rows_per_file = max(file_bytes // self.dtype.itemsize, 1)
        self.count = 0
        """Rows that are safe on disk."""
        self._sums: dict[int, tuple[int, int, int]] = {}

    def append(self, ring: Mapping[str, NDArray[Any]], count: int) -> dict[str, Any]:
        """Put the rows up to `count` on disk; returns what `restore` needs to know.

        Args:
            ring: each field (capacity, *shape); row r lies at r % capacity.

        Raises:
            OSError: the disk failed or is full; what was saved before is as it was.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        sums, touched = dict(self._sums), max(self.count, count - self.capacity)
        for number, first, last in self._parts(touched, count):
            rows = np.arange(first, last) % self.capacity
            chunk = np.empty(len(rows), self.dtype)
            for name in self.dtype.names or ():
                chunk[name] = ring[name][rows]
            sums[number] = self._write(number, first, chunk.tobytes(), sums.get(number))
        oldest = max(count - self.capacity, 0) // self.rows_per_file
        self._sums, self.count = {n: s for n, s in sums.items() if n >= oldest}, count
        return {
            "count": count,
            "rows_per_file": self.rows_per_file,
            "row": self._row,
            "files": {str(n): s for n, s in self._sums.items()},
        }

    @property
    def _row(self) -> dict[str, str]:
        """What a row holds, as text by field."""
        return {n: f"{self.dtype[n].base.str}{list(self.dtype[n].shape)}" for n in self.dtype.names or ()}

    def prune(self) -> None:
        """Delete files whose rows are all older than the ring; to be called once the document is safe."""
        for path in self.directory.glob("*.rows"):
            if int(path.stem) not in self._sums:
                path.unlink()

    def restore(self, document: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        """The ring (rows, *shape) by field, as it was when `append` gave the document; rows that were never
        written are zeros. Raises StorageError when a file is missing or damaged, or its rows hold other fields."""
        before = document.get("row", self._row)
        if before != self._row or any(int(s[1]) % self.dtype.itemsize for s in document["files"].values()):
            fields = ", ".join(sorted(set(before) ^ set(self._row))) or "others"
            raise StorageError(
                f"{self.directory}: its rows were kept by another version or for another improver, whose fields differ "
                f"({fields}): begin the session anew, its episodes as demonstrations"
            )
        self.count, self.rows_per_file = int(document["count"]), int(document["rows_per_file"])
        self._sums = {int(n): (int(s[0]), int(s[1]), int(s[2])) for n, s in document["files"].items()}
        size = min(self.count, self.capacity)
        ring: dict[str, NDArray[Any]] = {
            n: np.zeros((size, *self.dtype[n].shape), self.dtype[n].base) for n in self.dtype.names or ()
        }
        for number, (start, length, checksum) in self._sums.items():
            chunk = self._read(number, start, length, checksum)
            first = number * self.rows_per_file + start // self.dtype.itemsize
            rows = np.arange(first, first + len(chunk))
            fresh = rows >= self.count - self.capacity
            for name in ring:
                ring[name][rows[fresh] % self.capacity] = chunk[name][fresh]
        return ring

    def _parts(self, first: int, last: int) -> Iterator[tuple[int, int, int]]:
        """File number, first row, row after the last, of each file that rows first..last lie in."""
        while first < last:
            number = first // self.rows_per_file
            end = min(last, (number + 1) * self.rows_per_file)
            yield number, first, end
            first = end

    def _path(self, number: int) -> Path:
        return self.directory / f"{number:08d}.rows"

    def _write(self, number: int, first: int, data: bytes, known: tuple[int, int, int] | None) -> tuple[int, int, int]:
        """Write rows into a file, flushed to disk; returns start, length and checksum of all that counts in it."""
        place = (first - number * self.rows_per_file) * self.dtype.itemsize
        path = self._path(number)
        with path.open("r+b" if path.exists() else "w+b") as file:
            file.seek(place)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if known is None or known[0] + known[1] != place:
            return place, len(data), zlib.crc32(data)
        return known[0], known[1] + len(data), zlib.crc32(data, known[2])

    def _read(self, number: int, start: int, length: int, checksum: int) -> NDArray[Any]:
        path = self._path(number)
        try:
            with path.open("rb") as file:
                file.seek(start)
                data = file.read(length)
        except OSError as error:
            raise StorageError(f"{path}: not readable: {error}") from None
        if len(data) != length or zlib.crc32(data) != checksum:
            raise StorageError(f"{path}: damaged: its checksum is not the one written down when it was saved")
        return np.frombuffer(data, self.dtype)
