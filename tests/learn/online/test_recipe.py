"""Recipes of fine-tuning: those shipped hold, and are written beside a session as they were read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from robot_rl import workspace
from robot_rl.hardware import config as hardware_config
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online import recipe
from robot_rl.learn.online.config import GuardConfig
from robot_rl.learn.online.remote.config import RemoteConfig


@pytest.mark.parametrize("name", workspace.names("policies", recipe.FILE))
def test_a_recipe_names_a_robot_and_comes_back_as_it_was_written(name: str, tmp_path: Path) -> None:
    plan = recipe.load(name)
    assert plan.robot in hardware_config.robots() and plan.name == name
    changed = replace(
        plan,
        dataset=("a", "b"),
        remote=RemoteConfig(lost="stop", speed=0.0),
        online=replace(plan.online, guard=GuardConfig(limit=5.0)),
    )
    recipe.save(changed, tmp_path)
    assert recipe.load(tmp_path / recipe.FILE) == changed


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("robott: sim_lift", "unknown option 'robott'. Did you mean 'robot'"),
        ("remote: {lost: wait}", "it must be continue, hold or stop"),
        ("remote: {periods: 1}", "remote: unknown option 'periods'. Did you mean 'period'"),
        ("online: {guard: {attempts: -1}}", "attempts at least 0"),
        ("online: {improver: {name: residul}}", "no improver 'residul'. Did you mean 'residual'"),
        ("[1, 2]", "a mapping was expected, got list"),
        ("a: [", "not readable"),
    ],
)
def test_what_a_recipe_cannot_say_is_named_with_its_file(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "finetune.yaml"
    path.write_text(text)
    with pytest.raises(TrainingError) as raised:
        recipe.load(path)
    assert words in str(raised.value) and str(path) in str(raised.value)
