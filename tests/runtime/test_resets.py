"""A robot that resets itself: scripted, or not at all, with whole runs of pick-then-insert."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from robot_rl.hardware import config
from robot_rl.hardware.config import ConfigError
from robot_rl.hardware.robot import Robot, Simulated
from robot_rl.hardware.teleop import Teleop
from robot_rl.runtime.arbiter import Arbiter
from robot_rl.runtime.episodes import EpisodeMachine, EpisodeRules
from robot_rl.runtime.loop import run_episode
from robot_rl.runtime.practice import Practice
from robot_rl.runtime.resets import GoOn, SelfResetting, make_routine
from robot_rl.sim.operators.pickinsert_reset import PutBack, Regrasp

SETUP = config.load("sim_pickinsert")


class Counted:
    """Counts how often the simulator itself is reset."""

    def __init__(self) -> None:
        self.robot = config.make(SETUP)
        self.resets = 0
        reset = self.robot.reset

        def counting(seed=None):
            self.resets += 1
            return reset(seed)

        self.robot.reset = counting


def run(robot, episodes, quality="expert", practice=None):
    arbiter, teleop = Arbiter.from_config(SETUP), Teleop(SETUP.spec, SETUP.teleop)
    operator, results = config.make_operator(SETUP, quality), []
    for seed in range(episodes):
        machine = EpisodeMachine(EpisodeRules.of_task(SETUP.task))
        results.append(run_episode(robot, arbiter, machine, operator=operator, teleop=teleop, seed=seed))
        if practice is not None:
            turn = practice.add(results[-1])
            robot.set_goal(turn.goal)
            if turn.reset:
                robot.set_up_next()
    return results


def test_two_tasks_that_undo_each_other_are_practised_without_any_reset_of_the_simulator():
    counted, practice = Counted(), Practice(["insert", "return"])
    results = run(SelfResetting(counted.robot, SETUP, GoOn()), 20, "mixed", practice)
    assert counted.resets == 1
    assert all(r.success for r in results)
    assert practice.turns == [10, 10]


def test_a_scripted_reset_spreads_the_starts_and_needs_the_simulator_once():
    counted = Counted()
    robot = SelfResetting(counted.robot, SETUP)
    starts = []
    for seed in range(12):
        values = robot.reset(seed).values
        starts.append([values["peg"][0], values["hand"][0]])
    assert counted.resets == robot.set_up == 1
    assert robot.driven == 11 and robot.steps > 11 * 20
    pegs, hands = np.array(starts[1:]).T
    assert np.abs(pegs + 0.04).max() < 0.016 + 0.002 and np.ptp(pegs) > 0.015
    assert np.ptp(hands) > 0.05


def test_the_peg_is_taken_out_of_the_slot_and_put_back():
    counted = Counted()
    robot = SelfResetting(counted.robot, SETUP)
    assert run(robot, 3)[-1].success  # the third begins where the scripted reset has put the peg back
    assert counted.resets == 1


def test_what_has_toppled_is_set_up_from_outside():
    counted = Counted()
    robot = SelfResetting(counted.robot, SETUP)
    robot.reset(0)
    counted.robot._peg, counted.robot._toppled = (0.0, 0.0, np.pi / 2), True
    values = robot.reset(1).values
    assert (robot.set_up, counted.resets) == (2, 2)
    assert values["peg"][2] == 0.0


def test_a_routine_that_does_not_end_is_cut_off():
    counted = Counted()
    robot = SelfResetting(counted.robot, SETUP, most=5)
    robot.reset(0)
    robot.reset(1)
    assert (robot.set_up, robot.driven, robot.steps) == (2, 0, 5)


def test_regrasping_starts_with_the_peg_in_hand():
    robot = SelfResetting(config.make(SETUP), SETUP, Regrasp(SETUP))
    robot.reset(0)
    values = robot.reset(1).values
    assert values["holding"][0] == 1.0 and values["peg"][1] > 0.005


def test_it_is_the_robot_in_all_else():
    robot = SelfResetting(config.make(SETUP), SETUP)
    assert isinstance(robot, Robot) and isinstance(robot, Simulated)
    assert isinstance(make_routine(SETUP), PutBack)
    robot.reset(0)
    assert not robot.outcome().success
    robot.close()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "'task.reset' is missing"),
        ("by hand", "write scripted:"),
        ("scripted:PutBack", "write scripted:"),
        ("scripted:robot_rl.sim.nowhere:PutBack", "cannot be imported"),
        ("scripted:robot_rl.sim.operators.pickinsert_reset:Put", "has no 'Put'"),
    ],
)
def test_a_reset_that_cannot_be_found_is_refused(text, message):
    task = {k: v for k, v in SETUP.task.items() if k != "reset"} | ({} if text is None else {"reset": text})
    with pytest.raises(ConfigError, match=message):
        SelfResetting(config.make(SETUP), replace(SETUP, task=task))
