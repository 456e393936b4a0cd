"""What a session behind a node graph is begun with: the recipe, and what the launch says otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.directions import parted
from robot_rl.learn.online.recipe import Recipe

NUMBERS = ("reset_goal", "reset_steps", "steps")


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
    if "steps" in options:
        options["online"] = replace(recipe.online, steps=options.pop("steps"))
    return replace(recipe, **options)


def require_judge(recipe: Recipe, running: Sequence[str]) -> None:
    """Raise TrainingError unless the classifiers that run are those that judge, in each direction of a practice.

    Args:
        running: as the launch was given them.
    """
    directions = () if recipe.practice is None else tuple(recipe.practice.directions)
    wanted = {d: recipe.toward(d).classifier for d in directions} or {"": recipe.classifier}
    given = dict(map(parted, running))
    if any(given.get(d, given.get("", "")) != folder for d, folder in wanted.items()):
        say = ",".join(f"{d}={folder}" if d else folder for d, folder in wanted.items() if folder)
        raise TrainingError(f"a reward classifier judges this session: launch it with classifier:={say}")
