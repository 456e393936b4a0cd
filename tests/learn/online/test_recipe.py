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
from robot_rl.learn.online.improvers.improver import IMPROVERS, improver_config, improver_dict
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
        ("remote: {lost: wait}", "remote.lost is 'wait'; it must be one of continue, hold, stop"),
        ("remote: {periods: 1}", "remote: unknown option 'periods'. Did you mean 'period'"),
        ("online: {steps: many}", "online.steps is 'many'; it must be a whole number"),
        ("online: {warmup: 20.5}", "online.warmup is 20.5; it must be a whole number"),
        ("online: {evaluation_seeds: 5}", "online.evaluation_seeds is 5; it must be a list"),
        ("online: {help_cost: a lot}", "online.help_cost is 'a lot'; it must be a number"),
        ("online: {guard: {lr: low}}", "online.guard.lr is 'low'; it must be a number"),
        ("online: {shaping: {weight: low}}", "online.shaping.weight is 'low'; it must be a number"),
        ("online: {improver: {name: rlpd, sac: {tau: low}}}", "online.improver.sac.tau is 'low'; it must be a number"),
        ("online: {improver: rlpd}", "online.improver is 'rlpd'; it must be a mapping"),
        ("practice: [1]", "practice is [1]; it must be a mapping"),
        (
            "practice: {directions: {there: {goal: 0}, back: {goal: 1, online: {warmup: many}}}}",
            "practice.directions.back: online.warmup is 'many'; it must be a whole number",
        ),
        ("reset_steps: soon", "reset_steps is 'soon'; it must be a whole number"),
        ("online: {guard: {attempts: -1}}", "attempts at least 0"),
        ("online: {improver: {name: residul}}", "no improver 'residul'. Did you mean 'residual'"),
        (
            "online: {improver: {name: rlpd, growth: 500}}",
            "online.improver: unknown option 'growth' of improver 'rlpd': improver 'residual' has it",
        ),
        ("online: {improver: {name: rlpd, reward: rlif}}", "of improver 'rlpd': it belongs at online.reward"),
        ("online: {improver: {name: rlif}}", "RLIF is improver 'rlpd' with online.reward: rlif beside it"),
        ("online: {improver: {name: rlpd, critics: 4}}", "it belongs at online.improver.sac.critics"),
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


def test_numbers_with_an_exponent_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "finetune.yaml"
    path.write_text("online: {help_cost: 3e-1, steps: 2e3, improver: {name: rlpd, sac: {temperature: 1e-2}}}")
    online = recipe.load(path).online
    assert (online.help_cost, online.steps, online.improver.sac.temperature) == (0.3, 2000, 0.01)


@pytest.mark.parametrize("name", IMPROVERS)
def test_an_improver_comes_back_as_it_was_written_and_refuses_a_wrong_type(name: str) -> None:
    config = improver_config({"name": name})
    written = improver_dict(config)
    assert improver_config(written) == config
    for key in set(written) - {"name"}:
        if isinstance(written[key], int | float):
            with pytest.raises(TrainingError, match=rf"^improver\.{key} is 'x'; it must be"):
                improver_config({"name": name, key: "x"})
