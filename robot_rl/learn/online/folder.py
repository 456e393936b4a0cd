"""A new session's folder: its recipe, and all that a robot needs beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online import recipe as recipes
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.policies import checkpoint
from robot_rl.policies.chunk_policy import ChunkPolicy

BASE = "base"
"""The frozen base policy, copied."""
EPISODES = "episodes"
"""The data set of online episodes."""


def load_base(online: OnlineConfig, directory: Path) -> ChunkPolicy | None:
    """The frozen base policy in the session's folder `directory`, if the improver wants one. Raises CheckpointError."""
    return checkpoint.load(directory / BASE, online.device) if online.improver.base != "none" else None


def begin_folder(recipe: recipes.Recipe, directory: Path) -> None:
    """Write the resolved recipe into `directory`, and the base policy, if the improver wants one.

    Raises:
        TrainingError: no base is named.
        CheckpointError: there is no such base.
    """
    if recipe.online.improver.base != "none":
        if not recipe.checkpoint:
            raise TrainingError(f"improver '{recipe.online.improver.name}' improves a base policy: name its checkpoint")
        shutil.copytree(checkpoint.resolve(recipe.checkpoint), directory / BASE, dirs_exist_ok=True)
    recipes.save(recipe, directory)
