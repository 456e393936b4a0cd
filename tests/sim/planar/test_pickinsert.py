"""Pick-then-insert: grasping, letting go, the two goals, and its operator."""

from __future__ import annotations

import numpy as np
import pytest

from robot_rl.hardware import config
from robot_rl.sim.planar.pickinsert import GRIP, INSERT, RETURN

SETUP = config.load("sim_pickinsert")


def go(robot, x, z, *, closed, steps=40):
    """Drive the hand to (x, z) [m]."""
    for _ in range(steps):
        hand = robot.read().values["hand"]
        robot.send(np.array([*np.clip(6.0 * (np.array([x, z]) - hand), -0.08, 0.08), float(closed)]))
        robot.clock.sleep_until(robot.clock.now() + robot.spec.period_ns)
    return robot.read().values


def fetched(seed: int = 3, beside: float = 0.0):
    """A robot that has closed its fingers so far beside the peg [m]."""
    robot = config.make(SETUP)
    peg = robot.reset(seed).values["peg"]
    go(robot, peg[0] + beside, 0.09, closed=False)
    go(robot, peg[0] + beside, GRIP, closed=False)
    return robot, go(robot, peg[0] + beside, GRIP, closed=True, steps=5)


@pytest.mark.parametrize(("beside", "caught"), [(0.0, 1.0), (0.005, 1.0), (-0.008, 0.0), (0.02, 0.0)])
def test_fingers_catch_a_peg_within_six_millimetres(beside, caught):
    _, values = fetched(beside=beside)
    assert values["holding"][0] == caught
    assert values["opening"][0] == 0.0


def test_the_gripper_is_a_switch_at_one_half():
    robot = config.make(SETUP)
    robot.reset(0)
    for command, opening in ((0.49, 1.0), (0.5, 0.5), (1.0, 0.0), (0.0, 0.5)):
        robot.send(np.array([0.0, 0.0, command]))
        robot.clock.sleep_until(robot.clock.now() + robot.spec.period_ns)
        assert robot.read().values["opening"][0] == pytest.approx(opening)  # 0.2 s from open to closed


def test_a_held_peg_follows_the_hand_and_the_plate_pushes_back_on_it():
    robot, values = fetched()
    start = values["peg"][0]
    values = go(robot, start + 0.03, 0.02 + GRIP, closed=True)
    assert values["peg"][0] == pytest.approx(start + 0.03, abs=1e-3)
    assert values["peg"][1] == pytest.approx(0.02, abs=1e-3)
    pressed = go(robot, start + 0.03, GRIP - 0.02, closed=True)
    assert pressed["force"][1] == pytest.approx(16.0, rel=0.02)  # 2000 N/m x 8 mm
    robot.stop()
    robot.clock.sleep_until(robot.clock.now() + 5 * robot.spec.period_ns)
    assert robot.read().values["force"][1] < 2.0


def test_a_peg_let_go_low_stands_and_one_let_go_high_topples_and_ends_it():
    robot, values = fetched()
    go(robot, values["peg"][0], GRIP + 0.005, closed=True)
    assert go(robot, values["peg"][0], GRIP + 0.005, closed=False, steps=2)["peg"][1:].tolist() == [0.0, 0.0]
    assert not robot.outcome().terminated
    robot, values = fetched()
    go(robot, values["peg"][0], GRIP + 0.02, closed=True)
    go(robot, values["peg"][0], GRIP + 0.02, closed=False, steps=2)
    assert robot.outcome().terminated and not robot.outcome().success


def test_each_goal_is_reached_by_its_own_state():
    robot = config.make(SETUP, goal=RETURN)
    robot.reset(1)
    assert not robot.outcome().success  # it begins in the slot
    robot.set_goal(INSERT)
    assert robot.outcome().success
    robot.reset(1)
    assert not robot.outcome().success
    robot.set_goal(RETURN)
    assert robot.outcome().success  # within 15 mm of its home
    assert robot.read().values["goal"][0] == RETURN


@pytest.mark.parametrize(
    ("quality", "goal", "least"), [("expert", INSERT, 10), ("mixed", INSERT, 9), ("expert", RETURN, 10)]
)
def test_the_operator_reaches_both_goals(episodes, quality, goal, least):
    results = episodes("sim_pickinsert", quality, range(10), goal=goal)
    assert sum(r.success for r in results) >= least


def stay(values):
    """Stands still, and keeps the fingers as they are."""
    return np.array([0.0, 0.0, float(values["opening"][0] < 1.0)])


def test_the_watching_operator_brings_a_policy_that_does_nothing_to_success(episodes):
    results = episodes("sim_pickinsert", "expert", range(4), policy=stay)
    assert all(r.ending.interventions >= 1 for r in results)
    assert sum(r.success for r in results) >= 3
