"""Episodes in one process end as those of the graph do, and at Ctrl-C it is said how they went."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="needs robot_rl[sim]")
pytest.importorskip("torch", reason="needs robot_rl[train]")

from robot_rl.commands import in_process  # noqa: E402
from robot_rl.commands.in_process import Job, episodes, run_job  # noqa: E402
from robot_rl.datasets.dataset import Dataset  # noqa: E402
from robot_rl.datasets.record import Source  # noqa: E402
from robot_rl.hardware import config  # noqa: E402


def test_a_deployment_s_episode_ends_where_the_helper_hands_back(lost: Path, tmp_path: Path) -> None:
    job = Job(config.load("sim_crazyflie"), "deployment", 1, 0, checkpoint=str(lost), dataset=tmp_path / "data")
    (result,) = episodes(job)
    assert result.ending.interventions == 1
    sources = Dataset.open(tmp_path / "data")[0].steps["source"]
    first = int(np.argmax(sources == Source.HUMAN))
    assert not (sources[first:] == Source.POLICY).any(), "what follows help would mix two causes"
    alone = replace(job, purpose="evaluation", quality=None, max_steps=20, dataset=None)
    assert next(iter(episodes(alone))).ending.steps == 20


@pytest.mark.parametrize(("asked", "code"), [(0, 0), (9, 130)])
def test_ctrl_c_ends_it_after_the_episode_under_way_and_says_how_they_went(
    asked: int, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    job = Job(config.load("sim_crazyflie"), "demonstration", asked, 0, max_steps=20, dataset=tmp_path / "data")
    show = in_process._show

    def press(bar: object, row: object, results: list[object]) -> None:
        show(bar, row, results)  # type: ignore[arg-type]
        if len(results) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(in_process, "_show", press)
    assert run_job(job) == code
    assert len(Dataset.open(tmp_path / "data")) == 2
    out = capsys.readouterr().out
    assert "2 demonstration episodes: 0/2" in out and f"recorded to {tmp_path / 'data'}" in out


def test_ctrl_c_while_the_parts_are_made_begins_no_episode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = Job(config.load("sim_crazyflie"), "demonstration", 3, 0, max_steps=20, dataset=tmp_path / "data")
    make = config.make

    def slowly(robot: config.RobotConfig) -> object:
        os.kill(os.getpid(), signal.SIGINT)
        return make(robot)

    monkeypatch.setattr(config, "make", slowly)
    assert run_job(job) == 130
    assert len(Dataset.open(tmp_path / "data")) == 0
