"""The formats by name. A format's module is imported when it is used, so its packages are needed only then."""

from __future__ import annotations

import importlib
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robot_rl import workspace
from robot_rl.datasets.convert.options import ConvertOptions, Report
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.errors import DatasetError


@dataclass(frozen=True)
class Format:
    """One format of another project. Its module has `write` (ours to theirs) and `read` (theirs to ours)."""

    module: str
    summary: str


_HERE = "robot_rl.datasets.convert"
FORMATS: dict[str, Format] = {
    "lerobot": Format(f"{_HERE}.lerobot", "LeRobotDataset v3: Parquet with PNG images or MP4"),
    "robomimic": Format(f"{_HERE}.robomimic", "robomimic: one HDF5 file with masks"),
    "diffusion-policy": Format(
        f"{_HERE}.diffusion_policy", "diffusion_policy: replay buffer in Zarr v2, folder or .zip"
    ),
    "rosbag": Format(f"{_HERE}.rosbag", "rosbag2 with MCAP: a folder of bags, one an episode"),
    "minari": Format(f"{_HERE}.minari", "Minari: HDF5 behind gymnasium spaces"),
}


def export_dataset(dataset: Dataset, target: str | Path, to: str, options: ConvertOptions | None = None) -> Report:
    """Write a data set in another project's format.

    Args:
        target: file or folder to make; it appears when it is complete.

    Raises:
        DatasetError: an unknown format or episode, a target that exists, no episode, or a value that does not fit.
    """
    options = options or ConvertOptions()
    write = _function(to, "write")
    for number in options.episodes or ():
        dataset.episode(number)
    if not len(dataset):
        raise DatasetError(f"{dataset.path} has no episode to convert")
    return _in_place(Path(target), lambda path: write(dataset, path, options))


def import_dataset(
    source: str | Path, target: str | Path, origin: str, options: ConvertOptions | None = None
) -> Report:
    """Make a data set of another project's files.

    Raises:
        DatasetError: an unknown format, a source that is none or damaged, or a target that exists.
    """
    options = options or ConvertOptions()
    read = _function(origin, "read")
    if not Path(source).exists():
        raise DatasetError(f"{source} does not exist")
    if "://" in str(target):
        return read(Path(source), target, options)
    return _in_place(Path(target), lambda path: read(Path(source), path, options))


def _function(name: str, function: str) -> Callable[[Any, Any, ConvertOptions], Report]:
    if name not in FORMATS:
        raise DatasetError(f"no format '{name}'.{workspace.did_you_mean(name, FORMATS)}")
    return getattr(importlib.import_module(FORMATS[name].module), function)  # type: ignore[no-any-return]


def _in_place(target: Path, make: Callable[[Path], Report]) -> Report:
    """Make the target under a passing name and rename it, so that an interruption leaves nothing half made."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise DatasetError(f"{target} exists already; choose another name or remove it first")
    target.parent.mkdir(parents=True, exist_ok=True)
    passing = target.with_name(f".{uuid.uuid4().hex[:8]}.{target.name}")
    try:
        report = make(passing)
        if target.is_dir():
            target.rmdir()
        passing.rename(target)
    finally:
        _remove(passing)
    return report


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
