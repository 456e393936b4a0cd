"""`robot-rl finetune` from end to end: begun, interrupted, continued; what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from robot_rl.cli import main
from robot_rl.datasets import Dataset
from robot_rl.learn.online import recipe

RECIPE = """
robot: sim_pegslot
online:
  improver: {name: rlpd, sac: {critics: 2, hidden: [16], batch: 16, utd: 1}}
  demo_share: 0.0
  observation: [tip, lead, force, slot]
  steps: 60
  warmup: 30
  evaluate_every: 60
  capacity: 1000
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan" / "finetune.yaml"
    path.parent.mkdir()
    path.write_text(RECIPE)
    return path


def test_a_session_is_begun_continued_and_evaluated(
    plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "session"
    assert main(["finetune", "--recipe", str(plan), "--output", str(folder), "--trials", "2"]) == 0
    assert main(["finetune", "--resume", str(folder), "--steps", "90"]) == 0
    said = capsys.readouterr().out
    assert "continued after" in said and "on held-out states" in said and " of 60 robot steps: " in said
    steps = sum(len(e) for e in Dataset.open(folder / "episodes"))
    document = json.loads((folder / "session.json").read_text())
    assert document["tally"]["robot_steps"] == steps >= 90
    for name in ("report.html", "curve.json", "curve.png", "curves.json", "agent.json", "finetune.yaml"):
        assert (folder / name).stat().st_size > 0, name
    assert "95 % interval" in (folder / "report.html").read_text()
    evaluate = ["evaluate", "--checkpoint", str(folder), "--episodes", "2", "--allow-slow"]
    assert main(evaluate) == 0
    assert "was trained on robot" not in capsys.readouterr().err
    assert main([*evaluate, "--robot", "sim_pegslot_hard", "--max-steps", "2"]) == 0
    said = f"warning: {folder} was trained on robot 'sim_pegslot' and is evaluated on 'sim_pegslot_hard'\n"
    assert said in capsys.readouterr().err


def test_a_changed_recipe_is_refused_and_changes_nothing(
    plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "session"
    recipe.save(recipe.load(plan), folder)
    before = (folder / "finetune.yaml").read_text()
    assert main(["finetune", "--resume", str(folder), "--seed", "3", "--robot", "sim_pegslot_hard"]) == 2
    said = capsys.readouterr().err
    assert "robot was sim_pegslot, now sim_pegslot_hard" in said and "online.seed was 0, now 3" in said
    assert (folder / "finetune.yaml").read_text() == before


def test_a_session_folder_is_not_begun_twice(plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = ["finetune", "--recipe", str(plan), "--output", str(tmp_path / "session"), "--trials", "1"]
    assert main(again) == 0
    assert main(again) == 2
    assert f"continue it with --resume {tmp_path / 'session'}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give --recipe NAME"),
        (["--resume", "nowhere"], "holds no session"),
        (["--recipe", "rlpd_pegslott"], "Did you mean 'rlpd_pegslot'"),
        (["--recipe", "residual_pegslot", "--checkpoint", "nowhere"], "no policy at 'nowhere'"),
    ],
)
def test_what_cannot_be_begun_is_said_in_one_line(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["finetune", *arguments, "--output", str(tmp_path / "session")]) == 2
    assert words in capsys.readouterr().err


def test_an_unknown_option_of_a_recipe_is_named(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan.write_text(RECIPE.replace("warmup", "warmupp"))
    assert main(["finetune", "--recipe", str(plan)]) == 2
    assert "unknown option 'warmupp'. Did you mean 'warmup'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--dataset", "nowhere"], "no data set at"),
        (["--operator", "nobody"], "nobody"),
        (["--classifier", "nowhere"], "nowhere"),
        (["--operator", "gamepad:/dev/input/js99"], "js99"),
    ],
)
def test_a_start_that_fails_leaves_nothing_and_the_corrected_command_works(
    arguments: list[str], words: str, plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "session"
    assert main(["finetune", "--recipe", str(plan), "--output", str(folder), *arguments]) == 2
    assert words in capsys.readouterr().err
    assert not folder.exists()


def test_a_session_under_way_keeps_its_recipe_when_another_wants_to_continue_it(
    plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "session"
    assert main(["finetune", "--recipe", str(plan), "--output", str(folder), "--trials", "1"]) == 0
    before = (folder / "finetune.yaml").read_text()
    with Dataset.open(folder / "episodes", "a"):
        assert main(["finetune", "--resume", str(folder), "--steps", "900", "--operator", "expert"]) == 2
    assert "being written" in capsys.readouterr().err
    assert (folder / "finetune.yaml").read_text() == before


def test_steps_cannot_be_lowered_below_what_is_done_and_a_finished_session_says_how_to_go_on(
    plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "session"
    assert main(["finetune", "--recipe", str(plan), "--output", str(folder), "--trials", "1"]) == 0
    assert main(["finetune", "--resume", str(folder), "--steps", "20"]) == 2
    assert "--steps 20 would end it" in capsys.readouterr().err
    assert main(["finetune", "--resume", str(folder)]) == 0
    assert "all 60 robot steps are done" in capsys.readouterr().out
    assert main(["finetune", "--resume", str(folder), "--output", str(tmp_path / "other")]) == 2
    assert "leave --output out" in capsys.readouterr().err


def test_an_output_that_cannot_be_a_folder_is_said_in_one_line(
    plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["finetune", "--recipe", str(plan), "--output", str(tmp_path / "file")]) == 2
    assert "is a file" in capsys.readouterr().err
    assert main(["finetune", "--recipe", str(plan), "--output", str(tmp_path / "file" / "session")]) == 2
    assert "cannot be written" in capsys.readouterr().err
