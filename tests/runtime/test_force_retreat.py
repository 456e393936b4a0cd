"""Backing off from a wall, through the arbiter and in whole episodes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from robot_rl.control.safety import Safety
from robot_rl.datasets.record import Source
from robot_rl.hardware import config
from robot_rl.hardware.human import HumanInput
from robot_rl.hardware.robot import Reading
from robot_rl.runtime.arbiter import Arbiter, Proposal
from robot_rl.runtime.episodes import EpisodeMachine, EpisodeRules
from robot_rl.runtime.loop import run_episode
from robot_rl.spec import Field, Layout, SpecError

WALL, STIFFNESS = 0.1, 2000.0  # [m], [N/m]: 5 mm into the wall are 10 N


class Wall:
    """The point robot before a wall at x = WALL that pushes back, and what it last felt."""

    def __init__(self, robot) -> None:
        self.robot = robot
        self.felt: np.ndarray | None = np.zeros(6)

    def reading(self) -> Reading:
        read = self.robot.read()
        depth = max(self.robot.pose[0] - WALL, 0.0)
        wrench = np.array([-STIFFNESS * depth, 0, 0, 0, 0, 0]) if self.felt is not None else np.full(6, np.nan)
        return Reading({**read.values, "wrench": wrench}, {**read.stamps, "wrench": read.stamp})


@pytest.fixture
def wrench_spec(spec):
    fields = (*spec.observation.values(), Field("wrench", (6,), "wrench", frame="base"))
    return replace(spec, observation=Layout(fields))


def section(limits, **force):
    return {**limits, "force": {"field": "wrench", "limit": [10.0] * 3 + [1.0] * 3, "retreat": "rewind", **force}}


def drive(robot, arbiter, steps, *, wall, policy=0.05, human=None):
    decisions = []
    for _ in range(steps):
        now, reading = robot.clock.now(), wall.reading()
        asked = np.array([policy, 0, 0, 0, 0, 0, 1.0])
        person = None if human is None else HumanInput(now, human, True, False, frozenset({"clutch"}))
        decision = arbiter.decide(now, reading, person, Proposal(now, asked))
        robot.send(decision.action)
        robot.clock.sleep_until(now + robot.spec.period_ns)
        decisions.append(decision)
    return decisions


def test_a_policy_that_presses_is_led_back_along_its_path_with_the_gripper_closed(robot, wrench_spec, limits):
    arbiter, wall = Arbiter(wrench_spec, section(limits)), Wall(robot)
    arbiter.reset("deployment")
    decisions = drive(robot, arbiter, 65, wall=wall)
    first = next(i for i, d in enumerate(decisions) if d.safety & Safety.RETREAT)
    over = next(i for i, d in enumerate(decisions) if d.safety & Safety.FORCE)
    assert first == over + 2  # the third reading in a row
    assert [d.action[0] for d in decisions[over:first]] == [0.0, 0.0]  # no further into the wall meanwhile
    retreat = [d for d in decisions if d.safety & Safety.RETREAT]
    assert len(retreat) == 10  # 0.5 s at 20 Hz
    assert all(d.source is Source.REWIND and d.action[0] <= 0.0 and d.action[6] == 1.0 for d in retreat)
    assert all(d.interrupted for d in retreat)
    assert decisions[first + 10].source is Source.POLICY


def test_neither_human_nor_evaluation_presses_on(robot, wrench_spec, limits):
    for purpose in ("demonstration", "evaluation"):
        robot.reset(0)
        arbiter, wall = Arbiter(wrench_spec, section(limits, retreat="hold")), Wall(robot)
        arbiter.reset(purpose)
        push = np.array([0.05, 0, 0, 0, 0, 0, 0.0])
        decisions = drive(robot, arbiter, 60, wall=wall, human=push)
        assert any(d.safety & Safety.RETREAT and d.source is Source.NONE for d in decisions)
        assert robot.pose[0] < WALL + 0.0051 + 0.05 / 20


def test_without_a_force_nobody_moves_until_it_is_back(robot, wrench_spec, limits):
    arbiter, wall = Arbiter(wrench_spec, section(limits)), Wall(robot)
    arbiter.reset("deployment")
    drive(robot, arbiter, 3, wall=wall)
    wall.felt = None
    decisions = drive(robot, arbiter, 3, wall=wall)
    assert all(d.source is Source.NONE and d.safety & Safety.STALE_OBSERVATION for d in decisions)
    wall.felt = np.zeros(6)
    assert drive(robot, arbiter, 1, wall=wall)[0].source is Source.POLICY


def test_an_old_force_beside_fresh_positions_counts_as_none(robot, wrench_spec, limits):
    arbiter, wall = Arbiter(wrench_spec, section(limits)), Wall(robot)
    arbiter.reset("deployment")
    reading, now = wall.reading(), robot.clock.now()
    stale = Reading(reading.values, {**reading.stamps, "wrench": now - 10**9})
    assert stale.stamp == now
    decision = arbiter.decide(now, stale, None, Proposal(now, np.array([0.05, 0, 0, 0, 0, 0, 0.0])))
    assert decision.source is Source.NONE and decision.safety == Safety.STALE_OBSERVATION | Safety.FORCE


def test_a_robot_that_cannot_rewind_is_told_to_hold():
    loaded = config.load("sim_pegslot")
    force = {"field": "force", "limit": [9.0, 9.0, 1.0], "retreat": "rewind"}
    with pytest.raises(SpecError, match="retreat: hold"):
        Arbiter(loaded.spec, {**loaded.limits, "force": force})


class Press:
    """A policy that presses the peg on the plate."""

    def reset(self, seed=None): ...

    def act(self, values):
        return np.array([0.0, -0.01, 0.0])

    def observe(self, values): ...

    def interrupt(self): ...


@pytest.mark.parametrize("ends", [False, True])
def test_the_peg_lets_go_of_the_plate_and_the_episode_ends_or_goes_on_by_rule(ends):
    loaded = config.load("sim_pegslot")
    force = {"field": "force", "limit": [9.0, 9.0, 1.0], "steps": 3, "seconds": 0.3}
    robot, arbiter = config.make(loaded), Arbiter(loaded.spec, {**loaded.limits, "force": force})
    rules = EpisodeRules.of_task({**loaded.task, "end_on_force": ends, "horizon": 60})
    seed = next(s for s in range(50) if abs(_beside(robot, s)) > 0.006)
    forces = []

    def judge():
        forces.append(abs(float(robot.read().values["force"][1])))
        return robot.outcome()

    result = run_episode(
        robot, arbiter, EpisodeMachine(rules), executor=Press(), purpose="evaluation", seed=seed, judge=judge
    )
    assert result.safety[Safety.RETREAT] >= 3
    assert max(forces) < 12.0  # 16 N without a limit: 9 N, and the 2 N of one more step of 1 mm at 2000 N/m, and lag
    assert forces[-1] < 9.0 or not ends
    assert result.ending.terminated == ends
    assert (result.ending.steps < 60) == ends
    assert result.ending.result == "failure"


def _beside(robot, seed: int) -> float:
    values = robot.reset(seed).values
    return float(values["tip"][0] - values["privileged_slot"][0])
