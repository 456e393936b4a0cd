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
        f"the data set {tmp_path / 'arm_data'} (first) is of robot 'arm', this session (second) of robot 'point':"
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


def test_a_robot_that_has_changed_since_is_not_taken_for_another_one(
    small_online: OnlineConfig, cell: Workcell, make_demonstrations: Callable[[int], Dataset]
) -> None:
    demonstrations = make_demonstrations(1)
    cell.robot.spec = replace(cell.robot.spec, rate=20.0)
    with pytest.raises(TrainingError, match="both of robot 'point', whose robot.yaml or control mode has") as raised:
        Session(small_online, cell, demonstrations)
    *_, difference, way_out = str(raised.value).splitlines()
    assert difference.strip() == "rate: 10 Hz against 20 Hz"
    assert way_out == "Name a data set recorded since, or put robot.yaml and the control mode back"


def test_demonstrations_that_do_not_know_their_control_mode_fit(
    small_online: OnlineConfig, cell: Workcell, make_demonstrations: Callable[[int], Dataset]
) -> None:
    demonstrations = make_demonstrations(2)
    assert demonstrations.spec.control_mode == ""
    cell.robot.spec = replace(cell.robot.spec, control_mode="planar_velocity")
    assert len(Session(small_online, cell, demonstrations).learner.replay.ids) == 2


def test_demonstrations_in_the_replay_of_a_session_do_not_keep_it_from_going_on(
    small_online: OnlineConfig, cell: Workcell, make_demonstrations: Callable[[int], Dataset], tmp_path: Path
) -> None:
    demonstrations, folder = make_demonstrations(2), tmp_path / "session"
    Session(small_online, cell, demonstrations, directory=folder)
    spec = cell.robot.spec
    metres = [replace(f, unit="m") for f in spec.observation.values()]
    cell.robot.spec = replace(spec, observation=Layout(tuple(metres)))
    assert len(Session(small_online, cell, demonstrations, directory=folder).learner.replay.ids) == 2
    with pytest.raises(TrainingError, match="unit 1 against m"):
        Session(small_online, cell, demonstrations)
