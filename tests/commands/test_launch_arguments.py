from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from robot_rl import cli
from robot_rl.commands import deploy, launch, record
from robot_rl.commands.launch_checks import completed
from robot_rl.commands.names import UsageError
from robot_rl.commands.policy_options import PolicyOptions
from robot_rl.hardware.config import load
from robot_rl.policies.modes import ExecutionConfig
from robot_rl.runtime.launch import arguments_of
from robot_rl.runtime.launch.locate import launch_file
from robot_rl.serving.loading import check_options


def test_arguments_are_split_at_the_first_mark() -> None:
    assert launch.parse(("robot:=sim_lift", "path:=a:=b", "control_mode:=")) == {
        "robot": "sim_lift",
        "path": "a:=b",
        "control_mode": "",
    }


@pytest.mark.parametrize("text", ["robot=sim_lift", ":=x", "robot"])
def test_an_argument_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="name:=value"):
        launch.parse((text,))


@pytest.mark.parametrize(
    ("description", "arguments"),
    [
        ("record", record.Options(device="scripted").launch_arguments()),
        ("deploy", deploy.arguments(deploy.Options(checkpoint="x"), "x")),
    ],
)
def test_the_commands_give_only_arguments_that_their_description_takes(
    description: str, arguments: dict[str, str]
) -> None:
    known = {a.name: a for a in arguments_of(description)}
    assert set(arguments) <= set(known)
    for name, value in arguments.items():
        assert not known[name].choices or value in known[name].choices, (name, value)


@pytest.mark.parametrize(
    "given",
    [
        {"execution": "ensemble", "decay": 0.5, "samples": 4},
        {"execution": "rtc", "action_steps": 2, "latency_steps": 3, "overrun": "last"},
    ],
)
def test_all_of_execution_can_be_set_on_the_command_line_and_reaches_the_graph(given: dict[str, Any]) -> None:
    chosen = PolicyOptions(**given)
    assert chosen.config == ExecutionConfig(**{"mode" if n == "execution" else n: v for n, v in given.items()})
    arguments = chosen.launch_arguments()
    for name, value in given.items():
        assert arguments[name] == str(value), name
    assert {f.name for f in fields(ExecutionConfig)} - {"mode"} <= set(arguments)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["ws://gpu:8000", "--policy-device", "cuda"], "device 'cuda' is for a policy on this computer, and ws://gpu"),
        (["flow_lift", "--fields", "state=ee"], "--fields 'state=ee' is what a server calls the robot's fields, and f"),
        (["flow_lift", "--prompt", "lift"], "--prompt is sent only to servers other than robot_rl's, which also need"),
        (["ws://gpu:8000", "--prompt", "lift"], "--prompt is sent only to servers other than robot_rl's, which also"),
        (["flow_lift", "--decay", "0.5"], "decay is 0.5, which does nothing in execution receding"),
        (["flow_lift", "--overrun", "last"], "overrun is last, which does nothing in execution receding"),
    ],
)
def test_options_that_would_do_nothing_are_refused_before_anything_starts(
    given: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["deploy", "--robot", "sim_lift", "--checkpoint", *given]) == 2
    errors = capsys.readouterr().err
    assert said in errors and len(errors.splitlines()) == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["ws://gpu:8000", "--device", "cuda"], "device 'cuda' is for a policy on this computer, and ws://gpu"),
        (["flow_lift", "--fields", "state=ee"], "--fields 'state=ee' is what a server calls the robot's fields, and f"),
    ],
)
def test_so_are_those_of_an_evaluation(given: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["evaluate", "--robot", "sim_lift", "--checkpoint", *given]) == 2
    assert said in capsys.readouterr().err


def test_what_counts_for_one_of_several_policies_is_taken() -> None:
    both = ["flow_lift", "ws://gpu:8000"]
    check_options(both, device="cuda", fields="state=ee", prompt="lift")
    check_options(["flow_lift"], device="cuda", fields="", prompt="")
    check_options(["ws://gpu:8000"], device="cpu", fields="state=ee", prompt="lift")


def test_show_args_lists_them_and_starts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["launch", "teleop", "--show-args"]) == 0
    text = capsys.readouterr().out
    assert "device:=" in text
    assert "one of: true, false" in text


@pytest.mark.parametrize("given", [["record", "--help"], ["-h", "record"], ["record", "episodes:=3", "--help"]])
def test_help_of_one_description_lists_its_arguments_and_starts_nothing(
    given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["launch", "record", "--show-args"]) == 0
    listed = capsys.readouterr().out
    assert cli.main(["launch", *given]) == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: robot-rl launch record [NAME:=VALUE ...]\n") and listed in text
    assert "episodes:=" in text and "checkpoint:=" not in text


def test_help_of_a_description_that_is_not_there_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["launch", "telop", "--help"]) == 2
    assert "Did you mean 'teleop'?" in capsys.readouterr().err


def test_a_description_that_is_not_there_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["launch", "telop"]) == 2
    assert "teleop" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["record", "episodes:=-1"], "episodes:=-1: it must be at least 0"),
        (["teleop", "device:=gamepd"], "no input device 'gamepd'. Did you mean 'gamepad'?"),
        (["teleop", "robot:=sim_lft"], "Did you mean 'sim_lift'?"),
        (["collect", "cameras:=foo"], "robot 'sim_lift' has no camera 'foo'"),
        (["deploy", "device:=scripted"], "checkpoint:= is missing"),
        (["deploy", "checkpoint:=ws://gpu:8000", "robot:=sim_lift", "policy_device:=cuda"], "ws://gpu:8000"),
    ],
)
def test_arguments_that_lead_nowhere_are_refused_in_one_line_before_anything_starts(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["launch", *arguments]) == 2
    errors = capsys.readouterr().err
    assert said in errors and len(errors.splitlines()) == 1


@pytest.mark.parametrize("evaluation", [False, True])
def test_a_deployment_may_be_an_evaluation(evaluation: bool) -> None:
    options = deploy.Options(checkpoint="x", evaluation=evaluation)
    assert deploy.arguments(options, "x")["purpose"] == ("evaluation" if evaluation else "deployment")


def test_a_recording_without_a_data_set_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing would be recorded: give --dataset a name"):
        record.run(record.Options(device="scripted", dataset=""))


def test_a_real_robot_is_neither_stepped_in_lockstep_nor_in_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = load("sim_lift").path.read_text()
    path = tmp_path / "my_arm" / "robot.yaml"
    path.parent.mkdir()
    path.write_text(text.replace("robot_rl.sim.robosuite_arm:RobosuiteArm", "my_lab.arm:Arm"))
    assert cli.main(["record", "--robot", str(path), "--device", "scripted", "--lockstep"]) == 2
    assert "robot 'my_arm' is real" in capsys.readouterr().err


def test_an_unknown_robot_names_the_nearest_before_anything_starts(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["record", "--robot", "sim_lfit"]) == 2
    assert "no robot 'sim_lfit'. Did you mean 'sim_lift'?" in capsys.readouterr().err


def test_an_unknown_policy_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["deploy", "--checkpoint", "flow_lfit"]) == 2
    assert "no policy at 'flow_lfit'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["recipe:=rlpd_pegslot"], "session:= is missing"),
        (["session:=new"], "new holds no session yet: give recipe:="),
        (["session:=new", "recipe:=rlpd_pegslto"], "'rlpd_pegslto'. Did you mean 'rlpd_pegslot'?"),
        (["session:=old", "recipe:=rlpd_pegslot"], "old/finetune.yaml: unknown option 'robto'"),
    ],
)
def test_a_session_without_a_recipe_that_holds_is_refused_before_anything_starts(
    given: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "finetune.yaml").write_text("robto: sim_lift\n")
    assert cli.main(["launch", "finetune", *given]) == 2
    out, errors = capsys.readouterr()
    assert said in errors and "started" not in out


def test_help_names_every_description_that_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    names = {p.name.removesuffix(".launch.yaml") for p in launch_file("teleop").parent.glob("*.launch.yaml")}
    assert {"collect", "finetune"} < names
    assert all(name in cli.COMMANDS["launch"] for name in names)
    with pytest.raises(SystemExit):
        cli.main(["launch", "--help"])
    text = capsys.readouterr().out
    assert all(name in text for name in names)


def test_a_session_s_robot_and_cameras_are_the_recipe_s_unless_said_otherwise(tmp_path: Path) -> None:
    own = completed("finetune", {"session": str(tmp_path / "new"), "recipe": "rlpd_lift_image"})
    assert (own["robot"], own["cameras"]) == ("sim_lift", "front,wrist")
    assert own["end_after_intervention"] == "false"
    said = completed("finetune", {"session": str(tmp_path / "new"), "recipe": "rlpd_lift", "robot": "sim_can"})
    assert (said["robot"], said["cameras"]) == ("sim_can", "none")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "finetune.yaml").write_text("robot: sim_crazyflie\nend_after_intervention: true\n")
    begun = completed("finetune", {"session": str(tmp_path / "old"), "recipe": "rlpd_lift"})
    assert (begun["robot"], begun["end_after_intervention"]) == ("sim_crazyflie", "true")
    assert completed("deploy", {"checkpoint": "x", "robot": "sim_can"}) == {"checkpoint": "x", "robot": "sim_can"}
    assert completed("deploy", {}) == completed("finetune", {}) == {}


def test_a_launched_deployment_is_on_the_robot_that_its_policy_was_trained_for(lost: Path) -> None:
    assert completed("deploy", {"checkpoint": str(lost)})["robot"] == "sim_crazyflie"
    assert completed("deploy", {"checkpoint": str(lost), "robot": "sim_lift"})["robot"] == "sim_lift"
    with pytest.raises(UsageError, match="A policy on a server is not asked: add robot:=NAME"):
        completed("deploy", {"checkpoint": "ws://gpu-box:8000"})
