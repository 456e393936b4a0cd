"""A practice's directions: what is said of one of them alone, and their folders in the session's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from robot_rl.datasets.store.place import from_anywhere
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online import recipe as recipes
from robot_rl.learn.online.directions import parted
from robot_rl.learn.online.folder import begin_folder
from robot_rl.learn.online.recipe import Recipe


def directed(recipe: Recipe, key: Literal["dataset", "checkpoint", "classifier"], values: Sequence[str]) -> Recipe:
    """The recipe with what is named for all of it, or as `direction=name` for a direction of its practice.

    Raises:
        TrainingError: it has no such direction.
    """
    whole = [path for direction, path in map(parted, values) if not direction]
    if whole:
        recipe = replace(recipe, **{key: tuple(whole) if key == "dataset" else whole[-1]})  # type: ignore[arg-type]
    named: dict[str, list[str]] = {}
    known = () if recipe.practice is None else tuple(recipe.practice.directions)
    for direction, name in ((d, p) for d, p in map(parted, values) if d):
        if direction not in known:
            raise TrainingError(
                f"{key} {direction}={name}: this recipe practises {', '.join(known) or 'no directions'}"
            )
        named.setdefault(direction, []).append(name)
    if recipe.practice is None or not named:
        return recipe
    changed: dict[str, dict[str, Any]] = {
        n: {**o, key: named[n] if key == "dataset" else named[n][-1]} if n in named else dict(o)
        for n, o in recipe.practice.directions.items()
    }
    return replace(recipe, practice=replace(recipe.practice, directions=changed))


def located(value: str, locate: Callable[[str], Path]) -> str:
    """What is named, perhaps for a direction alone, with its place from the root or in an object store."""
    direction, path = parted(value)
    place = from_anywhere(locate(path))
    return f"{direction}={place}" if direction else place


def absolute(paths: str) -> list[str]:
    """Folders separated by commas, each perhaps named for a direction alone, with no need to know where one stands."""
    return [located(part.strip(), Path) for part in paths.split(",") if part.strip()]


def begin_directions(recipe: Recipe, directory: Path) -> dict[str, Recipe]:
    """Each direction's recipe by name; a folder in `directory` that is new gets its recipe and its base.

    Raises:
        TrainingError, CheckpointError: a direction does not hold.
    """
    if recipe.practice is None:
        raise TrainingError("this recipe has no section `practice`")
    out = {name: recipe.toward(name) for name in recipe.practice.directions}
    for name, own in out.items():
        if (directory / name / recipes.FILE).exists():
            recipes.save(own, directory / name)
        else:
            begin_folder(own, directory / name)
    return out
