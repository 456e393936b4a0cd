"""`robot-rl finetune` without anybody who resets: directions in turn, then one of them as the other's reset; and with
somebody whose keys are the only judge."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from robot_rl.cli import main
from robot_rl.datasets import Dataset
from robot_rl.hardware.devices.simulated import SimulatedKeyboard

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


@pytest.mark.slow
def test_somebody_at_the_keyboard_decides_and_takes_back_in_real_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twin, over = SimulatedKeyboard(), threading.Event()
    recipe = plan(tmp_path, "alone", ONLINE)
    folder = tmp_path / "session"

    def typing() -> None:
        """Success, again and again, and the first one taken back."""
        while not (folder / "session.json").is_file() and not over.wait(0.05):
            pass
        for key in "1u" + 100 * "1":
            if over.wait(0.7):
                return
            twin.type(key)

    typist = threading.Thread(target=typing)
    typist.start()
    arguments = ["--output", str(folder), "--steps", "30", "--operator", f"keyboard:{twin.path}", "--keys", "decide"]
    begun = time.monotonic()
    try:
        assert main(["finetune", "--recipe", str(recipe), *arguments]) == 0
    finally:
        over.set()
        typist.join()
    assert time.monotonic() - begun > 3.0, "ten control steps a second, for a person"
    assert "the success of episode" in capsys.readouterr().out
    episodes = list(Dataset.open(folder / "episodes"))
    taken_back = [e for e in episodes if e.attributes.get("reward_label")]
    won = [e for e in episodes if e.success]
    assert len(taken_back) == 1 and taken_back[0].steps["truncated"][-1] and won
    assert all(e.steps["reward"].tolist() == [0.0] * (len(e) - 1) + [1.0] for e in won)
    tally = json.loads((folder / "session.json").read_text())["tally"]
    assert tally["successes"] == len(won)
