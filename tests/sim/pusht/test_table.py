"""Our table against gym-pusht's own environment, and the geometry of pushing by hand."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from robot_rl.sim.pusht.pushes import Planner, away, clearance, places, route, to_frame, to_world
from robot_rl.sim.pusht.table import FINGER, GOAL, Table, corners


def test_start_states_and_positions_commanded_are_gym_pushts_own() -> None:
    gym_pusht = pytest.importorskip("gym_pusht.envs.pusht")
    env, table = gym_pusht.PushTEnv(obs_type="state"), Table()
    env.reset(seed=3)
    table.draw(3)
    rng = np.random.default_rng(0)
    for _ in range(60):
        target = rng.uniform(0.05, 0.45, 2)
        observed = env.step(1000.0 * target)[0]
        table.pull(target, 10)
        np.testing.assert_allclose(1000.0 * table.finger, observed[:2], atol=1e-9)
        np.testing.assert_allclose(1000.0 * table.block[:2], observed[2:4], atol=1e-9)
        assert math.cos(table.block[2] - observed[4]) == pytest.approx(1.0)
        assert table.overlap() == pytest.approx(env._get_coverage())


def test_a_commanded_velocity_is_reached_by_a_damper_of_20_per_second() -> None:
    table = Table()
    table.put(np.array([0.1, 0.1]), np.array([0.4, 0.4, 0.0]))
    table.push(np.array([0.2, 0.0]), 5)
    np.testing.assert_allclose(table.finger_velocity, [0.2 * (1.0 - 0.8**5), 0.0], atol=1e-12)


def test_a_t_that_is_not_touched_stays() -> None:
    table = Table()
    block = np.array([0.3, 0.2, 1.0])
    table.put(np.array([0.1, 0.4]), block)
    table.push(np.array([0.1, 0.0]), 50)
    np.testing.assert_allclose(table.block, block, atol=1e-9)


def test_on_its_outline_the_t_covers_the_goal() -> None:
    table = Table()
    table.put(np.array([0.1, 0.4]), GOAL)
    assert table.overlap() == pytest.approx(1.0)
    assert away(GOAL) == 0.0
    table.put(np.array([0.1, 0.4]), GOAL + np.array([0.01, 0.0, 0.0]))
    assert 0.6 < table.overlap() < 0.9
    assert away(GOAL + np.array([0.01, 0.0, 0.0])) == pytest.approx(0.01)


def test_the_corners_of_a_turned_t_by_hand() -> None:
    turned = corners(np.array([0.2, 0.3, math.pi / 2]))  # x of the T along y, its y along -x
    np.testing.assert_allclose(turned[0], [0.2, 0.24], atol=1e-12)
    np.testing.assert_allclose(turned[4], [0.08, 0.315], atol=1e-12)


def test_clearance_by_hand() -> None:
    points = np.array([[0.0, 0.01], [0.0, -0.02], [0.035, 0.1], [0.09, 0.07], [0.0, 0.15]])
    np.testing.assert_allclose(clearance(points), [0.0, 0.02, 0.02, 0.05, 0.03], atol=1e-12)


def test_frames_go_there_and_back() -> None:
    points = np.random.default_rng(0).normal(size=(5, 2))
    block = np.array([0.1, -0.2, 0.7])
    np.testing.assert_allclose(to_world(block, to_frame(block, points)), points)
    np.testing.assert_allclose(to_world(np.array([1.0, 2.0, math.pi / 2]), np.array([[1.0, 0.0]])), [[1.0, 3.0]])


def test_a_push_begins_beside_the_t_and_looks_into_it() -> None:
    starts, inward = places()
    assert (clearance(starts) > FINGER).all()
    assert (clearance(starts + 0.019 * inward) == 0.0).all()
    assert len(starts) > 25


def test_the_way_round_the_t_does_not_touch_it() -> None:
    block = np.array([0.25, 0.2, 0.0])
    start, target = np.array([0.25, 0.17]), np.array([0.25, 0.35])  # from above the bar to below the stem
    way = [start, *route(block, start, target)]
    np.testing.assert_array_equal(way[-1], target)
    assert len(way) > 2
    for a, b in pairwise(way):
        line = a + np.linspace(0, 1, 50)[:, None] * (b - a)
        assert (clearance(to_frame(block, line)) > FINGER).all()


def test_a_straight_way_that_is_free_is_taken() -> None:
    block = np.array([0.25, 0.2, 0.0])
    assert len(route(block, np.array([0.1, 0.1]), np.array([0.1, 0.4]))) == 1


def test_the_planner_knows_where_a_push_leads() -> None:
    planner, table = Planner(), Table()
    block = GOAL + np.array([0.05, -0.03, 0.4])
    push = planner.pushes(np.array([0.1, 0.1]), block, 10)[0]
    assert push.away < 0.7 * away(block)
    table.put(push.start, block)
    table.push(push.velocity, 10 * push.steps)
    table.push(np.zeros(2), 20)
    assert away(table.block) == pytest.approx(push.away, abs=1e-4)
