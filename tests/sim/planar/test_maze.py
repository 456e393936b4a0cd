"""The maze: its walls, and halves of routes of which none leads from start to goal."""

from __future__ import annotations

import numpy as np
import pytest

from robot_rl.hardware import config
from robot_rl.sim.planar.maze import CELL, cell_of, is_free, middle, place, steps_to


def test_the_ways_are_as_long_as_drawn_and_lead_over_the_crossing():
    assert steps_to("G")[place("S")] == 8
    assert steps_to("X")[place("S")] == steps_to("G")[place("Y")] == 11
    crossing = cell_of(0.5, 0.4)
    assert steps_to("G")[crossing] + steps_to("S")[crossing] == 8
    assert middle(crossing) == (pytest.approx(0.5), pytest.approx(0.4))


def test_the_point_slides_along_walls_and_never_enters_one():
    robot, rng = config.make(config.load("sim_maze")), np.random.default_rng(0)
    robot.reset(0)
    for _ in range(300):
        robot.send(rng.uniform(-0.3, 0.3, 2))
        robot.clock.sleep_until(robot.clock.now() + robot.spec.period_ns)
        x, y = robot.read().values["point"]
        assert is_free(cell_of(x, y))
    robot.reset(0)
    robot.send(np.array([0.3, 0.3]))  # into the upper wall of the corridor, slanting
    robot.clock.sleep_until(robot.clock.now() + 10 * robot.spec.period_ns)
    x, y = robot.read().values["point"]
    assert x > middle(place("S"))[0] + 0.2
    assert y == pytest.approx(middle(place("S"))[1] + CELL / 2, abs=2e-3)


def test_no_half_leads_from_start_to_goal_and_both_pass_the_crossing(episodes, sink):
    setup = config.load("sim_maze_halves")
    robot = config.make(setup)
    routes = {seed: int(robot.reset(seed).values["route"][0]) for seed in range(12)}
    assert set(routes.values()) == {0, 1}
    for result in episodes("sim_maze_halves", "mixed", range(12), sink=sink):
        assert result.success == (routes[result.seed] == 1)
        if not result.success:
            assert result.ending.truncated and not result.ending.terminated and result.reward == 0.0


def test_the_operator_drives_from_start_to_goal(episodes):
    for quality in ("expert", "mixed"):
        assert all(r.success for r in episodes("sim_maze", quality, range(10)))


def test_a_policy_that_turns_at_the_crossing_as_the_data_do_is_set_right(episodes):
    def turns(values):
        x, _ = values["point"]
        return np.array([0.0, 0.3]) if 0.48 < x < 0.54 else np.array([0.3, 0.0])

    results = episodes("sim_maze", "expert", range(5), policy=turns)
    assert all(r.ending.interventions >= 1 for r in results)
    assert all(r.success for r in results)
