"""`robot-rl finetune` without anybody who resets: directions in turn, then one of them as the other's reset."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from robot_rl.cli import main

ONLINE = """
robot: sim_pickinsert
online:
  improver: {name: rlpd, sac: {critics: 2, hidden: [8], batch: 8, utd: 1}}
  demo_share: 0.0
  observation: [hand, opening, peg, holding, slot]
  steps: 40
  warmup: 30
  evaluate_every: 1000
  evaluation_seeds: [9000]
  capacity: 1000
"""
PRACTICE = ONLINE + "practice: {directions: {insert: {goal: 0}, return: {goal: 1}}, tries: 1}\n"


def plan(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name / "finetune.yaml"
    path.parent.mkdir()
    path.write_text(text)
    return path


def test_a_practice_is_begun_and_continued_and_one_direction_resets_for_the_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, session = tmp_path / "both", tmp_path / "session"
    recipe = plan(tmp_path, "practice", PRACTICE)
    assert main(["finetune", "--recipe", str(recipe), "--output", str(folder)]) == 0
    assert main(["finetune", "--resume", str(folder), "--steps", "90"]) == 0
    said = capsys.readouterr().out
    assert "insert: continued after" in said and "the scene was set up from outside" in said
    steps = 0
    for name in ("insert", "return"):
        assert (folder / name / "report.html").is_file() and (folder / name / "agent.json").is_file()
        steps += json.loads((folder / name / "session.json").read_text())["tally"]["robot_steps"]
    assert steps >= 90

    reset = ["--reset", str(folder / "return"), "--reset-goal", "1", "--reset-steps", "10"]
    recipe = plan(tmp_path, "alone", ONLINE)
    assert main(["finetune", "--recipe", str(recipe), "--output", str(session), "--steps", "90", *reset]) == 0
    assert "from outside" in capsys.readouterr().out
    tally = json.loads((session / "session.json").read_text())["tally"]
    assert tally["set_up"] + tally["driven"] == tally["episodes"] > 1
    assert "The robot reset itself" in (session / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--dataset", "outsert=nothing"], "this recipe practises insert, return"),
        (["--processes", "2"], "takes turns in one process"),
        (["--reset", "scripted"], "takes the place of resets"),
    ],
)
def test_what_does_not_go_with_a_practice_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    recipe = plan(tmp_path, "practice", PRACTICE)
    assert main(["finetune", "--recipe", str(recipe), "--output", str(tmp_path / "out"), *arguments]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--reset", "nowhere"], "no policy at 'nowhere'"),
        (["--reset", "scripted", "--robot", "sim_pegslot"], "'task.reset' is missing"),
        (["--dataset", "insert=nothing"], "this recipe practises no directions"),
    ],
)
def test_a_reset_that_cannot_be_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    text = ONLINE.replace("  observation: [hand, opening, peg, holding, slot]\n", "")
    recipe = plan(tmp_path, "alone", text)
    assert main(["finetune", "--recipe", str(recipe), "--output", str(tmp_path / "out"), *arguments]) == 2
    assert words in capsys.readouterr().err
