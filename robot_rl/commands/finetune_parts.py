"""What a session of `robot-rl finetune` needs, by its recipe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from robot_rl.commands.names import UsageError, existing_dataset
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.episode import Episode
from robot_rl.hardware import config as hardware_config
from robot_rl.learn.online.folder import EPISODES, load_base
from robot_rl.learn.online.recipe import Recipe
from robot_rl.learn.online.workcell import Workcell, recipe_workcell
from robot_rl.policies import checkpoint
from robot_rl.policies.chunk_policy import ChunkPolicy


@contextmanager
def parts(recipe: Recipe, directory: Path) -> Iterator[tuple[Workcell, list[Episode], ChunkPolicy | None, Dataset]]:
    """The robot with all around it, demonstrations, base, the data set to record to; released at the end."""
    demonstrations, base = demonstrations_of(recipe, directory), base_of(recipe, directory)
    with recipe_workcell(recipe, demonstrations) as cell, recorded_to(recipe, directory) as dataset:
        yield cell, demonstrations, base, dataset


def demonstrations_of(recipe: Recipe, directory: Path) -> list[Episode]:
    """The episodes of the recipe's data sets. Raises UsageError when one is not there, or is the session's own."""
    episodes = directory / EPISODES
    if any(Path(d).resolve() == episodes.resolve() for d in recipe.dataset):
        raise UsageError(f"{episodes} is what this session records itself; it cannot be a data set of demonstrations")
    return [e for name in recipe.dataset for e in Dataset.open(existing_dataset(name))]


def base_of(recipe: Recipe, directory: Path) -> ChunkPolicy | None:
    """The frozen base policy in the session's folder, if the improver wants one. Raises CheckpointError."""
    base = load_base(recipe.online, directory)
    if base is not None:
        setup = hardware_config.load(recipe.robot, recipe.control_mode or None)
        checkpoint.require_fits(base, setup.spec, setup.cameras)
    return base


@contextmanager
def recorded_to(recipe: Recipe, directory: Path) -> Iterator[Dataset]:
    """The session's own data set, open for appending."""
    setup = hardware_config.load(recipe.robot, recipe.control_mode or None)
    cameras = setup.select_cameras(recipe.cameras)
    with Dataset.open_or_create(directory / EPISODES, setup.spec, cameras) as dataset:
        yield dataset
