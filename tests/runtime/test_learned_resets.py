"""A policy resets the scene: judged by a goal or by where demonstrations began, given up when its budget is spent."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from robot_rl.hardware import config
from robot_rl.hardware.robot import Reading
from robot_rl.learn.online.workcell import workcell
from robot_rl.policies.execution import ChunkExecutor, PolicyUnavailableError
from robot_rl.runtime.learned_resets import GoalRule, LearnedReset
from robot_rl.runtime.resets import ResetCounts, SelfResetting
from robot_rl.runtime.start_region import StartRegion
from robot_rl.sim.operators.pickinsert import wanted
from robot_rl.sim.planar.pickinsert import PickInsert
from robot_rl.spec import Field

SETUP = config.load("sim_pickinsert")
INSERTED = (0.0, -0.03, 0.0)


class BringBack:
    """Takes the peg out of the slot and puts it back, a chunk of two actions at a time."""

    spec, n_obs, horizon, n_action_steps = SETUP.spec, 1, 2, 2
    observation_names = ("hand", "opening", "peg", "holding", "goal")

    def __init__(self) -> None:
        self.goals: set[float] = set()

    def predict(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        now = {name: values[-1] for name, values in observation.items()}
        self.goals.add(float(now["goal"][0]))
        to, closed = wanted(now, 0.04, -0.04, 1)
        return np.tile([*np.clip(2.0 * (to - now["hand"]), -0.08, 0.08), float(closed)], (2, 1))

    def reset(self, seed: int | None = None) -> None:
        """Nothing is remembered."""


class Idle(BringBack):
    """Does nothing."""

    def predict(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        return np.zeros((2, 3))


class Gone(BringBack):
    """A server that is down."""

    def predict(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        raise PolicyUnavailableError("down")


def resetting(policy: BringBack, most: int = 200) -> tuple[SelfResetting, PickInsert]:
    """A robot that this policy resets, its peg in the slot after the first episode."""
    robot = config.make(SETUP)
    assert isinstance(robot, PickInsert)
    out = SelfResetting(robot, SETUP, LearnedReset(ChunkExecutor(policy), GoalRule(robot, 1)), most)
    out.reset(0)
    robot._peg = (robot._slot, -0.02, 0.0)
    return out, robot


def test_a_policy_brings_the_scene_back_and_the_task_is_what_it_was_before() -> None:
    policy = BringBack()
    robot, inner = resetting(policy)
    assert robot.outcome().success
    peg = robot.reset(1).values["peg"]
    assert abs(peg[0] + 0.04) <= 0.015 and peg[1] == 0.0
    assert (robot.set_up, robot.driven) == (1, 1) and 10 < robot.steps < 200
    assert policy.goals == {1.0}, "the policy is told the goal of the reset"
    assert inner.goal == 0 and not robot.outcome().success


@pytest.mark.parametrize(
    ("policy", "words"),
    [(Idle(), "did not finish in 12 steps"), (Gone(), "the routine gave up after 0 steps")],
)
def test_a_policy_that_does_not_get_there_asks_for_help_and_says_so(
    policy: BringBack, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    robot, inner = resetting(policy, most=12)
    with caplog.at_level(logging.WARNING):
        peg = robot.reset(1).values["peg"]
    assert (robot.set_up, robot.driven, inner.goal) == (2, 0, 0)
    assert peg[1] == 0.0, "set up from outside, for the task and not for its reset"
    assert words in caplog.text and "it must be set up from outside" in caplog.text


def test_what_is_hopeless_is_given_up_at_once() -> None:
    robot, inner = resetting(BringBack())
    inner._toppled = True
    robot.reset(1)
    assert (robot.set_up, robot.steps) == (2, 0)


FIELDS = (Field("x", (1,)), Field("pose", (7,), kind="pose"))
TURNED = [0.0, 0.0, np.sin(0.1), np.cos(0.1)]
"""About z by 0.2 rad."""


def demonstration(x: list[float], turned: list[float]) -> dict[str, NDArray[np.float64]]:
    poses = np.tile([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0], (len(x), 1))
    poses[0, 3:] = turned
    return {"x": np.array(x)[:, None], "pose": poses}


def at(x: float, angle: float, sign: float = 1.0) -> Reading:
    q = sign * np.array([0.0, 0.0, np.sin(angle / 2), np.cos(angle / 2)])
    return Reading({"x": np.array([x]), "pose": np.array([0.0, 0.0, 0.0, *q])}, {"x": 0, "pose": 0})


def test_the_region_of_starts_is_the_box_of_first_observations_and_a_share_of_the_whole_range() -> None:
    first, second = demonstration([0.0, 5.0, 10.0], [0.0, 0.0, 0.0, 1.0]), demonstration([1.0, 8.0], TURNED)
    region = StartRegion.of([first, second], FIELDS, margin=0.1)
    # x began at 0 and 1 and went over 0..10: the box is -1..2. Angles from the first: 0 and 0.2, over 0..0.2.
    for x, angle, inside in [(-0.99, 0.0, True), (1.99, 0.21, True), (2.01, 0.0, False), (0.0, 0.23, False)]:
        assert region.judge(at(x, angle)).success == inside, (x, angle)
    assert region.judge(at(0.5, 0.1, sign=-1.0)).success, "a quaternion and its negative are one rotation"


def test_a_region_needs_demonstrations() -> None:
    with pytest.raises(ValueError, match="0 demonstrations"):
        StartRegion.of([], FIELDS)


class Watching(BringBack):
    """The same, with an eye on the scene."""

    observation_names = (*BringBack.observation_names, "front")

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[NDArray[Any]] = []

    def predict(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        self.seen.append(observation["front"][-1])
        return super().predict(observation)


def test_a_policy_that_looks_at_pictures_sees_the_scene_change_from_where_the_episode_left_it() -> None:
    policy = Watching()
    with workcell(
        "sim_pickinsert",
        cameras=("front",),
        resetting=lambda robot, setup, cameras: SelfResetting(
            robot,
            setup,
            LearnedReset(ChunkExecutor(policy), GoalRule(robot, 1), cameras),  # type: ignore[arg-type]
        ),
    ) as cell:
        cell = replace(cell, rules=replace(cell.rules, max_steps=6))
        for seed in range(2):
            cell.run(ChunkExecutor(Idle()), seed, "deployment")
            cell.robot._robot._peg = (0.04, -0.02, 0.0)
        cell.robot.reset(2)
        assert cell.resets == ResetCounts(1, 2, cell.resets.steps)
    assert len(policy.seen) > 10 and policy.seen[0].shape == (64, 64, 3)
    assert any((picture != policy.seen[0]).any() for picture in policy.seen)
