"""The recipes of this repository, by what they say of their policies."""

from pathlib import Path

import pytest
import yaml

from robot_rl.learn.config import load
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.heads import HEADS, head_dict

RECIPES = sorted((Path(__file__).parents[2] / "policies").glob("*/train.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.parent.name)
def test_a_recipe_is_read_and_builds_its_head(path):
    config = load(path).policy
    assert PolicyConfig.from_dict(config.to_dict()) == config
    head = yaml.safe_load(path.read_text())["policy"].get("head", {})
    written = {k: tuple(v) if isinstance(v, list) else v for k, v in head.items()}
    assert {k: head_dict(config.head)[k] for k in written} == written
    assert sum(p.numel() for p in config.head.build(7, config.horizon, config.encoder.width).parameters()) > 10_000


def test_every_head_has_a_recipe():
    assert {load(p).policy.head.name for p in RECIPES} == set(HEADS)


def test_every_head_that_needs_no_force_has_a_recipe_for_each_task_of_robosuite():
    names = {p.parent.name for p in RECIPES}
    assert {f"{head}_{task}" for head in set(HEADS) - {"slow_fast"} for task in ("lift", "can", "square")} <= names
