"""What a session of `robot-rl finetune` needs, by its recipe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from robot_rl.commands.names import UsageError, existing_dataset
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.episode import Episode
from robot_rl.hardware import config as hardware_config
from robot_rl.learn.online.folder import EPISODES, load_base, release
from robot_rl.learn.online.recipe import Recipe
from robot_rl.learn.online.workcell import Workcell, recipe_workcell
from robot_rl.serving.protocol import ServablePolicy


@contextmanager
def parts(recipe: Recipe, directory: Path) -> Iterator[tuple[Workcell, list[Episode], ServablePolicy | None, Dataset]]:
    """The robot with all around it, demonstrations, base, the data set to record to; released at the end."""
    demonstrations = demonstrations_of(recipe, directory)
    with (
        base_of(recipe, directory) as base,
        recipe_workcell(recipe, demonstrations) as cell,
        recorded_to(recipe, directory) as dataset,
    ):
        yield cell, demonstrations, base, dataset


def demonstrations_of(recipe: Recipe, directory: Path) -> list[Episode]:
    """The episodes of the recipe's data sets. Raises UsageError when one is not there, or is the session's own."""
    episodes = directory / EPISODES
    if any(Path(d).resolve() == episodes.resolve() for d in recipe.dataset):
        raise UsageError(f"{episodes} is what this session records itself; it cannot be a data set of demonstrations")
    return [e for name in recipe.dataset for e in Dataset.open(existing_dataset(name))]


@contextmanager
def base_of(recipe: Recipe, directory: Path) -> Iterator[ServablePolicy | None]:
    """The frozen base policy of the session, if the improver wants one. Raises as `load_base`."""
    setup = hardware_config.load(recipe.robot, recipe.control_mode or None)
    base = load_base(recipe.online, directory, setup.spec, setup.cameras)
    try:
        yield base
    finally:
        release(base)


@contextmanager
def recorded_to(recipe: Recipe, directory: Path) -> Iterator[Dataset]:
    """The session's own data set, open for appending."""
    setup = hardware_config.load(recipe.robot, recipe.control_mode or None)
    cameras = setup.select_cameras(recipe.cameras)
    with Dataset.open_or_create(directory / EPISODES, setup.spec, cameras) as dataset:
        yield dataset
