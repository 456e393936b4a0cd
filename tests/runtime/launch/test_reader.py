from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest

from robot_rl.runtime.launch import Launch, LaunchError, Process, arguments_of
from robot_rl.runtime.launch.locate import share
from robot_rl.runtime.launch.reader import read


def processes(tmp_path: Path, text: str, **given: str) -> list[Process]:
    path = tmp_path / "x.launch.yaml"
    path.write_text(text)
    return read(path, given)


def names(found: list[Process]) -> list[str]:
    return [p.name for p in found]


ARGUMENTS = """
launch:
  - arg: {name: robot, default: arm}
  - arg: {name: greeting, default: "hello $(var robot)"}
  - arg: {name: mode, default: slow, choice: [{value: slow}, {value: fast}]}
  - executable: {cmd: echo $(var greeting) --mode=$(var mode) "two words"}
"""


def test_defaults_may_use_earlier_arguments_and_are_not_split(tmp_path: Path):
    (process,) = processes(tmp_path, ARGUMENTS)
    assert process.command == ("echo", "hello arm", "--mode=slow", "two words")


def test_given_arguments_replace_defaults(tmp_path: Path):
    (process,) = processes(tmp_path, ARGUMENTS, robot="drone", mode="fast")
    assert process.command == ("echo", "hello drone", "--mode=fast", "two words")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"robt": "x"}, "no argument 'robt'. Did you mean 'robot'?"),
        ({"mode": "fats"}, "x.launch.yaml:5: arg: mode:=fats is not allowed. Did you mean 'fast'?"),
    ],
)
def test_a_wrong_argument_is_refused_with_the_nearest(tmp_path: Path, given: dict[str, str], message: str):
    with pytest.raises(LaunchError) as error:
        processes(tmp_path, ARGUMENTS, **given)
    assert message in str(error.value)


def test_an_argument_without_default_must_be_given(tmp_path: Path):
    text = "launch:\n  - arg: {name: checkpoint, description: A folder.}\n  - executable: {cmd: ls $(var checkpoint)}\n"
    with pytest.raises(LaunchError, match=r"give a value: checkpoint:=... \(A folder.\)"):
        processes(tmp_path, text)
    assert processes(tmp_path, text, checkpoint="c")[0].command == ("ls", "c")


def test_if_and_unless_choose_processes(tmp_path: Path):
    text = """
launch:
  - arg: {name: record, default: "false"}
  - executable: {cmd: recorder, if: $(var record)}
  - executable: {cmd: idler, unless: $(var record)}
  - group:
      if: $(var record)
      children:
        - executable: {cmd: episodes}
"""
    assert names(processes(tmp_path, text)) == ["idler"]
    assert names(processes(tmp_path, text, record="True")) == ["recorder", "episodes"]


def test_what_a_group_sets_stays_in_it(tmp_path: Path):
    text = """
launch:
  - let: {name: x, value: outer}
  - group:
      - let: {name: x, value: inner}
      - set_env: {name: E, value: "1"}
      - executable: {cmd: first $(var x)}
  - executable: {cmd: second $(var x)}
"""
    first, second = processes(tmp_path, text)
    assert (first.command[1], second.command[1]) == ("inner", "outer")
    assert first.environment["E"] == "1" and "E" not in second.environment


def test_an_included_file_gets_its_arguments_and_shares_variables(tmp_path: Path):
    (tmp_path / "part.launch.yaml").write_text(
        "launch:\n  - arg: {name: a, default: unused}\n  - arg: {name: b, default: free}\n"
        "  - executable: {cmd: part $(var a) $(var b) $(var shared)}\n"
    )
    text = """
launch:
  - arg: {name: shared, default: both}
  - include:
      file: $(dirname)/part.launch.yaml
      arg: [{name: a, value: passed}]
"""
    (process,) = processes(tmp_path, text)
    assert process.command == ("part", "passed", "free", "both")
    assert [a.name for a in arguments_of(tmp_path / "x.launch.yaml")] == ["shared", "b"]
    assert processes(tmp_path, text, b="given")[0].command[2] == "given"


def test_a_file_that_includes_itself_is_refused(tmp_path: Path):
    text = "launch:\n  - let: {name: a, value: b}\n  - include: {file: $(dirname)/x.launch.yaml}\n"
    with pytest.raises(LaunchError, match="includes itself"):
        processes(tmp_path, text)


def test_environment_is_set_for_later_processes_and_for_one(tmp_path: Path):
    text = """
launch:
  - executable: {cmd: a}
  - set_env: {name: SHARED, value: s}
  - executable: {cmd: b, env: [{name: OWN, value: "$(env SHARED)!"}]}
"""
    a, b = processes(tmp_path, text)
    assert a.environment == {}
    assert b.environment == {"SHARED": "s", "OWN": "s!"}


def test_a_node_becomes_a_ros_command_line(tmp_path: Path):
    text = """
launch:
  - node:
      pkg: robot_rl
      exec: robot_node
      name: left
      namespace: arms
      args: --flag "a b"
      on_exit: shutdown
      output: screen
      remap: [{from: joy, to: left_joy}]
      param:
        - {name: robot, value: "1", type: str}
        - {name: empty, value: "", type: str}
        - {name: seed, value: "7", type: int}
        - {name: rate, value: "20", type: float}
        - {name: lockstep, value: "True", type: bool}
        - {name: native, value: 0.5}
        - {name: guessed, value: "12"}
        - {from: $(dirname)/p.yaml}
"""
    (node,) = processes(tmp_path, text)
    assert Path(node.command[0]).name == "robot_node" and os.access(node.command[0], os.X_OK)
    assert node.name == "left" and node.required and node.screen
    assert node.command[1:] == (
        *("--flag", "a b", "--ros-args", "-r", "__node:=left", "-r", "__ns:=/arms"),
        *("-p", 'robot:="1"', "-p", 'empty:=""', "-p", "seed:=7", "-p", "rate:=20.0", "-p", "lockstep:=true"),
        *("-p", "native:=0.5", "-p", "guessed:=12", "--params-file", f"{tmp_path}/p.yaml"),
        *("-r", "joy:=left_joy"),
    )


def test_two_processes_of_one_name_are_told_apart(tmp_path: Path):
    found = processes(tmp_path, "launch:\n  - executable: {cmd: cam}\n  - executable: {cmd: cam}\n")
    assert names(found) == ["cam", "cam-2"]


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ("nod: {pkg: a, exec: b}", "x.launch.yaml:2: nod: action 'nod' is not read here. Did you mean 'node'?"),
        ("timer: {period: 1.0}", "action 'timer' is not read here"),
        ("node: {pkg: robot_rl, exec: robot_nod}", "no executable 'robot_nod'"),
        ("node: {pkg: robot_rl, exe: robot_node}", "key 'exe' is not read here. Did you mean 'exec'?"),
        ("node: {pkg: robot_rl, exec: robot_node, respawn: true}", "key 'respawn' is not read here"),
        ("node: {pkg: nowhere, exec: b}", "package 'nowhere' is not found"),
        ("executable: {cmd: a, on_exit: restart}", "on_exit: 'restart' is not read here; allowed: shutdown"),
        ("executable: {cmd: a, output: own_log}", "output: 'own_log' is not read here"),
        ('executable: {cmd: ""}', "'cmd' is missing or empty"),
        ("executable: {cmd: a, cmd: b}", "key 'cmd' is given twice"),
        ('executable: {cmd: a, if: "true", unless: "false"}', "'if' and 'unless' cannot stand together"),
        ("executable: {cmd: a, if: maybe}", "if: 'maybe' is neither true nor false"),
        ("executable: {cmd: a, if: true}", "'if: True' is not text: write it in quotes"),
        ("let: {name: a, value: 5}", "'value: 5' is not text: write it in quotes"),
        ("let: {value: a}", "'name' is missing"),
        ("include: {file: nowhere.launch.yaml}", "nowhere.launch.yaml cannot be read: No such file"),
        ("executable: cmd", "expected a mapping"),
        ("arg: {name: a, default: b, choice: [{valeu: b}]}", "key 'valeu' is not read here"),
        ("node: {pkg: robot_rl, exec: robot_node, param: [{name: n, value: x, type: int}]}", "'x' is not of type int"),
        ("node: {pkg: robot_rl, exec: robot_node, param: [{name: n, value: 5, type: str}]}", "5 is not of type str"),
        ("node: {pkg: robot_rl, exec: robot_node, param: [{name: n, value: x, type: list}]}", "type 'list' is not"),
        ("node: {pkg: robot_rl, exec: robot_node, param: [{name: n}]}", "'value' is missing"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_place(tmp_path: Path, action: str, message: str):
    with pytest.raises(LaunchError) as error:
        processes(tmp_path, f"launch:\n  - {action}\n")
    assert message in str(error.value)


@pytest.mark.parametrize("text", ["", "nodes: []", "launch: {}", "launch: []\nmore: 1", "launch: [", "launch: [a]"])
def test_a_file_that_is_no_launch_description_is_refused(tmp_path: Path, text: str):
    with pytest.raises(LaunchError):
        processes(tmp_path, text)


def test_an_unknown_bring_up_names_the_nearest():
    with pytest.raises(LaunchError, match=r"no launch description 'telop'. Did you mean 'teleop'\?"):
        Launch("telop")


TELEOP = ["robot_node", "camera_node", "arbiter_node", "teleop_node"]


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("teleop", {}, [*TELEOP, "device_node"]),
        ("teleop", {"cameras": "none"}, ["robot_node", "arbiter_node", "teleop_node", "device_node"]),
        ("teleop", {"record": "true"}, [*TELEOP, "device_node", "recorder_node", "episode_node"]),
        ("teleop", {"device": "scripted"}, [*TELEOP, "operator_node", "episode_node"]),
        ("record", {"device": "scripted"}, [*TELEOP, "operator_node", "recorder_node", "episode_node"]),
        ("deploy", {"checkpoint": "c"}, [*TELEOP, "device_node", "policy_node", "episode_node"]),
        (
            "deploy",
            {"checkpoint": "c", "intervene": "false", "dataset": "d", "cameras": "none"},
            ["robot_node", "arbiter_node", "policy_node", "recorder_node", "episode_node"],
        ),
    ],
)
def test_a_bring_up_starts_the_nodes_that_it_needs(name: str, given: dict[str, str], expected: list[str]):
    found = Launch(name, given).processes
    assert names(found) == expected
    assert all(p.required for p in found)


def rules(name: str, node: str, **given: str) -> dict[str, str]:
    command = next(p for p in Launch(name, given).processes if p.name == node).command
    return dict(rule.split(":=", 1) for flag, rule in pairwise(command) if flag == "-p")


def test_the_scripted_operator_is_read_as_a_gamepad():
    assert rules("record", "teleop_node", device="scripted")["device"] == '"gamepad"'
    assert rules("record", "teleop_node", device="spacemouse")["device"] == '"spacemouse"'


def test_the_arbiter_waits_for_those_who_act():
    assert rules("record", "arbiter_node")["wait_for"] == '"human"'
    assert rules("deploy", "arbiter_node", checkpoint="c")["wait_for"] == '"human,policy"'
    assert rules("deploy", "arbiter_node", checkpoint="c", intervene="false")["wait_for"] == '"policy"'


def test_the_arbiter_expects_a_person_where_one_holds_a_device():
    assert rules("deploy", "arbiter_node", checkpoint="c")["human"] == "true"
    assert rules("deploy", "arbiter_node", checkpoint="c", device="scripted")["human"] == "false"
    assert rules("deploy", "arbiter_node", checkpoint="c", intervene="false")["human"] == "false"


def test_episodes_begin_by_themselves_only_for_a_scripted_operator_and_end_after_the_number_asked_for():
    person = rules("record", "episode_node", device="gamepad", episodes="0")
    script = rules("record", "episode_node", device="scripted", episodes="40", dataset="d", seed="3")
    assert (person["auto"], person["exit_when_done"], person["episodes"]) == ('"never"', "false", "0")
    assert (script["auto"], script["exit_when_done"], script["episodes"], script["seed"]) == (
        '"always"',
        "true",
        "40",
        "3",
    )
    assert script["purpose"] == '"demonstration"'
    evaluation = rules("deploy", "episode_node", checkpoint="c", purpose="evaluation", episodes="50", max_steps="200")
    assert (evaluation["purpose"], evaluation["max_steps"]) == ('"evaluation"', "200")
    assert evaluation["auto"] == '"simulated"', "a real robot may have a person's hands in its scene"


def test_only_the_keyboard_keeps_the_terminal():
    def terminal(device: str) -> set[str]:
        return {p.name for p in Launch("teleop", {"device": device}).processes if p.terminal}

    assert terminal("keyboard") == {"device_node"}
    assert terminal("gamepad") == set()


def test_a_profile_of_the_user_is_kept(monkeypatch: pytest.MonkeyPatch):
    def profile() -> str | None:
        camera = next(p for p in Launch("teleop").processes if p.name == "camera_node")
        return camera.environment.get("FASTDDS_DEFAULT_PROFILES_FILE")

    monkeypatch.delenv("FASTDDS_DEFAULT_PROFILES_FILE", raising=False)
    assert profile() == str(share("robot_rl") / "config" / "fastdds_images.xml")
    monkeypatch.setenv("FASTDDS_DEFAULT_PROFILES_FILE", "/mine.xml")
    assert profile() == "/mine.xml"


def test_packages_of_a_sourced_workspace_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    prefix = tmp_path / "install"
    (prefix / "share" / "realsense2_camera").mkdir(parents=True)
    (prefix / "share" / "realsense2_camera" / "package.xml").write_text("<package/>")
    program = prefix / "lib" / "realsense2_camera" / "camera"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/nowhere:{prefix}")
    (node,) = processes(tmp_path, "launch:\n  - node: {pkg: realsense2_camera, exec: camera}\n")
    assert node.command == (str(program),)
