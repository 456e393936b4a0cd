"""Whatever stands where in a recipe, it is taken, or refused in one line; it is never an internal error."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from robot_rl.learn import config
from robot_rl.learn.config import TrainConfig, TrainingError
from robot_rl.learn.online import recipe
from robot_rl.learn.online.recipe import Recipe

VALUES: tuple[Any, ...] = ("x", None, [], {}, -1.5, 0, True, [{}], [1, "a"], 10**400)


def places(data: dict[str, Any], at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where each value lies, mappings included."""
    for key, value in data.items():
        yield (*at, key)
        if isinstance(value, dict):
            yield from places(value, (*at, key))


@pytest.mark.parametrize(
    ("make", "whole"),
    [
        (TrainConfig.from_dict, lambda: config.load("flow_lift_image").to_dict()),
        (Recipe.from_dict, lambda: recipe.load("residual_lift_image").to_dict()),
        (Recipe.from_dict, lambda: recipe.load("practice_pickinsert").to_dict()),
    ],
    ids=["train", "finetune", "practice"],
)
def test_any_value_in_any_place_is_taken_or_refused(
    make: Callable[[dict[str, Any]], object], whole: Callable[[], dict[str, Any]]
) -> None:
    data, refused = whole(), 0
    make(data)
    for place in places(data):
        for value in VALUES:
            changed = copy.deepcopy(data)
            section = changed
            for key in place[:-1]:
                section = section[key]
            section[place[-1]] = value
            try:
                make(changed)
            except TrainingError as error:
                assert "\n" not in str(error)
                refused += 1
    assert refused > 100
