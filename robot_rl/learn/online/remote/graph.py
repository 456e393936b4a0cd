"""What a session behind a node graph is begun with: the recipe, and what the launch says otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from robot_rl.learn.config import TrainingError
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
    """Raise TrainingError where a classifier is to judge and no node runs that asks it.

    Args:
        running: the classifiers that the launch was given, as it was given them.
    """
    directions = {} if recipe.practice is None else recipe.practice.directions
    own = [f"{name}={d['classifier']}" for name, d in directions.items() if d.get("classifier")]
    wanted = [*([recipe.classifier] if recipe.classifier else []), *own]
    if wanted and not running:
        raise TrainingError(f"a reward classifier judges this session: launch it with classifier:={','.join(wanted)}")
