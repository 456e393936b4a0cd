"""record, train, info, deploy and evaluate, one after the other, with tiny settings, as a user would type them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from robot_rl import cli
from robot_rl.commands.demo_card import add_demo_evaluation
from robot_rl.commands.demo_folder import DemoFolder
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.record import Source

pytest.importorskip("robosuite")
pytest.importorskip("torch")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with two demonstrations (seeds 5 and 6) and a policy hardly trained on them."""
    folder = tmp_path_factory.mktemp("lab")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROBOT_RL_WORKSPACE", str(folder))
        record = ["record", "--device", "scripted", "--quality", "expert", "--in-process", "--cameras", "none"]
        assert cli.main([*record, "--episodes", "2", "--seed", "5", "--dataset", "lift"]) == 0
        assert cli.main(["train", "--dataset", "lift", "--steps", "20", "--output", str(folder / "runs/a")]) == 0
    return folder


@pytest.fixture(autouse=True)
def _in_the_lab(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOT_RL_WORKSPACE", str(lab))


def test_training_leaves_a_checkpoint_that_info_describes(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info", str(lab / "runs/a")]) == 0
    text = capsys.readouterr().out.replace("\n", " ")
    assert "flow policy for sim_lift" in text
    assert "plans 16 actions, plays 8" in text


def test_deploying_records_what_the_policy_did(lab: Path) -> None:
    deploy = ["deploy", "--checkpoint", str(lab / "runs/a"), "--no-intervene", "--in-process", "--cameras", "none"]
    assert cli.main([*deploy, "--episodes", "1", "--max-steps", "12", "--dataset", "deployed"]) == 0
    (episode,) = Dataset.open(lab / "datasets/deployed")
    assert episode.purpose == "deployment"
    assert set(episode.steps["source"].tolist()) == {Source.POLICY}
    assert len(episode) == 12
    assert bool(episode.steps["truncated"][-1]) and not episode.steps["terminated"].any()


def test_an_evaluation_is_recorded_as_one_summed_up_and_kept_on_the_card_by_the_demo(
    lab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demo = DemoFolder(tmp_path / "demo")
    shutil.copytree(lab / "runs/a", demo.policy(1))
    assert "Not evaluated yet" in (demo.policy(1) / "README.md").read_text()
    deploy = ["deploy", "--checkpoint", str(demo.policy(1)), "--evaluation", "--in-process", "--cameras", "none"]
    recorded = ["--episodes", "2", "--seed", "1000000", "--max-steps", "5", "--dataset", str(demo.evaluation(1))]
    assert cli.main([*deploy, *recorded, "--person", "Ada"]) == 0
    assert "2 evaluation episodes: 0/2 = 0% [0%, 66%] succeeded" in capsys.readouterr().out.splitlines()
    for episode in Dataset.open(demo.evaluation(1)):
        assert (episode.purpose, episode.attributes["operator"]) == ("evaluation", "Ada")
        assert set(episode.steps["source"].tolist()) == {Source.POLICY}
    card = add_demo_evaluation(demo, 1, "sim_lift").read_text()
    assert "| sim_lift | receding | seeds 1000000 to 1000001 | 0/2 = 0% | 0% to 66% |" in card
    assert "Not evaluated yet" not in card
    (file,) = (demo.policy(1) / "evaluations").iterdir()
    kept = json.loads(file.read_text())
    assert kept["seconds"] == pytest.approx(2 * 5 / 20), "two episodes of five steps at 20 Hz"
    measured = json.dumps(kept | {"seconds": 3.5})
    file.write_text(measured)
    add_demo_evaluation(demo, 1, "sim_lift")
    assert file.read_text() == measured, "what was kept already, with what else was measured, stays"


def test_a_policy_on_another_robot_is_refused_field_by_field(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deploy = ["deploy", "--checkpoint", str(lab / "runs/a"), "--robot", "sim_crazyflie", "--no-intervene"]
    assert cli.main([*deploy, "--in-process", "--episodes", "1"]) == 2
    text = capsys.readouterr().err
    assert "rate: 20 Hz against 50 Hz" in text
    assert "action 'twist': only in the first" in text


def test_evaluation_gives_the_interval_the_comparison_and_every_trial(
    lab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy, file = str(lab / "runs/a"), tmp_path / "trials.json"
    evaluate = ["evaluate", "--checkpoint", policy, policy, "--episodes", "2", "--max-steps", "5"]
    assert cli.main([*evaluate, "--save", str(file)]) == 0
    captured = capsys.readouterr()
    text = re.sub(r"\s+", " ", captured.out)
    assert "0/2 = 0% 0% to 66%" in text
    assert "policy 2 against policy 1: +0 points" in text
    assert "seeds 1000000 to 1000001" in text
    assert captured.err == ""
    first, second = (json.loads(file.with_stem(f"trials-{n}").read_text()) for n in (1, 2))
    assert [t["seed"] for t in first["trials"]] == [1_000_000, 1_000_001]
    assert first["summary"] == second["summary"]


def test_trials_that_cannot_be_saved_are_told_before_the_first(
    lab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robot_rl.commands.evaluate.evaluate", None)
    evaluate = ["evaluate", "--checkpoint", str(lab / "runs/a"), "--episodes", "2"]
    assert cli.main([*evaluate, "--save", "/proc/e.json"]) == 2
    assert "/proc/e.json cannot be written: /proc" in capsys.readouterr().err
    assert cli.main([*evaluate, "--save", str(tmp_path)]) == 2
    assert "is a folder; name a file in it" in capsys.readouterr().err


def test_a_run_that_cannot_be_written_is_told_before_the_data_are_read(
    lab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robot_rl.learn.train.load_data", None)
    (tmp_path / "file").touch()
    for output, reason in (("/proc/x", "/proc: "), (str(tmp_path / "file"), "is a file")):
        assert cli.main(["train", "--dataset", "lift", "--output", output]) == 2
        assert f"{output} cannot be written: " in (error := capsys.readouterr().err) and reason in error


def test_evaluating_on_states_that_were_recorded_warns(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate = ["evaluate", "--checkpoint", str(lab / "runs/a"), "--max-steps", "2"]
    assert cli.main([*evaluate, "--episodes", "2", "--seed", "6"]) == 0
    assert "was trained on 1 of these states, e.g. seed 6" in capsys.readouterr().err


def test_training_on_a_data_set_that_is_not_there_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train", "--dataset", "lfit"]) == 2
    assert "Did you mean 'lift'?" in capsys.readouterr().err
    assert cli.main(["train", "--recipe", "flow_lfit", "--dataset", "lift"]) == 2
    assert "no recipe 'flow_lfit'. Did you mean 'flow_lift'?" in capsys.readouterr().err


def test_training_without_a_data_set_says_what_to_add(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["train"]) == 2
    assert "add --dataset" in capsys.readouterr().err
