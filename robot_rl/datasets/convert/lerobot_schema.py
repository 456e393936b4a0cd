"""The words of LeRobotDataset v3: paths, features and statistics (pure).

https://github.com/huggingface/lerobot, `lerobot/datasets`: one table of frames over all episodes, tasks by
index, and for each episode the range of its rows and of its part in each video.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

VERSION = "v3.0"
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
EPISODES_PATH = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
CHUNK_FILES = 1000
DATA_MB, VIDEO_MB = 100, 200
"""A file is closed at about this size and a new one begun."""
INDEX_COLUMNS = {
    "timestamp": "float32",
    "frame_index": "int64",
    "episode_index": "int64",
    "index": "int64",
    "task_index": "int64",
}
"""Columns that every data set has."""
QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}

Stats = dict[str, NDArray[Any]]


def place(number: int) -> tuple[int, int]:
    """Chunk and file of the file with this running number."""
    return number // CHUNK_FILES, number % CHUNK_FILES


def number_feature(dtype: str, shape: Sequence[int], names: Sequence[str] | None = None) -> dict[str, Any]:
    """A feature of numbers."""
    return {"dtype": dtype, "shape": list(shape), "names": None if names is None else list(names)}


def picture_feature(height: int, width: int) -> dict[str, Any]:
    """A camera whose frames lie in the Parquet files."""
    return {"dtype": "image", "shape": [height, width, 3], "names": ["height", "width", "channels"]}


def video_feature(height: int, width: int, fps: float, codec: str) -> dict[str, Any]:
    """A camera whose frames lie in MP4 files."""
    info = {
        "video.height": height,
        "video.width": width,
        "video.codec": codec,
        "video.pix_fmt": "yuv420p",
        "video.is_depth_map": False,
        "video.fps": fps,
        "video.channels": 3,
        "has_audio": False,
    }
    return picture_feature(height, width) | {"dtype": "video", "info": info}


def info(robot: str, fps: float, features: Mapping[str, Any], episodes: int, frames: int, tasks: int) -> dict[str, Any]:
    """The content of meta/info.json. `fps` becomes a whole number where it is one, as LeRobot writes it."""
    return {
        "codebase_version": VERSION,
        "robot_type": robot,
        "total_episodes": episodes,
        "total_frames": frames,
        "total_tasks": tasks,
        "chunks_size": CHUNK_FILES,
        "data_files_size_in_mb": DATA_MB,
        "video_files_size_in_mb": VIDEO_MB,
        "fps": int(fps) if float(fps).is_integer() else fps,
        "splits": {"train": f"0:{episodes}"},
        "data_path": DATA_PATH,
        "video_path": VIDEO_PATH if any(f["dtype"] == "video" for f in features.values()) else None,
        "features": dict(features),
    }


def number_stats(values: NDArray[Any]) -> Stats:
    """Statistics of a column (T, ...) of numbers over its first axis."""
    x = np.asarray(values, np.float64)
    x = x[:, None] if x.ndim == 1 else x
    out = {"min": x.min(0), "max": x.max(0), "mean": x.mean(0), "std": x.std(0), "count": np.array([len(x)])}
    return out | {name: np.quantile(x, q, axis=0) for name, q in QUANTILES.items()}


def picture_stats(pictures: NDArray[np.uint8], count: int) -> Stats:
    """Statistics of some frames (K, H, W, 3) by channel, (3, 1, 1), of values from 0 to 1.

    Args:
        count: how many frames the episode has.
    """
    x = pictures.reshape(-1, 3) / 255.0
    out = {"min": x.min(0), "max": x.max(0), "mean": x.mean(0), "std": x.std(0)}
    out |= {name: np.quantile(x, q, axis=0) for name, q in QUANTILES.items()}
    return {name: value.reshape(3, 1, 1) for name, value in out.items()} | {"count": np.array([count])}


def combine(parts: Sequence[Stats]) -> Stats:
    """Statistics of several episodes together; quantiles are means weighted by length, as in LeRobot.

    The variance is that of all rows: sum of n_i (s_i^2 + (m_i - m)^2) over N (Chan et al. 1979).
    """
    n = np.array([p["count"][0] for p in parts], np.float64)

    def mean(values: Sequence[NDArray[Any]]) -> NDArray[Any]:
        return np.tensordot(n, np.stack(values), axes=1) / n.sum()

    m = mean([p["mean"] for p in parts])
    out = {
        "min": np.min([p["min"] for p in parts], axis=0),
        "max": np.max([p["max"] for p in parts], axis=0),
        "mean": m,
        "std": np.sqrt(mean([p["std"] ** 2 + (p["mean"] - m) ** 2 for p in parts])),
        "count": np.array([int(n.sum())]),
    }
    return out | {name: mean([p[name] for p in parts]) for name in QUANTILES}
