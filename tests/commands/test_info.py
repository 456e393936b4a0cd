from __future__ import annotations

from pathlib import Path

import pytest

from robot_rl import cli, workspace


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


def test_limits_teleoperation_and_task_of_a_robot_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info", "sim_peg"]) == 0
    text = capsys.readouterr().out
    assert "limits: holds still 0.25 s after the last command, or 0.25 s after the last observation" in text
    assert "twist: velocity with acceleration up to 3 3 3 12 12 12, ee_pose within 0.3 to 0.75, -0.3 to 0.3" in text
    assert "force: wrench up to 40 40 60 4 4 4; after 3 readings beyond it hold for 0.5 s" in text
    assert "teleop, at once: x twist.vx (0.25), " in text
    assert "task: put the peg into the hole; 200 steps (10 s), success when held for 5" in text


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("command_timeout", "comand_timeout", "limits: unknown key 'comand_timeout'. Did you mean 'command_timeout'?"),
        ("rate: [1.5]", "rtae: [1.5]", "unknown key 'rtae'"),
        ("reaction: 0.8", "clearnce: 0.8", "unknown key 'clearnce'"),
        ("{speed: 0.5, lag: 0.3}", "{pose: goal}", "observation 'goal' is not a pose"),
        ("velocity.x: 1.0", "velocity.q: 1.0", "no action number 'velocity.q'"),
        ("horizon: 500", "horizon: -3", "task.horizon is -3; it must be at least 1 step"),
        ("rate: 50", "rate: ten", "rate is 'ten'; it must be a number"),
        ("rate: 50", "rate: 0", "rate is 0 Hz; it must be above 0"),
    ],
)
def test_a_mistake_in_any_control_mode_is_refused_with_the_file_and_without_a_driver(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, words: str
) -> None:
    robot = workspace.find("hardware", "sim_crazyflie", "robot.yaml")
    assert robot is not None
    text = robot.read_text().replace("robot_rl.sim.quadrotor.driver:Quadrotor", "no_such_sdk:Robot")
    assert old in text
    path = tmp_path / "robot.yaml"
    path.write_text(text)
    assert cli.main(["info", str(path)]) == 0
    path.write_text(text.replace(old, new))
    capsys.readouterr()
    assert cli.main(["info", str(path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"robot-rl: {path}: ") and words in error and len(error.splitlines()) == 1


def test_recipes_of_fine_tuning_are_listed_and_described_with_their_sessions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    from robot_rl.learn.online.curve import Point, write_curve

    monkeypatch.setenv("ROBOT_RL_WORKSPACE", str(tmp_path))
    recipe = workspace.find("policies", "rlpd_pegslot", "finetune.yaml")
    assert recipe is not None
    assert cli.main(["info"]) == 0
    assert "rlpd_pegslot" in capsys.readouterr().out
    for name in ("rlpd_pegslot", str(recipe.parent), str(recipe)):
        assert cli.main(["info", name]) == 0
        text = capsys.readouterr().out
        assert "rlpd_pegslot: fine-tuning by rlpd on sim_pegslot" in text
        assert "no session yet: robot-rl finetune --recipe rlpd_pegslot" in text

    sessions = tmp_path / "policies" / "rlpd_pegslot" / "checkpoints"
    for name in ("one", "two"):
        (sessions / name).mkdir(parents=True)
        (sessions / name / "finetune.yaml").write_text(recipe.read_text())
    write_curve(sessions / "one", [Point(600, 40, 1.0, 9, 20, 18, 0.7, 0.97, None, 0, 0, {})])
    assert cli.main(["info", "rlpd_pegslot"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"session {sessions / 'one'}" in lines and f"session {sessions / 'two'}" in lines
    assert lines[lines.index(f"session {sessions / 'two'}") + 1] == "  not evaluated yet"
    assert cli.main(["info", str(sessions / "one")]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "success 18/20 (70% to 97%) after 600 robot steps, 40 of a person; nothing to deploy yet" in text


def test_a_recipe_that_is_not_trained_yet_is_described_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    monkeypatch.setenv("ROBOT_RL_WORKSPACE", str(tmp_path))
    assert cli.main(["info", "flow_lift"]) == 0
    assert "not trained yet: robot-rl train --recipe flow_lift --dataset NAME" in capsys.readouterr().out


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
