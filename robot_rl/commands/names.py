"""Finding what the user named: data sets by name or path, and the error for what is not there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from robot_rl import workspace
from robot_rl.datasets.store.urls import store_url

if TYPE_CHECKING:
    from robot_rl.datasets.dataset import Dataset
    from robot_rl.datasets.episode import Episode


class UsageError(ValueError):
    """The options do not go together, or name something that is not there; the message says what to do."""


def datasets() -> list[str]:
    """The names of the data sets under `datasets/` of the workspace."""
    folder = workspace.root() / "datasets"
    return sorted(p.parent.name for p in folder.glob("*/zarr.json"))


def dataset_path(name: str) -> Path:
    """Where the data set `name` lies or will lie: a plain name means `datasets/<name>` of the workspace."""
    path = Path(name).expanduser()
    if path.is_absolute() or len(path.parts) > 1 or path.is_dir():
        return path
    return workspace.root() / "datasets" / name


def existing_dataset(name: str) -> Path:
    """As `dataset_path`, for one that must be there. Raises UsageError with the nearest name."""
    path = dataset_path(name)
    if store_url(path) is None and not (path / "zarr.json").is_file():
        from robot_rl.datasets.store.foreign import convert_command, foreign

        if (kind := foreign(path)) is not None:
            raise UsageError(f"{path} is {kind}, no robot_rl data set: {convert_command(path, kind)}")
        beside = {p.parent.name for p in path.parent.glob("*/zarr.json")}
        near = workspace.did_you_mean(path.name, beside | set(datasets()))
        raise UsageError(f"no data set at {path}.{near} `robot-rl record --dataset {name}` records one")
    return path


def pick_episode(dataset: Dataset, number: int) -> Episode:
    """The episode of that number, counted from the end when negative. Raises UsageError when there is none."""
    if not len(dataset):
        raise UsageError(f"{dataset.path} holds no episode yet")
    if number >= 0:
        return dataset.episode(number)
    if number < -len(dataset):
        raise UsageError(f"episode {number}: {dataset.path} holds {len(dataset)}")
    episode: Episode = dataset[number]
    return episode
