"""What `robot-rl train` makes of its options before it trains."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs robot_rl[train]")

from robot_rl import cli, workspace  # noqa: E402
from robot_rl.commands.train import defaults  # noqa: E402
from robot_rl.learn import config, train  # noqa: E402
from robot_rl.policies.act import ActConfig  # noqa: E402
from robot_rl.policies.heads import HEADS  # noqa: E402


def test_a_head_that_there_is_not_names_the_nearest_and_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train", "--recipe", "flow_lift", "--policy.head.name", "flwo"]) == 2
    error = capsys.readouterr().err
    assert "--policy.head.name: no policy head 'flwo'. Did you mean 'flow'? Known: " in error
    assert all(name in error for name in HEADS)


def test_another_head_begins_with_its_own_defaults_and_its_options_can_be_given(
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = ["--recipe", "flow_lift", "--policy.head.name", "act"]
    options, recipe = defaults(given), config.load("flow_lift")
    assert options.config.policy.head == ActConfig() and options.head == "act"
    assert options.config.policy.encoder == recipe.policy.encoder and options.config.steps == recipe.steps
    assert cli.main(["train", *given, "--policy.head.latent", "16", "--dataset", "nowhere"]) == 2
    assert "no data set at" in capsys.readouterr().err, "the options were taken"


def test_the_recipes_own_head_keeps_the_recipes_options() -> None:
    recipe = config.load("flow_pegslot")
    options = defaults(["--recipe", "flow_pegslot", "--policy.head.name", "flow"])
    assert options.config == recipe and recipe.policy.head.prediction == "velocity"


def test_a_head_that_does_not_go_with_the_recipe_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "train.yaml"
    path.write_text("policy: {action_normalization: mean_std, head: {name: flow}}\n")
    assert cli.main(["train", "--recipe", str(path), "--policy.head.name", "diffusion"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("robot-rl: --policy.head.name: ") and "clips chunks" in error


@pytest.mark.parametrize("option", ["--dataset", "--action-free"])
def test_a_path_with_a_slash_is_no_name_under_datasets(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "datasets" / "lift").mkdir(parents=True)
    (tmp_path / "datasets" / "lift" / "zarr.json").write_text("{}")
    monkeypatch.setattr(workspace, "root", lambda: tmp_path)
    monkeypatch.setattr(train, "train", lambda config: pytest.fail(f"it would train on {config}"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    recipe = tmp_path / "train.yaml"
    recipe.write_text("policy: {head: {name: joint}}\n")
    given = ["--dataset", "lift", option, "./lift"] if option != "--dataset" else [option, "./lift"]
    assert cli.main(["train", "--recipe", str(recipe), *given]) == 2
    assert "no data set at lift." in capsys.readouterr().err
