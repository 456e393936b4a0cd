"""The files of one episode while it is being recorded: which arrays there are, and appending to them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.record import STEP_DTYPES
from robot_rl.datasets.store.arrays import FrameWriter, RowWriter
from robot_rl.datasets.store.codecs import ImageCodec
from robot_rl.datasets.store.files import sha256, write_group
from robot_rl.spec import Field

ACTIONS = ("executed", "proposed", "human")
"""The columns of the steps table that hold an action (A,)."""


class EpisodeFiles:
    """`steps/<column>` and `streams/<name>/{value,stamp}` below one folder. Raises OSError when the disk fails."""

    def __init__(
        self, folder: Path, fields: Mapping[str, Field], codecs: Mapping[str, ImageCodec], action_size: int
    ) -> None:
        self.folder = folder
        write_group(folder / "steps", {})
        write_group(folder / "streams", {})
        self._columns: dict[str, RowWriter] = {}
        self._values: dict[str, RowWriter | FrameWriter] = {}
        self._stamps: dict[str, RowWriter] = {}
        for name, dtype in STEP_DTYPES.items():
            shape = (action_size,) if name in ACTIONS else ()
            self._columns[name] = RowWriter(folder / "steps" / name, shape, dtype)
        for name, f in fields.items():
            stream = folder / "streams" / name
            write_group(stream, {})
            if name in codecs:
                self._values[name] = FrameWriter(stream / "value", f.shape, f.dtype, codecs[name])
            else:
                self._values[name] = RowWriter(stream / "value", f.shape, f.dtype)
            self._stamps[name] = RowWriter(stream / "stamp", (), "int64")

    def append_step(self, row: Mapping[str, bytes]) -> None:
        """Append one step: each column's value as its little-endian bytes."""
        for name, column in self._columns.items():
            column.append(row[name])

    def append_sample(self, stream: str, stamp: int, value: NDArray[Any] | bytes) -> None:
        """Append one value [its stamp in ns]; bytes are a picture encoded already."""
        array = self._values[stream]
        if isinstance(array, RowWriter):
            array.append(value if isinstance(value, bytes) else value.tobytes())
        elif isinstance(value, bytes):
            array.append_encoded(value)
        else:
            array.append(value)
        self._stamps[stream].append(stamp.to_bytes(8, "little", signed=True))

    def flush(self) -> None:
        """Hand what is buffered to the operating system, so that it outlives this process."""
        for array in self._arrays():
            array.flush()

    @property
    def growing(self) -> list[Path]:
        """The files that pictures are being appended to: what takes long to bring to the disk."""
        frames = (a for a in self._values.values() if isinstance(a, FrameWriter))
        return [a.path for a in frames if a.path is not None]

    @property
    def coding_errors(self) -> dict[str, dict[str, float]]:
        """Of each lossy stream: the mean squared error of its pictures, and of how many that is the mean."""
        measured = {n: a.error for n, a in self._values.items() if isinstance(a, FrameWriter) and a.error.frames}
        return {n: {"mse": round(e.squares / e.frames, 4), "frames": e.frames} for n, e in measured.items()}

    def check_lengths(self, steps: int, samples: Mapping[str, int]) -> None:
        """Refuse files that hold another number of steps, or of some stream's samples. Raises DatasetError."""
        expected: list[tuple[RowWriter | FrameWriter, int]] = [(array, steps) for array in self._columns.values()]
        for name, count in samples.items():
            expected += [(self._values[name], count), (self._stamps[name], count)]
        for array, count in expected:
            if array.length != count:
                raise DatasetError(f"{array.folder} holds {array.length} of {count} rows: not all of it was written")

    def finish(self) -> dict[str, str]:
        """Complete every array; returns the SHA-256 of each file by its path within the episode."""
        groups = ["steps", "streams", *(f"streams/{name}" for name in self._values)]
        hashes = {path: sha256(path) for path in (self.folder / g / "zarr.json" for g in groups)}
        for array in self._arrays():
            hashes |= array.finish()
        return {path.relative_to(self.folder).as_posix(): digest for path, digest in hashes.items()}

    def abandon(self) -> None:
        """Let go of the files as they are."""
        for array in self._arrays():
            array.abandon()

    def _arrays(self) -> list[RowWriter | FrameWriter]:
        return [*self._columns.values(), *self._values.values(), *self._stamps.values()]
