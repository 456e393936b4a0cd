"""Demonstrations of another robot are refused, both robots named before the fields that differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from robot_rl.datasets import Dataset, Step
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.session import Session
from robot_rl.learn.online.workcell import Workcell
from robot_rl.spec import Field, Layout, Spec


def elsewhere(path: Path, spec: Spec, step: Step) -> Dataset:
    """One episode of another robot, of one step."""
    with Dataset.create(path, spec) as dataset, dataset.new_episode(seed=0) as writer:
        writer.add_step(step)
        writer.commit(True, end=1)
    return Dataset.open(path)


def test_both_robots_are_named_first_and_then_what_differs(
    small_online: OnlineConfig, cell: Workcell, point: SimpleNamespace, tmp_path: Path
) -> None:
    force = Layout((Field("force", (2,), low=(-1, -1), high=(1, 1)),))
    other = Spec("arm", 20.0, Layout((Field("position", (3,)),)), force)
    with pytest.raises(TrainingError) as raised:
        Session(small_online, cell, elsewhere(tmp_path / "arm_data", other, point.step()))
    first, *lines = str(raised.value).splitlines()
    assert first == (
        f"the demonstrations in {tmp_path / 'arm_data'} were recorded on robot 'arm', this session's robot is 'point' "
        "(first: data set, second: robot):"
    )
    told = [line.strip() for line in lines]
    assert "rate: 20 Hz against 10 Hz" in told and "observation 'goal': only in the second" in told
    assert "observation 'position': shape (3,) against (2,)" in told and "action 'force': only in the first" in told
    assert told[-1] == "Name a data set of 'point', or a recipe for 'arm'"


def test_fields_that_are_not_looked_at_and_limits_may_differ(
    small_online: OnlineConfig, cell: Workcell, make_demonstrations: Callable[[int], Dataset]
) -> None:
    spec = cell.robot.spec
    wider = replace(spec.action["velocity"], low=(-3, -3), high=(3, 3))
    observation = Layout((*spec.observation.values(), Field("temperature", (1,))))
    cell.robot.spec = replace(spec, robot="twin", observation=observation, action=Layout((wider,)))
    session = Session(replace(small_online, observation=("position", "goal")), cell, make_demonstrations(2))
    assert len(session.learner.replay.ids) == 2
