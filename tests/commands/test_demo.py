"""The main job, small: every stage through real processes, interrupted once, and its report."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

for _module in ("rclpy", "robosuite", "torch"):
    pytest.importorskip(_module)

from robot_rl.commands.demo import HELD_OUT, Demo, Options  # noqa: E402
from robot_rl.commands.demo_folder import read_episodes  # noqa: E402
from robot_rl.commands.demo_report import interventions  # noqa: E402

SMALL = ["--demonstrations", "2", "--deployments", "2", "--evaluations", "2", "--steps", "40", "--cameras", "front"]


def demo(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "robot_rl.cli", "demo", *SMALL, "--output", str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.timeout(700)
def test_an_interrupted_demo_goes_on_where_it_stopped_and_ends_in_a_report(tmp_path: Path) -> None:
    first = demo(tmp_path)
    deadline = time.monotonic() + 180
    while not read_episodes(tmp_path / "data.zarr") and time.monotonic() < deadline:
        time.sleep(0.2)
    first.send_signal(signal.SIGINT)
    assert first.wait(timeout=90) == 130
    kept = len(read_episodes(tmp_path / "data.zarr"))
    assert kept >= 1

    second = demo(tmp_path)
    output, _ = second.communicate(timeout=400)
    assert second.returncode == 0, output
    assert "policy 2" in output
    data = read_episodes(tmp_path / "data.zarr")
    assert [e.purpose for e in data] == ["demonstration"] * 2 + ["deployment"] * 2
    assert len({e.attributes["seed"] for e in data}) == 4
    assert any(interventions(e) for e in data[2:]), "a policy of 40 training steps needs help"
    for number in (1, 2):
        trials = read_episodes(tmp_path / f"evaluation_{number}.zarr")
        assert [e.attributes["seed"] for e in trials] == [HELD_OUT, HELD_OUT + 1]
        assert not any(interventions(e) for e in trials)
        won = sum(bool(e.success) for e in trials)
        card = (tmp_path / f"policy_{number}" / "README.md").read_text()
        assert f"| sim_lift | receding | seeds {HELD_OUT} to {HELD_OUT + 1} | {won}/2 = {won / 2:.0%} |" in card
        assert "Not evaluated yet" not in card
    page = (tmp_path / "report.html").read_text()
    assert "policy 1" in page and "policy 2" in page and "data:image" in page

    third = demo(tmp_path)  # nothing is left to do: the report is written again
    output, _ = third.communicate(timeout=120)
    assert third.returncode == 0, output
    assert f"report: {tmp_path / 'report.html'}" in output.splitlines()  # longer than 80 columns, and yet one line
    trained, again = (re.findall(r"trained for \d+ s", p) for p in (page, (tmp_path / "report.html").read_text()))
    assert len(trained) == 2 and again == trained


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_corrections_raise_the_success_rate_significantly(tmp_path: Path) -> None:
    from robot_rl.learn.statistics import compare

    Demo(Options(cameras="none", output=tmp_path)).run()
    first, second = ([bool(e.success) for e in read_episodes(tmp_path / f"evaluation_{n}.zarr")] for n in (1, 2))
    assert sum(second) >= 0.9 * len(second)
    assert compare(first, second).low > 0.0
