from __future__ import annotations

import json
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


def test_how_far_a_tool_may_turn_and_a_scale_beyond_the_bounds_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    robot = workspace.find("hardware", "sim_peg", "robot.yaml")
    assert robot is not None
    path, text = tmp_path / "robot.yaml", robot.read_text()
    cone = "orientation: {pose: ee_pose, reference: [1, 0, 0, 0], angle: 0.8}"
    walls = "        workspace:"
    path.write_text(text.replace(walls, f"        {cone}\n{walls}").replace("twist.vx: 0.25", "twist.vx: -0.5"))
    assert cli.main(["info", str(path)]) == 0
    shown = capsys.readouterr().out
    assert ", ee_pose turned by up to 0.8 rad from the orientation 1 0 0 0 (x y z w)" in shown
    assert "warning: at full deflection twist.vx is 0.5, beyond its high of 0.25: what is beyond is cut off" in shown
    assert cli.main(["info", str(robot)]) == 0
    assert "warning" not in capsys.readouterr().out


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


def test_of_a_session_it_is_said_how_many_of_its_robot_steps_are_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    from robot_rl.learn.online.tally import Tally

    session = tmp_path / "x"
    for folder in (session, session / "insert", session / "return"):
        folder.mkdir()
        (folder / "finetune.yaml").write_text("robot: sim_pegslot\nonline: {steps: 10000}\n")
    assert cli.main(["info", str(session)]) == 0
    assert "of 10000 robot steps" not in capsys.readouterr().out, "nothing is saved yet"
    for name, steps, human in (("insert", 140, 35), ("return", 100, 0)):
        tally = Tally(robot_steps=steps, human_steps=human, episodes=3, recent=[True, False, True])
        (session / name / "session.json").write_text(json.dumps({"tally": tally.to_dict()}))
    for given in (session, session / "finetune.yaml"):
        assert cli.main(["info", str(given)]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[-3:] == [
            "240 of 10000 robot steps",
            "  insert: 3 episodes, 2/3 of the last succeeded, 25% by the human",
            "  return: 3 episodes, 2/3 of the last succeeded",
        ]


def test_a_recipe_that_is_not_trained_yet_is_described_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    monkeypatch.setenv("ROBOT_RL_WORKSPACE", str(tmp_path))
    assert cli.main(["info", "flow_lift"]) == 0
    assert "not trained yet: robot-rl train --recipe flow_lift --dataset NAME" in capsys.readouterr().out


def test_a_recipe_is_shown_with_every_setting_those_inherited_and_the_defaults_included(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    path = tmp_path / "mine" / "finetune.yaml"
    path.parent.mkdir()
    path.write_text("like: residual_lift\nrobot: sim_peg\nonline: {improver: {growth: 500}}\n")
    assert cli.main(["info", str(path)]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert "robot: sim_peg  # sim_pegslot" in lines, "its own, and the default"
    assert "growth: 500  # 0" in lines
    assert "scale: 0.3  # 0.5" in lines, "inherited"
    assert "restraint: 0.0" in lines and "n_step: 5  # 3" in lines, "a default as it is"
    assert "evaluation_seeds: [1000000, 1000001, ..., 1000099]" in lines


@pytest.mark.parametrize("name", [*workspace.names("policies", "train.yaml"), "practice_pickinsert", "rlpd_lift"])
def test_the_settings_shown_of_a_recipe_are_yaml_that_says_the_same(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    from robot_rl.learn import config
    from robot_rl.learn.online import recipe

    monkeypatch.setenv("ROBOT_RL_WORKSPACE", str(tmp_path))
    assert cli.main(["info", name]) == 0
    shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    path = tmp_path / "shown.yaml"
    path.write_text("\n".join(line for line in shown if "..." not in line))
    plan = config if name in workspace.names("policies", "train.yaml") else recipe
    assert plan.load(path) == plan.load(name)


def test_a_trained_policy_is_described_without_what_is_not_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    import numpy as np

    from robot_rl.hardware.config import load
    from robot_rl.learn.evaluate import EvaluationResult, Trial
    from robot_rl.policies import checkpoint
    from robot_rl.policies.chunk_policy import ChunkPolicy
    from robot_rl.policies.config import PolicyConfig
    from robot_rl.policies.flow import FlowConfig
    from robot_rl.policies.normalization import Statistics
    from robot_rl.spec import Layout

    monkeypatch.setenv("ROBOT_RL_WORKSPACE", str(tmp_path))
    spec = load("sim_pegslot").spec
    inputs = Layout((spec.observation["tip"],))
    statistics = {f.name: Statistics.of(np.eye(f.size)) for f in inputs.values()}
    statistics["action"] = Statistics.of(np.eye(spec.action.size))
    policy = ChunkPolicy(spec, inputs, PolicyConfig(head=FlowConfig(width=16)), statistics)
    run = tmp_path / "policies" / "flow_pegslot" / "checkpoints" / "one"
    data = {"datasets": [{"name": "peg", "identity": "abc", "episodes": 30}], "select": "rac", "steps": 900}
    training = {"config": {"steps": 2000}, "step": 1000, "loss": 0.0123456, "holdout_loss": None, "seconds": 93.0}
    training |= {"success": None, "processes": 1}
    checkpoint.save(run / "checkpoint", policy, statistics, dataset=data | {"episodes": 28}, training=training)
    (run / "train.yaml").write_text("")
    assert cli.main(["info", "flow_pegslot"]) == 0
    text = capsys.readouterr().out
    assert "None" not in text and "0.0123456" not in text
    assert "data: peg (30 episodes); select 'rac' keeps 900 steps of 28 episodes, none held out" in text
    assert "training: step 1000 of 2000, 1.6 min, loss 0.0123\n" in text
    assert f"success: not evaluated yet: robot-rl evaluate --checkpoint {run}" in text
    assert "prediction: velocity  # sample" in text, "the recipe's settings"

    weights = checkpoint.weights_digest(run / "checkpoint")
    trials = tuple(Trial(seed, seed < 3, 10, 0.0, {}, 0.0) for seed in range(4))
    EvaluationResult("one", "sim_pegslot", trials, 1.0, weights=weights).save(run / "evaluations" / "one.json")
    assert cli.main(["info", str(run)]) == 0
    assert "success: 3/4 = 75% [30%, 95%] on sim_pegslot, receding" in capsys.readouterr().out


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
    assert "1 deployment episode: 1/1 = 100% [21%, 100%] succeeded" in text.splitlines()


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
