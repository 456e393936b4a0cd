"""Finding what the user named: data sets by name or path, and the error for what is not there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from robot_rl import workspace
from robot_rl.datasets.store.place import dataset_path as dataset_path
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


def existing_dataset(name: str) -> Path:
    """As `dataset_path` (robot_rl.datasets.store.place has the rule), for one that must be there.

    Raises:
        UsageError: there is none; it names the nearest, or what else lies there and how to convert it.
    """
    path = dataset_path(name)
    if store_url(path) is None and not (path / "zarr.json").is_file():
        from robot_rl.datasets.store.foreign import convert_command, foreign

        for other in (path, Path(name)):
            if (kind := foreign(other)) is not None:
                raise UsageError(f"{other} is {kind}, no robot_rl data set: {convert_command(other, kind)}")
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
