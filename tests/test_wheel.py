"""The wheel, installed alone into an empty environment: what a robot computer gets."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def run(*command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "ROBOT_RL_WORKSPACE", "VIRTUAL_ENV")}
    return subprocess.run([str(c) for c in command], cwd=cwd, env=clean, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with robot_rl from its wheel and the base dependencies only."""
    folder = tmp_path_factory.mktemp("wheel")
    built = run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT)
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("robot_rl-*.whl")
    venv.create(folder / "env", with_pip=True)
    installed = run(folder / "env/bin/python", "-m", "pip", "install", "--quiet", wheel)
    assert installed.returncode == 0, installed.stderr
    return folder / "env"


def test_help_works_with_the_base_installation(prefix: Path, tmp_path: Path) -> None:
    result = run(prefix / "bin/robot-rl", "--help", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "usage: robot-rl COMMAND" in result.stdout


def test_the_robots_that_ship_with_the_wheel_are_found_outside_a_checkout(prefix: Path, tmp_path: Path) -> None:
    result = run(prefix / "bin/robot-rl", "info", "sim_lift", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert str(prefix / "share/robot_rl/hardware/sim_lift/robot.yaml") in result.stdout.replace("\n", "")


def test_a_missing_extra_is_one_line_that_says_what_to_install(prefix: Path, tmp_path: Path) -> None:
    result = run(prefix / "bin/robot-rl", "train", "--dataset", "lift", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr == "robot-rl: torch not installed: pip install 'robot_rl[train]'\n"


def test_doctor_says_which_extras_are_missing_and_that_is_no_failure(prefix: Path, tmp_path: Path) -> None:
    result = run(prefix / "bin/robot-rl", "doctor", "--only", "python", "extras", "ros", "rendering", cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    for extra in ("sim", "ros", "train"):
        assert f"pip install 'robot_rl[{extra}]'" in result.stdout


def test_no_command_needs_an_extra_to_show_its_arguments_or_says_which(prefix: Path, tmp_path: Path) -> None:
    for command in ("launch", "record", "deploy", "replay", "view", "info", "doctor"):
        result = run(prefix / "bin/robot-rl", command, "--help", cwd=tmp_path)
        assert result.returncode == 0, (command, result.stderr)
    shown = run(prefix / "bin/robot-rl", "launch", "teleop", "--show-args", cwd=tmp_path)
    assert "device:=" in shown.stdout, shown.stderr
