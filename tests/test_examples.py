"""Every example runs, with tiny settings, and says what it should."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
pytest.importorskip("robosuite")


def run(name: str, folder: Path, *arguments: str) -> str:
    result = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        cwd=folder,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return result.stdout


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what 02 recorded."""
    folder = tmp_path_factory.mktemp("examples")
    out = run("02_record_in_process.py", folder, "--episodes", "2", "--quality", "expert")
    assert re.findall(r"episode (\d): success", out) == ["0", "1"]
    return folder


@pytest.fixture(scope="module")
def trained(recorded: Path) -> Path:
    """The folder, with what 03 trained."""
    pytest.importorskip("torch")
    out = run("03_train_flow.py", recorded, "--steps", "20")
    assert (recorded / "runs/example/checkpoint/policy.json").is_file()
    assert "after 20 steps on 2 episodes" in out
    return recorded


@pytest.mark.parametrize("robot", ["sim_lift", "sim_crazyflie"])
def test_01_a_robot_moves_up_when_told_to(robot: str, tmp_path: Path) -> None:
    out = run("01_read_a_robot.py", tmp_path, "--robot", robot)
    match = re.search(r"rose (-?[\d.]+) m in [\d.]+ s; asked for ([\d.]+) m", out)
    assert match is not None
    assert 0.3 * float(match[2]) < float(match[1]) < 1.1 * float(match[2])


def test_04_a_hardly_trained_policy_is_helped_by_the_operator(trained: Path) -> None:
    out = run("04_deploy.py", trained, "--episodes", "1")
    assert re.search(r"seed 1000: \w+; steps by .*policy \d+", out)


def test_05_stable_baselines_trains_on_the_environment(tmp_path: Path) -> None:
    pytest.importorskip("stable_baselines3")
    assert "after 64 steps" in run("05_gymnasium_sb3.py", tmp_path, "--steps", "64")


def test_06_the_quadrotor_reaches_its_goal(tmp_path: Path) -> None:
    out = run("06_fly_a_quadrotor.py", tmp_path, "--episodes", "1")
    match = re.search(r"([\d.]+) m at the end", out)
    assert match is not None
    assert float(match[1]) < 0.1


def test_07_the_data_says_who_acted_and_gives_windows(recorded: Path) -> None:
    out = run("07_query_episodes.py", recorded)
    assert "episode 1:" in out
    assert "'action': (8, 16, 7)" in out


def test_08_the_nodes_record_the_same_number_of_episodes(tmp_path: Path) -> None:
    pytest.importorskip("rclpy")
    assert "ended with code 0; the data set holds 1 episodes" in run(
        "08_record_over_ros.py", tmp_path, "--episodes", "1"
    )


def test_09_a_session_learns_from_demonstrations_and_says_how_well(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    out = run("09_finetune_in_process.py", tmp_path, "--demonstrations", "2", "--steps", "220", "--trials", "2")
    assert re.search(r"before: \d of 2", out)
    assert re.search(r"2\d\d robot steps, \d+ by the human: \d+%", out)
    assert re.search(r"after: \d of 2, 95 % interval", out)


@pytest.mark.slow
def test_10_one_chunk_and_the_best_of_16_are_compared_on_the_same_states(trained: Path) -> None:
    out = run("10_choose_among_chunks.py", trained, "--episodes", "1", "--steps", "20")
    assert re.search(r"one chunk: [01]/1", out)
    assert re.search(r"best of 16: [01]/1", out)


def test_every_example_is_in_the_table_and_in_these_tests() -> None:
    table = (EXAMPLES / "README.md").read_text()
    tests = Path(__file__).read_text()
    for script in EXAMPLES.glob("[0-9]*.py"):
        assert f"`{script.name}`" in table
        assert f'"{script.name}"' in tests
