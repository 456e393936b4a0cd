"""Keeping what a killed process had recorded of an episode, or dropping it."""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.control.safety import Safety
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.record import STEP_DTYPES, Phase, Sample, Source, Step
from robot_rl.datasets.recording.episode_files import ACTIONS
from robot_rl.datasets.store.arrays import FRAMES_PER_SHARD, SIZES_FILE, chunk_file
from robot_rl.datasets.store.files import read_json
from robot_rl.datasets.store.reading import Frames, read_rows

log = logging.getLogger(__name__)

Value = NDArray[Any] | bytes
"""Of a sample: numbers, or a picture as it is coded on disk."""

_OF_THE_WHOLE = {"number", "checksums", "digest", "steps", "samples", "recorder", "success"}
_SET_ANEW = _OF_THE_WHOLE | {"id", "format", "software", "salvaged"}


def salvage(dataset: Dataset, folder: Path) -> int | None:
    """Commit what an unfinished episode's folder holds, and remove the folder.

    The episode's attribute `salvaged` is the folder's name; its success stays unlabelled unless it was known. An
    episode that was salvaged already, by a process that was killed before it removed the folder, is not kept twice.

    Args:
        dataset: opened to append.
        folder: one of `dataset.unfinished()`.

    Returns:
        The number of the episode, or None when not a single step was on disk, or the folder is but what a killed
        salvage had copied of another that is still there: nothing is changed then.

    Raises:
        DatasetError: the folder is not an unfinished episode of this data set, or the disk failed.
    """
    _check(dataset, folder)
    try:
        begun = dict(read_json(folder / "zarr.json")["attributes"])
    except (DatasetError, KeyError, TypeError):
        log.warning("%s died before its attributes were written: there is nothing to salvage", folder.name)
        return None
    origin = str(begun.get("salvaged", folder.name))
    if (number := _kept_as(dataset, origin)) is not None:
        shutil.rmtree(folder)
        return number
    if origin != folder.name and (folder.parent / origin).is_dir():
        log.warning("%s is what a killed salvage had copied of %s", folder.name, origin)
        return None
    steps = _steps(folder, dataset.spec.action.size)
    if not steps:
        return None
    success = begun.get("success")
    last = steps[-1].stamp + dataset.spec.period_ns
    kept = {k: v for k, v in begun.items() if k not in _SET_ANEW}
    with dataset.new_episode(**kept, salvaged=origin) as writer:
        writer.attributes["started"] = begun["started"]
        for step in steps:
            writer.add_step(step)
        for name in dataset.fields:
            for stamp, value in _until(last, _samples(dataset, folder / "streams" / name, name)):
                if isinstance(value, bytes):
                    writer.add_encoded(name, stamp, value)
                else:
                    writer.add_sample(Sample(name, stamp, value))
        number = writer.commit(success)
    shutil.rmtree(folder)
    return number


def drop(dataset: Dataset, folder: Path) -> None:
    """Remove an unfinished episode's folder. Raises DatasetError when it is none."""
    _check(dataset, folder)
    shutil.rmtree(folder)


def _check(dataset: Dataset, folder: Path) -> None:
    if dataset.mode != "a":
        raise DatasetError(f"{dataset.path} is open to read only; open it with mode='a'")
    if folder not in dataset.unfinished():
        raise DatasetError(f"{folder} is not an unfinished episode of {dataset.path}")


def _kept_as(dataset: Dataset, name: str) -> int | None:
    """The number of the episode that was salvaged from the folder of this name, None where there is none."""
    for episode in dataset:
        with contextlib.suppress(DatasetError):  # a damaged one: `data verify` says more
            if episode.attributes.get("salvaged") == name:
                return episode.number
    return None


def _steps(folder: Path, action_size: int) -> list[Step]:
    """The steps that are whole on disk, in order."""
    columns: dict[str, NDArray[Any]] = {}
    for name, dtype in STEP_DTYPES.items():
        columns[name] = _rows(folder / "steps" / name, (action_size,) if name in ACTIONS else (), dtype)
    length = min(len(c) for c in columns.values())
    stamps = columns["stamp"][:length]
    length = _ordered(stamps, strictly=True)
    return [
        Step(
            stamp=int(stamps[t]),
            executed=columns["executed"][t],
            proposed=columns["proposed"][t],
            human=columns["human"][t],
            source=Source(int(columns["source"][t])),
            phase=Phase(int(columns["phase"][t])),
            safety=Safety(int(columns["safety"][t])),
            reward=float(columns["reward"][t]),
            success=bool(columns["success"][t]),
            terminated=bool(columns["terminated"][t]),
            truncated=bool(columns["truncated"][t]),
        )
        for t in range(length)
    ]


def _until(stamp: int, samples: Iterator[tuple[int, Value]]) -> Iterator[tuple[int, Value]]:
    """Samples up to the first at `stamp` [ns] or later, which shows where the last step led. Steps are written later
    than samples, so that more of these may be there."""
    for sample in samples:
        yield sample
        if sample[0] >= stamp:
            return


def _samples(dataset: Dataset, folder: Path, name: str) -> Iterator[tuple[int, Value]]:
    """The samples of one stream that are whole on disk, in order."""
    field = dataset.fields[name]
    stamps = _rows(folder / "stamp", (), "int64")
    values: Any
    if name in dataset.codecs:
        values = _encoded_frames(folder / "value", 1 + len(field.shape))
    else:
        values = iter(_rows(folder / "value", field.shape, field.dtype))
    for stamp, value in zip(stamps[: _ordered(stamps, strictly=False)], values):
        yield int(stamp), value


def _rows(folder: Path, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    """The whole rows of a plain array, finished or not."""
    try:
        return read_rows(folder)
    except DatasetError:
        parts, number = [], 0
        while (path := folder / chunk_file(number, 1 + len(shape))).is_file():
            parts.append(path.read_bytes())
            number += 1
        data = b"".join(parts)
        row = int(np.prod(shape, dtype=int)) * np.dtype(dtype).itemsize
        return np.frombuffer(data[: len(data) // row * row], dtype).reshape(-1, *shape)


def _encoded_frames(folder: Path, dimensions: int) -> Iterator[bytes]:
    """The whole frames of a picture array, finished or not, as they lie on disk."""
    try:
        frames = Frames(folder)
        for i in range(len(frames)):
            yield frames.encoded(np.array([i]))[0]
        return
    except DatasetError:
        sizes = _rows_of_file(folder / SIZES_FILE)
    for first in range(0, len(sizes), FRAMES_PER_SHARD):
        path = folder / chunk_file(first // FRAMES_PER_SHARD, dimensions)
        if not path.is_file():
            return
        with path.open("rb") as file:
            for size in sizes[first : first + FRAMES_PER_SHARD]:
                data = file.read(int(size))
                if len(data) < size:
                    return
                yield data


def _rows_of_file(path: Path) -> NDArray[np.uint64]:
    data = path.read_bytes() if path.is_file() else b""
    return np.frombuffer(data[: len(data) // 8 * 8], "<u8")


def _ordered(stamps: NDArray[np.int64], *, strictly: bool) -> int:
    """How many stamps from the start are in order: what follows is padding of a file cut short."""
    steps = np.diff(stamps)
    wrong = np.flatnonzero(steps <= 0 if strictly else steps < 0)
    return int(wrong[0]) + 1 if len(wrong) else len(stamps)
