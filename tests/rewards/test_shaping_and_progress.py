"""Shaping leaves the best policy what it was; sub-goals of made-up features are where they were put."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from robot_rl.rewards.errors import RewardError
from robot_rl.rewards.progress import Progress, subgoals
from robot_rl.rewards.shaping import shaped

GAMMA = 0.9
# Five states in a row; 0 is a trap and 4 the goal, both terminal. Actions: left, right. Right slips left in 3 of 10.
STATES, TERMINAL = 5, (0, 4)


def transitions() -> np.ndarray:
    """P (S, A, S)."""
    p = np.zeros((STATES, 2, STATES))
    for s in (1, 2, 3):
        p[s, 0, s - 1] = 1.0
        p[s, 1, s + 1], p[s, 1, s - 1] = 0.7, 0.3
    return p


def solve(phi: np.ndarray | None, keep_terminal_phi: bool = False) -> np.ndarray:
    """Q (S, A) of the best policy by value iteration; reward 1 for reaching the goal, 0.3 for the trap."""
    p, q = transitions(), np.zeros((STATES, 2))
    s, _, after = np.meshgrid(np.arange(STATES), np.arange(2), np.arange(STATES), indexing="ij")
    reward = np.where(after == 4, 1.0, np.where(after == 0, 0.3, 0.0))
    if phi is not None:
        ends = np.isin(after, TERMINAL) & (not keep_terminal_phi)
        reward = shaped(reward, phi[s], phi[after], ends, GAMMA)
    for _ in range(500):
        q = (p * (reward + GAMMA * np.where(np.isin(after, TERMINAL), 0.0, q.max(1)[after]))).sum(2)
    return q


def test_a_reward_worked_by_hand() -> None:
    got = shaped([0.0, 1.0], [0.2, 0.5], [0.5, 0.8], [False, True], 0.9)
    assert got == pytest.approx([0.9 * 0.5 - 0.2, 1.0 - 0.5])


def test_shaping_moves_every_action_of_a_state_by_its_potential() -> None:
    phi = np.array([3.0, -1.0, 2.0, 0.5, 7.0])
    plain, dense = solve(None), solve(phi)
    inner = [1, 2, 3]
    assert dense[inner] == pytest.approx(plain[inner] - phi[inner, None], abs=1e-9)
    assert dense[inner].argmax(1).tolist() == plain[inner].argmax(1).tolist()


def test_a_potential_left_in_at_the_end_changes_the_best_policy() -> None:
    phi = np.array([3.0, 0.0, 0.0, 0.0, 0.0])
    assert solve(None)[1].argmax() == solve(phi)[1].argmax() == 1
    assert solve(phi, keep_terminal_phi=True)[1].argmax() == 0


def test_a_time_limit_keeps_the_potential_of_where_it_stopped() -> None:
    assert shaped(0.0, 0.5, 0.8, False, 1.0) == pytest.approx(0.3)


def path(corners: list[tuple[float, float]], steps: int) -> np.ndarray:
    """Features that go straight from corner to corner, `steps` steps each."""
    legs = [np.linspace(a, b, steps, endpoint=False) for a, b in pairwise(corners)]
    return np.concatenate([*legs, [corners[-1]]])


def test_subgoals_are_the_turning_points() -> None:
    # out to the right and back to near the start: the distance to the end rises, then falls
    features = path([(0.0, 0.0), (4.0, 0.0), (0.5, 0.5)], 30)
    assert subgoals(features, min_steps=5, bandwidth=0.0) == (30, 60)


def test_a_straight_path_has_one_subgoal_its_end() -> None:
    assert subgoals(path([(0.0, 0.0), (1.0, 0.0)], 40), min_steps=5) == (40,)


def test_smoothing_keeps_the_turning_points_in_noise() -> None:
    features = path([(0.0, 0.0), (4.0, 0.0), (0.5, 0.5)], 30)
    features += np.random.default_rng(0).normal(0.0, 0.05, features.shape)
    found = subgoals(features, min_steps=10, bandwidth=3.0)
    assert len(found) == 2 and found[1] == 60 and abs(found[0] - 30) <= 3


def test_progress_rises_from_nought_to_one_along_a_demonstration() -> None:
    features = path([(0.0, 0.0), (4.0, 0.0), (4.0, 3.0)], 20)
    progress = Progress(np.array([[4.0, 0.0], [4.0, 3.0]]), np.array([4.0, 3.0]))
    phi = progress.potential(features)
    assert phi[[0, 10, 20, 30, 40]] == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0])
    assert (np.diff(phi) > 0).all()


def test_progress_is_learned_from_several_demonstrations() -> None:
    demos = [path([(0.0, 0.0), (4.0, 0.0), (0.5, 0.5)], n) for n in (24, 30, 36)]
    progress = Progress.of(demos, min_steps=5, bandwidth=0.0)
    assert progress.goals == pytest.approx(np.array([[4.0, 0.0], [0.5, 0.5]]))
    assert progress.potential(np.array([[4.0, 0.0], [0.5, 0.5]])) == pytest.approx([0.5, 1.0])


def test_pictures_that_do_not_change_show_no_progress() -> None:
    with pytest.raises(RewardError, match="same features"):
        Progress.of([np.zeros((20, 2))])
