"""Reading a LeRobotDataset v3, ours or one that LeRobot wrote, videos included."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.convert import endings
from robot_rl.datasets.convert import lerobot_schema as schema
from robot_rl.datasets.convert.columns import as_rows, field_name, split, vector_field
from robot_rl.datasets.convert.description import KEY, Description, foreign
from robot_rl.datasets.convert.lerobot_columns import ACTION, IMAGES, STEP_COLUMNS, stamp_column
from robot_rl.datasets.convert.lerobot_paths import filled, inside
from robot_rl.datasets.convert.options import ConvertOptions, Report
from robot_rl.datasets.convert.rows import Rows, record
from robot_rl.datasets.convert.video import decode
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.store.codecs import ImageCodec
from robot_rl.datasets.store.files import read_json


def read(source: Path, target: str | Path, options: ConvertOptions) -> Report:
    """A data set of a LeRobotDataset v3 folder."""
    theirs = _Source(source)
    description, columns = theirs.describe(options)
    steps, several, cut_off = 0, 0, 0
    with description.create(target) as dataset:
        for number, entry in enumerate(theirs.episodes()):
            rows, tasks, cut = theirs.rows(entry, number, dataset, columns)
            record(dataset, rows)
            steps += len(rows)
            several += tasks > 1
            cut_off += cut
        if steps != theirs.info["total_frames"]:
            raise DatasetError(
                f"{source}: {steps} frames were found, meta/info.json says {theirs.info['total_frames']}"
            )
    lost = [f"{column}: text at every frame" for column in theirs.texts]
    lost += [f"instruction: {several} episodes change their task on the way; the first is kept"] if several else []
    lost += [endings.loss(STEP_COLUMNS["terminated"], cut_off, len(dataset))] if cut_off else []
    return Report(len(dataset), steps, tuple(lost))


class _Source:
    """The files of one LeRobotDataset."""

    def __init__(self, root: Path) -> None:
        if not (root / "meta/info.json").is_file():
            raise DatasetError(f"{root} is not a LeRobotDataset: meta/info.json is missing")
        self.root = root
        self.info = read_json(root / "meta/info.json")
        version = str(self.info.get("codebase_version"))
        if version.split(".")[0] != schema.VERSION.split(".")[0]:
            raise DatasetError(
                f"{root} has codebase_version {version}, this reads {schema.VERSION}; convert it with LeRobot's own "
                "`python -m lerobot.datasets.v30.convert_dataset_v21_to_v30` first"
            )
        self.features: dict[str, Any] = self.info["features"]
        self.fps = float(self.info["fps"])
        self.texts = [column for column, f in self.features.items() if f["dtype"] in ("string", "language")]
        own = root / "meta" / f"{KEY}.json"
        self.own: dict[str, Any] = read_json(own) if own.is_file() else {}
        self.tasks = _tasks(root / "meta/tasks.parquet")

    def describe(self, options: ConvertOptions) -> tuple[Description, dict[str, list[str]]]:
        """What our data set is, and which column holds which of its streams."""
        if self.own:
            place = str(self.root / "meta" / f"{KEY}.json")
            return Description.from_json(self.own["description"], place), self.own["columns"]
        fields, cameras = {}, {}
        columns: dict[str, list[str]] = {}
        skipped = {ACTION, *schema.INDEX_COLUMNS, *STEP_COLUMNS.values()}
        for column, f in self.features.items():
            if column in skipped or column in self.texts:
                continue
            name = field_name(column.removeprefix(IMAGES).removeprefix("observation."))
            name = field_name(column) if [name] in columns.values() else name
            columns[column] = [name]
            if f["dtype"] in ("image", "video"):
                cameras[name] = _picture_size(column, f)
            else:
                fields[name] = vector_field(name, tuple(f["shape"]), f["dtype"], _names(f))
        if ACTION not in self.features:
            raise DatasetError(f"{self.root} has no feature '{ACTION}'")
        action = self.features[ACTION]
        robot = str(self.info.get("robot_type") or options.robot)
        described = foreign(
            robot,
            self.fps,
            fields,
            vector_field(ACTION, tuple(action["shape"]), "float64", _names(action)),
            cameras,
            options.codec,
            columns=columns,
            action_dtype=action["dtype"],
            converted="lerobot",
        )
        return described, columns

    def episodes(self) -> Iterator[dict[str, Any]]:
        """The entry of each episode, in order."""
        import pyarrow.parquet as pq

        for path in sorted((self.root / "meta/episodes").glob("chunk-*/file-*.parquet")):
            names = [n for n in pq.read_schema(path).names if not n.startswith("stats/")]
            yield from pq.read_table(path, columns=names).to_pylist()

    def rows(
        self, entry: dict[str, Any], number: int, dataset: Dataset, columns: dict[str, list[str]]
    ) -> tuple[Rows, int, bool]:
        """One episode, how many tasks it has, and whether it is done for a reason that is not known."""
        table = self._table(entry)
        length = int(entry["length"])
        if len(table) != length:
            raise DatasetError(f"{self.root}: episode {number} has {len(table)} rows, its entry says {length}")
        steps = {"executed": _numbers(table, ACTION, self.features).astype(np.float64)}
        for ours, column in STEP_COLUMNS.items():
            if column in table.column_names:
                found = _numbers(table, column, self.features)
                steps[ours] = found if ours in ("proposed", "human") else found.reshape(-1)
        steps, cut = endings.told_apart(steps)
        values = self._values(entry, table, dataset, columns)
        stamps = {}
        for name in values:
            if stamp_column(name) in table.column_names:
                stamps[name] = _numbers(table, stamp_column(name), self.features).reshape(-1)
        if self.own:
            attributes = dict(self.own["episodes"][number])
            return Rows(steps, values, stamps, attributes.pop("end", None), attributes), 1, cut
        tasks = _numbers(table, "task_index", self.features).reshape(-1)
        success = bool(steps["success"].any()) if "success" in steps else None
        attributes = {"instruction": self.tasks[int(tasks[0])], "success": success}
        return Rows(steps, values, {}, None, attributes), len(np.unique(tasks)), cut

    def _values(
        self, entry: dict[str, Any], table: Any, dataset: Dataset, columns: dict[str, list[str]]
    ) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for column, names in columns.items():
            fields = [dataset.fields[n] for n in names]
            kind = self.features[column]["dtype"]
            if kind == "video":
                values[names[0]] = self._video(entry, column)
            elif kind == "image":
                values[names[0]] = _Images(table[column], fields[0].shape, self.root)
            elif len(fields[0].shape) == 1:
                values |= split(fields, _numbers(table, column, self.features))
            else:
                values[names[0]] = _numbers(table, column, self.features).astype(fields[0].dtype)
        return values

    def _video(self, entry: dict[str, Any], column: str) -> _Video:
        where = {k: int(entry[f"videos/{column}/{k}"]) for k in ("chunk_index", "file_index")}
        path = filled(self.root, self.info.get("video_path"), "video_path", video_key=column, **where)
        return _Video(path, entry[f"videos/{column}/from_timestamp"], self.fps, int(entry["length"]))

    def _table(self, entry: dict[str, Any]) -> Any:
        where = {k: int(entry[f"data/{k}"]) for k in ("chunk_index", "file_index")}
        table, first = _file(filled(self.root, self.info.get("data_path"), "data_path", **where))
        start = int(entry["dataset_from_index"]) - first
        return table.slice(start, int(entry["dataset_to_index"]) - int(entry["dataset_from_index"]))


class _Images(Sequence[Any]):
    """The frames of one episode that lie in the table."""

    def __init__(self, column: Any, shape: tuple[int, ...], root: Path) -> None:
        self._column, self._shape, self._root = column, shape, root

    def __len__(self) -> int:
        return len(self._column)

    def __getitem__(self, index: Any) -> Any:
        picture = self._column[index].as_py()
        data = picture["bytes"] or inside(self._root, picture["path"], f"the file of picture {index}").read_bytes()
        return ImageCodec("png", 1).decode(data, self._shape, "uint8")


class _Video(Sequence[Any]):
    """The frames of one episode in a video, decoded in order."""

    def __init__(self, path: Path, start: float, fps: float, length: int) -> None:
        self._length, self._next = length, 0
        self._frames = decode(path, start, fps, length)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Any) -> Any:
        if index < self._next:
            raise IndexError(f"a video is read in order: frame {self._next} is next, {index} was asked for")
        while self._next < index:
            next(self._frames)
            self._next += 1
        self._next += 1
        return next(self._frames)


@lru_cache(maxsize=1)
def _file(path: Path) -> tuple[Any, int]:
    """The table in a file, and the index of its first row."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise DatasetError(f"{path} cannot be read: {error}") from None
    return table, int(table["index"][0].as_py())


def _numbers(table: Any, name: str, features: dict[str, Any]) -> NDArray[Any]:
    """A column of numbers (T, *shape)."""
    import pyarrow as pa

    column = table[name].combine_chunks()
    while isinstance(column, pa.ChunkedArray | pa.ExtensionArray):
        column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column.storage
    while (
        pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type) or pa.types.is_large_list(column.type)
    ):
        column = column.flatten()
    dtype = features.get(name, {}).get("dtype", "float64")
    array = column.to_numpy(zero_copy_only=False).astype(dtype)
    shape = tuple(features[name]["shape"]) if name in features else (1,)
    return as_rows(array.reshape(len(table), *shape))


def _tasks(path: Path) -> dict[int, str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    text = [
        c for c in table.column_names if pa.types.is_string(table[c].type) or pa.types.is_large_string(table[c].type)
    ]
    if not text:
        raise DatasetError(f"{path} has no column of text; columns: {', '.join(table.column_names)}")
    return dict(zip(table["task_index"].to_pylist(), table[text[0]].to_pylist()))


def _names(feature: dict[str, Any]) -> list[str] | None:
    """The names of the numbers; LeRobot writes a list, or a mapping with one list in it."""
    names = feature.get("names")
    if isinstance(names, dict):
        names = next(iter(names.values()), None)
    return list(names) if isinstance(names, list) else None


def _picture_size(column: str, feature: dict[str, Any]) -> tuple[int, int]:
    """Height and width; LeRobot also has channels first, and says so by names."""
    shape, names = list(feature["shape"]), feature.get("names") or []
    if names and str(names[0]).startswith("channel"):
        shape = [*shape[1:], shape[0]]
    if len(shape) != 3 or shape[2] != 3:
        raise DatasetError(f"feature '{column}' has shape {feature['shape']}: pictures of three channels are read")
    return int(shape[0]), int(shape[1])
