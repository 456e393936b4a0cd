"""diffusion_policy's replay buffer (https://github.com/real-stanford/diffusion_policy, `ReplayBuffer`): Zarr v2.

    data/<key>          (N, ...) all episodes one after the other: `action` and the observations
    meta/episode_ends   (E,) row after the last of each episode

All arrays under `data` have the same length. What the format has no place for stands under `data/robot_rl.*`
and in the root's attribute `robot_rl`; its reader takes the former for further keys and ignores the latter.
A target that ends in `.zip` becomes one zip file, the form in which the project publishes its data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from robot_rl.datasets.convert.columns import as_rows, field_name, vector_field
from robot_rl.datasets.convert.description import KEY, Description, foreign
from robot_rl.datasets.convert.losses import Holds, losses
from robot_rl.datasets.convert.options import ConvertOptions, Report
from robot_rl.datasets.convert.rows import Rows, kept_attributes, record, to_rows
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.record import STEP_DTYPES

ACTION, ENDS, TIME = "action", "episode_ends", "timestamp"
_STEP, _STAMP = f"{KEY}.step.", f"{KEY}.stamp."
ROWS_PER_CHUNK = 1024
PICTURES_PER_CHUNK = 16


def write(dataset: Dataset, target: Path, options: ConvertOptions) -> Report:
    """One Zarr v2 group; see the module for its layout."""
    chosen = [dataset.episode(n) for n in options.episodes or dataset.numbers]
    ends = np.cumsum([len(e) for e in chosen])
    zipped = target.suffix == ".zip"
    store: Any = zarr.storage.ZipStore(target, mode="w") if zipped else str(target)
    described: dict[str, Any] = {"description": Description.of(dataset).to_json()}
    described["episodes"] = [{**kept_attributes(e), "end": e.end} for e in chosen]
    root: Any = zarr.open_group(store, mode="w", zarr_format=2, attributes={KEY: described})
    writers: dict[str, _Column] = {}
    for episode in chosen:
        rows = to_rows(episode, final=False)
        for key, values in _columns(rows).items():
            if key not in writers:
                writers[key] = _Column(root, f"data/{key}", values, int(ends[-1]))
            writers[key].extend(values)
    for writer in writers.values():
        writer.finish()
    root.create_array("meta/episode_ends", data=ends.astype(np.int64), chunks=(max(1, len(ends)),))
    if zipped:
        root.store.close()
    return Report(len(chosen), int(ends[-1]), tuple(losses(chosen, Holds())))


def _columns(rows: Rows) -> dict[str, Any]:
    taken = {ACTION, TIME} & set(rows.values)
    if taken - {TIME}:
        raise DatasetError(f"an observation is called '{ACTION}', the key of the actions; rename it first")
    columns: dict[str, Any] = {ACTION: rows.steps["executed"]}
    if not taken:
        columns[TIME] = rows.steps["stamp"] * 1e-9
    columns |= rows.values
    columns |= {f"{_STEP}{name}": column for name, column in rows.steps.items() if name != "executed"}
    return columns | {f"{_STAMP}{name}": stamps for name, stamps in rows.stamps.items()}


class _Column:
    """One array under `data`, written in whole chunks as rows come."""

    def __init__(self, root: Any, name: str, values: Any, length: int) -> None:
        first = np.asarray(values[0])
        self._limit = PICTURES_PER_CHUNK if first.ndim > 1 else ROWS_PER_CHUNK
        self._array = root.create_array(
            name, shape=(length, *first.shape), dtype=first.dtype, chunks=(min(self._limit, length), *first.shape)
        )
        self._waiting: list[Any] = []
        self._written = 0

    def extend(self, values: Any) -> None:
        for row in values:
            self._waiting.append(row)
            if len(self._waiting) == self._limit:
                self.finish()

    def finish(self) -> None:
        """Write what waits."""
        if self._waiting:
            self._array[self._written : self._written + len(self._waiting)] = np.stack(self._waiting)
            self._written += len(self._waiting)
            self._waiting.clear()


def read(source: Path, target: str | Path, options: ConvertOptions) -> Report:
    """A data set of a replay buffer, ours or another's."""
    root = _open(source)
    data, ends = root["data"], np.asarray(root["meta"][ENDS][:])
    lengths = {key: array.shape[0] for key, array in data.arrays()}
    if not len(ends) or ACTION not in lengths:
        raise DatasetError(f"{source} holds no episode, or no data/{ACTION}")
    for key, length in lengths.items():
        if length < ends[-1]:
            raise DatasetError(f"{source}: data/{key} has {length} rows, {ENDS} says {ends[-1]}")
    known = root.attrs.get(KEY)
    if known:
        description = Description.from_json(known["description"], str(source))
        attributes = known["episodes"]
    else:
        description = _foreign(data, source, options)
        attributes = [{"instruction": options.instruction, "success": None}] * len(ends)
    keys = {field_name(key): key for key in lengths}
    with description.create(target) as dataset:
        for start, end, attribute in zip([0, *ends[:-1].tolist()], ends.tolist(), attributes):
            record(dataset, _rows(data, keys, dataset, slice(start, end), dict(attribute)))
        return Report(len(dataset), int(ends[-1]), ())


def _open(source: Path) -> Any:
    try:
        store: Any = zarr.storage.ZipStore(source, mode="r") if source.is_file() else str(source)
        root: Any = zarr.open_group(store, mode="r", zarr_format=2)
        root["meta"][ENDS], root["data"]
    except (KeyError, FileNotFoundError, ValueError, OSError) as error:
        raise DatasetError(
            f"{source} is not a replay buffer: a Zarr v2 group with 'data' and 'meta/{ENDS}' was expected ({error})"
        ) from None
    return root


def _foreign(data: Any, source: Path, options: ConvertOptions) -> Description:
    fields, cameras = {}, {}
    for key, array in data.arrays():
        name, shape = field_name(key), array.shape[1:]
        if key == ACTION:
            continue
        if len(shape) == 3 and shape[2] == 3 and _is_picture(array):
            cameras[name] = (shape[0], shape[1])
        elif key != TIME:
            fields[name] = vector_field(name, shape, str(array.dtype))
    action = vector_field(ACTION, data[ACTION].shape[1:], str(data[ACTION].dtype))
    rate = options.rate
    if not rate and TIME in data:
        rate = round(1 / float(np.median(np.diff(data[TIME][:1000]))), 3)
    return foreign(options.robot, rate, fields, action, cameras, options.codec, converted="diffusion-policy")


def _is_picture(array: Any) -> bool:
    """Whether rows of three channels hold whole numbers from 0 to 255, in whatever type."""
    if array.dtype == np.uint8:
        return True
    some = np.asarray(array[: min(32, array.shape[0])])
    return bool(np.all((some >= 0) & (some <= 255) & (some == np.round(some))) and some.max() > 1)


def _rows(data: Any, keys: dict[str, str], dataset: Dataset, part: slice, attributes: dict[str, Any]) -> Rows:
    steps: dict[str, NDArray[Any]] = {"executed": as_rows(np.asarray(data[ACTION][part]))}
    steps |= {name: np.asarray(data[_STEP + name][part]) for name in STEP_DTYPES if _STEP + name in data}
    if TIME in data and "stamp" not in steps and TIME not in dataset.fields:
        steps["stamp"] = np.round(np.asarray(data[TIME][part], np.float64) * 1e9).astype(np.int64)
    missing = set(dataset.fields) - set(keys)
    if missing:
        raise DatasetError(f"data/{sorted(missing)[0]} is missing in the replay buffer")
    values = {}
    for name, field in dataset.fields.items():
        column = data[keys[name]]
        values[name] = _Pictures(column, part, field.dtype) if field.is_image else as_rows(np.asarray(column[part]))
    stamps = {name: np.asarray(data[_STAMP + name][part]) for name in values if _STAMP + name in data}
    return Rows(steps, values, stamps, attributes.pop("end", None), attributes)


class _Pictures(Sequence[Any]):
    """The pictures of one episode, a chunk in memory at a time."""

    def __init__(self, array: Any, part: slice, dtype: str) -> None:
        self._array, self._part, self._dtype = array, part, dtype
        self._first, self._block = 0, np.empty(0)

    def __len__(self) -> int:
        return int(self._part.stop - self._part.start)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        if not self._first <= index < self._first + len(self._block):
            self._first = index
            start = self._part.start + index
            self._block = np.asarray(self._array[start : min(start + 64, self._part.stop)])
        picture = self._block[index - self._first]
        exact = picture.astype(self._dtype)
        if picture.dtype != exact.dtype and not np.array_equal(picture, exact):
            raise DatasetError(f"{self._array.path}, row {self._part.start + index}: values are not whole 0 to 255")
        return exact
