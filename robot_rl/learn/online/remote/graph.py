"""What a session behind a node graph is begun with: the recipe, and what the launch says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.recipe import Recipe
from robot_rl.learn.online.store import FREE, differences, plain

NUMBERS = ("reset_goal", "reset_steps")


def changed(recipe: Recipe, given: Mapping[str, str]) -> Recipe:
    """The recipe with what was given by name; what is empty is as the recipe has it. Raises TrainingError."""
    options: dict[str, Any] = {}
    for name, text in given.items():
        if not text:
            continue
        try:
            options[name] = int(text) if name in NUMBERS else text
        except ValueError:
            raise TrainingError(f"{name} is '{text}'; it must be a whole number") from None
    return replace(recipe, **options)


def require_same(before: Recipe, now: Recipe, folder: Path) -> None:
    """Raise TrainingError with each difference: a session goes on as it was begun."""
    found = differences(plain(before.to_dict()), plain(now.to_dict()), free=("operator", "remote", "name", *FREE))
    if found:
        lines = "\n  ".join(found)
        raise TrainingError(
            f"{folder} was begun with another recipe:\n  {lines}\nLeave it, or begin a new session; to change this one "
            "all the same, edit finetune.yaml in its folder"
        )


def require_possible(recipe: Recipe) -> None:
    """Raise TrainingError for what a session behind a node graph cannot do, with what to do instead."""
    judged = recipe.practice is not None and any(d.get("classifier") for d in recipe.practice.directions.values())
    if recipe.classifier or judged:
        raise TrainingError(
            "a `classifier` judges in `robot-rl finetune`, in simulation; behind a node graph leave it out, let a "
            "person's keys judge, and say later what it says: robot-rl reward relabel"
        )
