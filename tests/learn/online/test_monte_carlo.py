"""Returns to the end of an episode, by hand; through the ring, at truncation, under a reward's offset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from robot_rl.datasets import Phase, Source, Step
from robot_rl.learn.online.improvers.offline import OfflineConfig
from robot_rl.learn.online.labels import LABELS
from robot_rl.learn.online.monte_carlo import MonteCarlo, returns_to_end
from robot_rl.learn.online.replay import Replay

SEEN = {"state": np.zeros(1, np.float32), "chunk_step": np.array(-1, np.int16)}


@pytest.fixture
def step(point: Any) -> Callable[..., Step]:
    made: Callable[..., Step] = point.step
    return made


def replay(capacity: int = 20) -> Replay:
    return Replay(capacity, {"state": ((1,), "float32"), "chunk_step": ((), "int16")}, 2, 1)


def episode(to: Replay, name: str, steps: list[Step]) -> None:
    to.begin(name)
    for t, one in enumerate(steps):
        to.add(SEEN, one, t)
    to.finish(SEEN)


def test_rewards_are_summed_from_the_end() -> None:
    np.testing.assert_allclose(returns_to_end(np.array([1.0, 0.0, 2.0]), 0.5, 4.0), [1 + 0.5 * 2, 2.0, 4.0])


def test_a_success_is_discounted_by_the_steps_that_lead_to_it(step: Callable[..., Step]) -> None:
    table = replay()
    episode(table, "won", [step(0), step(1), step(2, success=True, terminated=True)])
    np.testing.assert_allclose(MonteCarlo(table, LABELS["success"], 0.9, 0.0).at(np.arange(3)), [0.81, 0.9, 1.0])


def test_an_offset_of_the_reward_moves_the_returns_and_failure_goes_on_forever(step: Callable[..., Step]) -> None:
    table = replay()
    episode(table, "won", [step(0), step(1), step(2, success=True, terminated=True)])
    episode(table, "lost", [step(0), step(1, truncated=True)])
    label = OfflineConfig(scale=2.0, offset=-1.0).label(LABELS["success"])
    returns = MonteCarlo(table, label, 0.9, -1.0).at(np.array([0, 1, 2, 4, 5]))
    np.testing.assert_allclose(returns, [-1 - 0.9 + 0.81, -1 + 0.9, 1.0, -10.0, -10.0])


def test_a_failure_that_ends_the_task_is_not_continued(step: Callable[..., Step]) -> None:
    table = replay()
    episode(table, "broken", [step(0), step(1, terminated=True)])
    returns = MonteCarlo(table, OfflineConfig(offset=-1.0).label(LABELS["success"]), 0.9, -1.0).at(np.arange(2))
    np.testing.assert_allclose(returns, [-1.9, -1.0])


def test_a_reset_ends_the_sum(step: Callable[..., Step]) -> None:
    table = replay()
    episode(table, "reset", [step(0), step(1, phase=Phase.RESET), step(2, reward=5.0, truncated=True)])
    np.testing.assert_allclose(MonteCarlo(table, LABELS["task"], 0.9, 0.0).at(np.array([0, 2])), [0.0, 5.0])


def test_returns_are_of_what_the_ring_holds_now(step: Callable[..., Step]) -> None:
    table = replay(6)
    returns = MonteCarlo(table, LABELS["task"], 0.5, 0.0)
    episode(table, "first", [step(0, reward=1.0), step(1, reward=1.0), step(2, reward=1.0, terminated=True)])
    np.testing.assert_allclose(returns.at(np.array([0, 1, 2])), [1.75, 1.5, 1.0])
    episode(table, "second", [step(0, reward=4.0), step(1, reward=8.0), step(2, reward=16.0, terminated=True)])
    np.testing.assert_allclose(returns.at(np.array([4, 5, 0, 2])), [12.0, 16.0, 16.0, 1.0])


def test_an_episode_under_way_bounds_nothing_until_it_is_over(step: Callable[..., Step]) -> None:
    table = replay()
    returns = MonteCarlo(table, LABELS["task"], 0.5, 0.0)
    table.begin("now")
    table.add(SEEN, step(0, reward=1.0), 0)
    table.add(SEEN, step(1, reward=1.0, terminated=True), 1)
    assert returns.at(np.array([0]))[0] == -np.inf
    table.finish(SEEN)
    assert returns.at(np.array([0]))[0] == 1.5


def test_help_counts_once_under_rlif(step: Callable[..., Step]) -> None:
    table = replay()
    helped = {"source": Source.HUMAN, "phase": Phase.CORRECTION}
    episode(table, "helped", [step(0), step(1), step(2, **helped), step(3, truncated=True, **helped)])
    np.testing.assert_allclose(MonteCarlo(table, LABELS["rlif"], 0.5, 0.0).at(np.arange(4)), [-0.5, -1.0, 0.0, 0.0])
