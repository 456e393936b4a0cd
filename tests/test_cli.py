from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from types import ModuleType

import pytest

from robot_rl import cli
from robot_rl.hardware.config import ConfigError


@dataclass(frozen=True)
class Options:
    """Options of a command made for these tests."""

    episodes: int = 1


def install(monkeypatch: pytest.MonkeyPatch, run: object) -> None:
    """Put a command of our own in the place of `info`."""
    module = ModuleType("robot_rl.commands.info", "A command made for these tests.")
    module.Options, module.run = Options, run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "robot_rl.commands.info", module)


def test_help_lists_every_command_and_exits_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"  {name}" in text for name in cli.COMMANDS)


def test_no_command_shows_the_usage_and_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    assert "usage: robot-rl COMMAND" in capsys.readouterr().out


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from robot_rl import cli; cli.main(['--help']); print(*sys.modules, file=sys.stderr)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "torch", "tyro", "zarr", "mujoco", "rclpy"} & set(result.stderr.split())


def test_an_unknown_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["recrod"]) == 2
    assert "no command 'recrod'. Did you mean 'record'?" in capsys.readouterr().err


def test_the_options_reach_the_command_and_its_result_is_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, lambda options: options.episodes)
    assert cli.main(["info", "--episodes", "7"]) == 7


def test_an_unknown_option_exits_2(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, lambda options: 0)
    with pytest.raises(SystemExit) as caught:
        cli.main(["info", "--episode", "7"])
    assert caught.value.code == 2


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_every_command_explains_itself_with_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([name, "--help"])
    assert caught.value.code == 0
    assert f"robot-rl {name}" in capsys.readouterr().out.split("Examples:")[1]


@pytest.mark.parametrize(("name", "least"), [("deploy", 3), ("train", 3), ("record", 2)])
def test_what_turns_a_switch_off_stands_beside_the_switch_that_the_text_explains(
    name: str, least: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main([name, "--help"])
    text = capsys.readouterr().out.partition("-h, --help")[2]  # after the examples
    off = re.findall(r"--([\w.]*)no-([\w-]+)", text)
    assert len(off) >= least
    for path, switch in off:
        assert f"--{path}{switch}," in text, switch


def raising(error: BaseException) -> object:
    def run(options: Options) -> int:
        raise error

    return run


def test_a_configuration_error_is_one_line_without_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(monkeypatch, raising(ConfigError("no robot 'sim_lfit'. Did you mean 'sim_lift'?")))
    assert cli.main(["info"]) == 2
    assert capsys.readouterr().err == "robot-rl: no robot 'sim_lfit'. Did you mean 'sim_lift'?\n"


def test_a_missing_extra_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    install(monkeypatch, raising(ModuleNotFoundError("No module named 'rerun'", name="rerun")))
    assert cli.main(["info"]) == 2
    assert capsys.readouterr().err == "robot-rl: rerun not installed: pip install 'robot_rl[cockpit]'\n"


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, raising(ZeroDivisionError("a bug")))
    with pytest.raises(ZeroDivisionError):
        cli.main(["info"])


def test_a_module_missing_from_this_package_itself_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, raising(ModuleNotFoundError("No module named 'left_pad'", name="left_pad")))
    with pytest.raises(ModuleNotFoundError):
        cli.main(["info"])


def test_ctrl_c_exits_130_without_traceback() -> None:
    code = (
        "import sys, time, types; from dataclasses import dataclass; from robot_rl import cli\n"
        "m = types.ModuleType('robot_rl.commands.info')\n"
        "@dataclass\nclass Options: pass\n"
        "def run(o):\n    print('running', flush=True)\n    time.sleep(30)\n"
        "m.Options, m.run = Options, run; sys.modules['robot_rl.commands.info'] = m\n"
        "sys.exit(cli.main(['info']))"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "running\n"
    time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=20)
    assert child.returncode == 130
    assert err == "interrupted\n"
