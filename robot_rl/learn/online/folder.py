"""A new session's folder: its recipe, and all that a robot needs beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online import recipe as recipes
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.store import FREE, differences, plain
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


def continue_folder(recipe: recipes.Recipe, directory: Path, *, accept_changes: bool = False) -> None:
    """Write the recipe that the session in `directory` goes on with.

    Raises:
        TrainingError: it differs from the one that the session was begun with, with each difference, and that is not
            accepted; or it names another base, which is never.
    """
    before = recipes.load(directory / recipes.FILE)
    free = ("operator", "remote", "name", *FREE)
    found = differences(plain(before.to_dict()), plain(recipe.to_dict()), free=free)
    if found and not accept_changes:
        lines = "\n  ".join(found)
        raise TrainingError(
            f"{directory} was begun with another recipe:\n  {lines}\nLeave it, begin a new session, or accept the "
            "change: --accept-changes, of a launch accept_changes:=true"
        )
    if _bases(before) != _bases(recipe):
        raise TrainingError(
            f"{directory} improves the base that it was begun with; begin a new session for another one"
        )
    recipes.save(recipe, directory)


def _bases(recipe: recipes.Recipe) -> dict[str, str]:
    """The base policy of each direction, or the only one under no name."""
    directions = () if recipe.practice is None else recipe.practice.directions
    return {d: recipe.toward(d).checkpoint for d in directions} or {"": recipe.checkpoint}
