from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from robot_rl import cli, workspace
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.record import Source
from robot_rl.hardware import config

pytest.importorskip("robosuite")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two demonstrations of Lift by the scripted operator, recorded by the real command."""
    path = tmp_path_factory.mktemp("data") / "lift"
    command = ["record", "--device", "scripted", "--in-process", "--cameras", "none", "--max-steps", "60"]
    assert cli.main([*command, "--episodes", "2", "--seed", "5", "--dataset", str(path)]) == 0
    return path


def test_recording_in_process_gives_demonstrations_by_the_human_from_consecutive_seeds(recorded: Path) -> None:
    dataset = Dataset.open(recorded)
    assert [e.attributes["seed"] for e in dataset] == [5, 6]
    for episode in dataset:
        assert episode.purpose == "demonstration"
        assert set(episode.steps["source"].tolist()) <= {Source.HUMAN, Source.NONE}
        assert np.mean(episode.steps["source"] == Source.HUMAN) > 0.9
        assert episode.attributes["instruction"] == "lift the cube"


def changed_robot(folder: Path, robot: str, old: str, new: str) -> Path:
    """A robot.yaml in `folder` that is this robot's, but for a text."""
    given = workspace.find("hardware", robot, "robot.yaml")
    assert given is not None
    folder.mkdir()
    changed = folder / "robot.yaml"
    changed.write_text(given.read_text().replace(old, new))
    return changed


@pytest.mark.parametrize("number", [0, 1])
def test_replaying_a_simulated_episode_gives_what_was_recorded(
    recorded: Path, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["replay", str(recorded), "--episode", str(number), "--tolerance", "1e-9"]) == 0
    assert "the safety envelope acted on 0 of" in capsys.readouterr().out


def test_a_replay_that_deviates_exits_1(lift_data: Path) -> None:
    assert cli.main(["replay", str(lift_data), "--tolerance", "1e-3"]) == 1


def test_a_real_robot_is_not_moved_by_a_replay(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real = changed_robot(
        tmp_path / "sim_lift", "sim_lift", "robot_rl.sim.robosuite_arm:RobosuiteArm", "robot_rl.nowhere:Arm"
    )
    assert cli.main(["replay", str(recorded), "--robot", str(real)]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "is real (its driver, robot_rl.nowhere:Arm" in said and "Replay on its simulated twin" in said


def test_a_second_robot_cannot_be_recorded_into_the_same_data_set(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["record", "--robot", "sim_crazyflie", "--device", "scripted", "--in-process", "--cameras", "none"]
    assert cli.main([*command, "--episodes", "1", "--dataset", str(recorded)]) == 2
    assert "rate: 20 Hz against 50 Hz" in capsys.readouterr().err
    assert len(Dataset.open(recorded)) == 2


def test_recording_again_appends(recorded: Path, tmp_path: Path) -> None:
    copy = tmp_path / "lift"
    shutil.copytree(recorded, copy)
    command = ["record", "--device", "scripted", "--in-process", "--cameras", "none", "--max-steps", "5"]
    assert cli.main([*command, "--episodes", "1", "--seed", "9", "--dataset", str(copy)]) == 0
    assert [e.attributes["seed"] for e in Dataset.open(copy)] == [5, 6, 9]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--episodes", "-3"], "--episodes is -3; it must be at least 0"),
        (["--max-steps", "-1"], "--max-steps is -1; it must be at least 0"),
        (["--seed", "-1"], "--seed is -1; it must be at least 0"),
        (["--robot", "{robot}"], "limits: unknown key 'comand_timeout'"),
    ],
)
@pytest.mark.parametrize("device", [["--device", "scripted", "--in-process"], ["--device", "keyboard"]])
def test_what_cannot_begin_leaves_no_data_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: str, device: list[str]
) -> None:
    mistaken = changed_robot(tmp_path / "mine", "sim_pegslot", "command_timeout", "comand_timeout")
    command = ["record", "--robot", "sim_pegslot", *device, *(o.format(robot=mistaken) for o in options)]
    assert cli.main([*command, "--dataset", str(tmp_path / "data")]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_an_empty_data_set_left_by_another_attempt_takes_the_new_cameras(tmp_path: Path) -> None:
    setup = config.load("sim_pegslot")
    Dataset.create(tmp_path / "data", config.load("sim_lift").spec, config.load("sim_lift").cameras).close()
    command = ["record", "--robot", "sim_pegslot", "--device", "scripted", "--in-process", "--cameras", "none"]
    assert cli.main([*command, "--episodes", "1", "--dataset", str(tmp_path / "data")]) == 0
    dataset = Dataset.open(tmp_path / "data")
    assert (dataset.spec, dataset.cameras, len(dataset)) == (setup.spec, {}, 1)


@pytest.mark.parametrize("device", [["--device", "scripted", "--in-process"], ["--device", "keyboard"]])
def test_a_camera_that_the_robot_lacks_names_the_nearest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], device: list[str]
) -> None:
    command = ["record", *device, "--cameras", "fornt"]
    assert cli.main([*command, "--dataset", str(tmp_path / "x")]) == 2
    assert "no camera 'fornt'. Did you mean 'front'?" in capsys.readouterr().err


def test_a_person_cannot_drive_in_process(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["record", "--device", "gamepad", "--in-process", "--dataset", str(tmp_path / "x")]) == 2
    assert "add --device scripted" in capsys.readouterr().err
