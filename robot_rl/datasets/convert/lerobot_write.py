"""Writing a LeRobotDataset v3 that LeRobot's own reader opens."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.convert import lerobot_schema as schema
from robot_rl.datasets.convert.columns import as_rows, join, labels
from robot_rl.datasets.convert.description import KEY, Description
from robot_rl.datasets.convert.lerobot_columns import ACTION, STEP_COLUMNS, column_map, fields_of, stamp_column
from robot_rl.datasets.convert.losses import Holds, losses
from robot_rl.datasets.convert.options import ConvertOptions, Report
from robot_rl.datasets.convert.rows import Pictures, Rows, kept_attributes, to_rows
from robot_rl.datasets.convert.video import VideoWriter
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.store.codecs import ImageCodec

if TYPE_CHECKING:
    import pyarrow as pa

_STATS_FRAMES = 20
"""Frames of each camera and episode that its statistics are taken from."""


def write(dataset: Dataset, target: Path, options: ConvertOptions) -> Report:
    """One folder; see `lerobot_schema` for its layout."""
    chosen = [dataset.episode(n) for n in options.episodes or dataset.numbers]
    writer = _Writer(dataset, target, options)
    for episode in chosen:
        writer.add(to_rows(episode, final=False))
    writer.finish([kept_attributes(e) | {"end": e.end} for e in chosen])
    lost = losses(chosen, Holds())
    if options.pictures != "png" and writer.cameras:
        lost.append(
            f"pictures of {', '.join(writer.cameras.values())}: {options.pictures} at crf {options.crf} is lossy"
        )
    return Report(len(chosen), sum(len(e) for e in chosen), tuple(lost))


class _Writer:
    """The files of one data set, episode after episode."""

    def __init__(self, dataset: Dataset, target: Path, options: ConvertOptions) -> None:
        self.dataset, self.target, self.options = dataset, target, options
        self.columns = column_map(dataset)
        self.cameras = {c: n[0] for c, n in self.columns.items() if dataset.fields[n[0]].kind == "image"}
        self.features: dict[str, Any] = {}
        self._tasks: dict[str, int] = {}
        self._frames = 0
        self._episodes: list[dict[str, Any]] = []
        self._stats: dict[str, list[schema.Stats]] = {}
        self._data = _ParquetFiles(target)
        self._videos: dict[str, _VideoFiles] = {}
        if options.pictures != "png":
            self._videos = {c: _VideoFiles(target, c, dataset.spec.rate, options) for c in self.cameras}

    def add(self, rows: Rows) -> None:
        """Append one episode."""
        task = str(rows.attributes.get("instruction", ""))
        numbers = self._numbers(rows, self._tasks.setdefault(task, len(self._tasks)))
        stats = {c: schema.number_stats(v) for c, v in numbers.items() if np.isfinite(v).all()}
        pictures: dict[str, Sequence[Any]] = {c: rows.values[n] for c, n in self.cameras.items()}  # type: ignore[misc]
        entry: dict[str, Any] = {"episode_index": len(self._episodes), "tasks": [task], "length": len(rows)}
        encoded: dict[str, list[bytes]] = {}
        for column, frames in pictures.items():
            stats[column] = _picture_stats(frames, len(rows))
            if column in self._videos:
                entry |= self._videos[column].add(frames, len(rows))
            else:
                encoded[column] = [_png(frames, t) for t in range(len(rows))]
        self._describe(numbers)
        number = self._data.add(numbers, encoded, self.features)
        entry |= dict(zip(("data/chunk_index", "data/file_index"), schema.place(number)))
        entry |= {"dataset_from_index": self._frames, "dataset_to_index": self._frames + len(rows)}
        entry |= {f"stats/{c}/{k}": v.tolist() for c, s in stats.items() for k, v in s.items()}
        entry |= {"meta/episodes/chunk_index": 0, "meta/episodes/file_index": 0}
        self._episodes.append(entry)
        self._frames += len(rows)
        for column, part in stats.items():
            self._stats.setdefault(column, []).append(part)

    def finish(self, attributes: list[dict[str, Any]]) -> None:
        """End the files and write what is said of the whole."""
        self._data.close()
        for video in self._videos.values():
            video.close()
        spec = self.dataset.spec
        count = len(self._episodes)
        info = schema.info(spec.robot, spec.rate, self.features, count, self._frames, len(self._tasks))
        meta = self.target / "meta"
        meta.mkdir(parents=True, exist_ok=True)
        (meta / "info.json").write_text(json.dumps(info, indent=4))
        stats = {c: schema.combine(parts) for c, parts in self._stats.items() if len(parts) == count}
        plain = {c: {k: v.tolist() for k, v in s.items()} for c, s in stats.items()}
        (meta / "stats.json").write_text(json.dumps(plain, indent=1))
        own = {"description": Description.of(self.dataset).to_json(), "columns": self.columns, "episodes": attributes}
        (meta / f"{KEY}.json").write_text(json.dumps(own))
        _write_tasks(meta / "tasks.parquet", list(self._tasks))
        _write_episodes(self.target / schema.EPISODES_PATH.format(chunk_index=0, file_index=0), self._episodes)

    def _numbers(self, rows: Rows, task: int) -> dict[str, NDArray[Any]]:
        """Every column of numbers: (T,) or (T, ...)."""
        out: dict[str, NDArray[Any]] = {}
        for column, names in self.columns.items():
            if column not in self.cameras:
                fields = fields_of(self.dataset.fields, names)
                one = rows.values[names[0]]
                joined = join(fields, rows.values) if len(fields[0].shape) == 1 else np.asarray(one[:])  # type: ignore[arg-type]
                out[column] = joined
        out[ACTION] = rows.steps["executed"].astype(self.dataset.attributes.get("action_dtype", "float64"))
        out |= {theirs: rows.steps[ours] for ours, theirs in STEP_COLUMNS.items()}
        out |= {stamp_column(n): s for n, s in rows.stamps.items()}
        length, count = np.arange(len(rows)), len(rows)
        out |= {
            "timestamp": (length / self.dataset.spec.rate).astype(np.float32),
            "frame_index": length,
            "episode_index": np.full(count, len(self._episodes)),
            "index": length + self._frames,
            "task_index": np.full(count, task),
        }
        return out

    def _describe(self, numbers: Mapping[str, NDArray[Any]]) -> None:
        if self.features:
            return
        fields, spec = self.dataset.fields, self.dataset.spec
        named = {c: labels(fields_of(fields, n)) for c, n in self.columns.items() if len(fields[n[0]].shape) == 1}
        named[ACTION] = labels(spec.action.vectors)
        named |= {STEP_COLUMNS[n]: named[ACTION] for n in ("proposed", "human")}
        for column, values in numbers.items():
            self.features[column] = schema.number_feature(
                str(values.dtype), as_rows(values).shape[1:], named.get(column)
            )
        for column, name in self.cameras.items():
            height, width = fields[name].shape[:2]
            if column in self._videos:
                feature = schema.video_feature(height, width, spec.rate, self.options.pictures)
            else:
                feature = schema.picture_feature(height, width)
            self.features[column] = feature


def _png(frames: Sequence[Any], row: int) -> bytes:
    """One frame as a PNG file, taken as it lies on disk where it is one."""
    if isinstance(frames, Pictures) and frames.frames.codec.name == "png":
        return frames.encoded(row)
    return ImageCodec("png", 1).encode(frames[row])


def _picture_stats(frames: Sequence[Any], count: int) -> schema.Stats:
    rows = np.unique(np.linspace(0, count - 1, min(count, _STATS_FRAMES)).astype(int))
    return schema.picture_stats(np.stack([frames[int(r)] for r in rows]), count)


class _ParquetFiles:
    """The frames of all episodes, a row group an episode, in files of limited size."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._number, self._bytes = -1, 0
        self._writer: Any = None

    def add(self, numbers: Mapping[str, NDArray[Any]], pictures: Mapping[str, list[bytes]], features: Any) -> int:
        """Append an episode; returns the running number of its file."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        arrays = {c: _number_array(v) for c, v in numbers.items()}
        for column, data in pictures.items():
            kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
            arrays[column] = pa.array([{"bytes": d, "path": None} for d in data], kind)
        table = pa.table(arrays)
        if self._writer is None or self._bytes > schema.DATA_MB << 20:
            self.close()
            self._number, self._bytes = self._number + 1, 0
            chunk, file = schema.place(self._number)
            path = self._target / schema.DATA_PATH.format(chunk_index=chunk, file_index=file)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = pq.ParquetWriter(path, table.schema, compression="snappy")
        self._writer.write_table(table)
        self._bytes += table.nbytes
        return self._number

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _number_array(values: NDArray[Any]) -> pa.Array:
    """(T,) or (T, 1) as plain values, (T, n) as lists of fixed length, more axes as lists of lists."""
    import pyarrow as pa

    if values.ndim == 1 or values.shape[1:] == (1,):
        return pa.array(values.reshape(-1))
    array = pa.array(np.ascontiguousarray(values).reshape(-1))
    for depth, size in enumerate(reversed(values.shape[1:])):
        last = depth == values.ndim - 2
        array = pa.FixedSizeListArray.from_arrays(array, size)
        if values.ndim > 2 and not last:
            array = array.cast(pa.list_(array.type.value_type))
    return array.cast(pa.list_(array.type.value_type)) if values.ndim > 2 else array


class _VideoFiles:
    """The frames of one camera over all episodes, in files of limited size."""

    def __init__(self, target: Path, column: str, fps: float, options: ConvertOptions) -> None:
        self._target, self._column, self._fps, self._options = target, column, fps, options
        self._number = -1
        self._writer: VideoWriter | None = None

    def add(self, frames: Sequence[Any], count: int) -> dict[str, Any]:
        """Append the frames of an episode; returns what its entry says of them."""
        writer = self._writer
        if writer is None or writer.bytes > schema.VIDEO_MB << 20:
            self.close()
            self._number += 1
            writer = self._writer = self._open()
        start = writer.frames / self._fps
        for row in range(count):
            writer.add(frames[row])
        chunk, file = schema.place(self._number)
        said = {"chunk_index": chunk, "file_index": file}
        times = {"from_timestamp": start, "to_timestamp": writer.frames / self._fps}
        return {f"videos/{self._column}/{k}": v for k, v in (said | times).items()}

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def _open(self) -> VideoWriter:
        chunk, file = schema.place(self._number)
        path = schema.VIDEO_PATH.format(video_key=self._column, chunk_index=chunk, file_index=file)
        return VideoWriter(self._target / path, self._options.pictures, self._fps, self._options.crf)


def _write_tasks(path: Path, tasks: list[str]) -> None:
    """Tasks by index, as a table that pandas reads with the text as its index."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"task_index": np.arange(len(tasks)), "__index_level_0__": tasks})
    described: list[dict[str, Any]] = [
        {"name": "task_index", "field_name": "task_index", "pandas_type": "int64", "numpy_type": "int64"},
        {"name": None, "field_name": "__index_level_0__", "pandas_type": "unicode", "numpy_type": "object"},
    ]
    pandas = {
        "index_columns": ["__index_level_0__"],
        "column_indexes": [],
        "columns": [d | {"metadata": None} for d in described],
        "pandas_version": "2.2.3",
    }
    pq.write_table(table.replace_schema_metadata({"pandas": json.dumps(pandas)}), path)


def _write_episodes(path: Path, episodes: list[dict[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    columns = dict.fromkeys(c for e in episodes for c in e)
    pq.write_table(pa.table({c: pa.array([e.get(c) for e in episodes]) for c in columns}), path)
