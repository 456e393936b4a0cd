from __future__ import annotations

from pathlib import Path

import pytest

from robot_rl import cli


def test_without_a_name_everything_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info"]) == 0
    text = capsys.readouterr().out
    assert "sim_crazyflie, sim_lift" in text
    assert "gamepad, keyboard, spacemouse" in text


def test_a_robot_is_described_by_its_fields_and_cameras(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info", "sim_lift"]) == 0
    text = capsys.readouterr().out
    assert "control mode cartesian_velocity at 20 Hz" in text
    assert "joint_velocity" in text
    assert "camera wrist: mujoco 128x128 at 20 Hz" in text


def test_another_control_mode_shows_its_own_action(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info", "sim_crazyflie", "--control-mode", "position"]) == 0
    text = capsys.readouterr().out
    assert "position" in text
    assert "yaw_rate" not in text


def test_a_control_mode_that_is_not_there_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info", "sim_crazyflie", "--control-mode", "postion"]) == 2
    assert "Did you mean 'position'?" in capsys.readouterr().err


def test_a_data_set_is_described_by_its_episodes_and_who_acted(
    lift_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["info", str(lift_data)]) == 0
    text = capsys.readouterr().out
    assert "1 of 1" in text
    assert "policy 42%, human 42%, rewind 17%" in text


def test_a_plain_name_means_a_data_set_of_the_workspace(
    lift_data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBOT_RL_WORKSPACE", str(lift_data.parents[1] / "workspace"))
    folder = lift_data.parents[1] / "workspace" / "datasets"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "renamed").exists():
        (folder / "renamed").symlink_to(lift_data)
    assert cli.main(["info", "renamed"]) == 0
    assert "deployment" in capsys.readouterr().out
    assert cli.main(["info", "renamde"]) == 2
    assert "Did you mean 'renamed'?" in capsys.readouterr().err
