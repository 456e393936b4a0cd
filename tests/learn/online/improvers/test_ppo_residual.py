"""ResiP's parts against values worked by hand, and that it moves a base to the goal."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.improvers import ppo_residual
from robot_rl.learn.online.improvers.ppo_residual import (
    RAW,
    PpoResidual,
    PpoResidualConfig,
    clipped_loss,
    generalized_advantages,
)
from robot_rl.learn.online.replay import Replay
from robot_rl.learn.online.session import Session
from robot_rl.learn.online.workcell import Workcell


def test_advantages_sum_discounted_surprises_up_to_the_end_of_the_run() -> None:
    delta = np.array([1.0, 2.0, 4.0, 8.0])
    goes_on = np.array([True, True, False, False])
    np.testing.assert_allclose(
        generalized_advantages(delta, goes_on, 0.5, 0.5), [1 + 0.25 * (2 + 0.25 * 4), 2 + 0.25 * 4, 4, 8]
    )


def test_a_ratio_beyond_the_clip_earns_nothing_more_but_still_costs() -> None:
    up = torch.tensor([math.log(2.0)], requires_grad=True)
    assert clipped_loss(up, torch.tensor([1.0]), 0.2).item() == pytest.approx(-1.2)
    assert torch.autograd.grad(clipped_loss(up, torch.tensor([1.0]), 0.2), up)[0].item() == 0.0
    assert clipped_loss(up, torch.tensor([-1.0]), 0.2).item() == pytest.approx(2.0)


def test_before_its_first_update_it_is_its_base_and_explores_around_it(cell: Workcell, point: SimpleNamespace) -> None:
    config = OnlineConfig(PpoResidualConfig(scale=0.1), evaluation_seeds=(9000,))
    agent = Session(config, cell, base=point.base()).learner.agent
    seen = {"state": torch.rand(500, 4), "base_action": torch.tensor([[0.5, 0.1]]).repeat(500, 1)}
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        mode, drawn = (agent.act(seen, m, generator) for m in ("mode", "sample"))
        density = agent.log_prob(seen, drawn.notes["raw"])
    torch.testing.assert_close(mode.actions[:, 0], agent.scale.to_unit(seen["base_action"]))
    deviation = (drawn.actions[:, 0] - mode.actions[:, 0]).std(0)
    torch.testing.assert_close(deviation, torch.full((2,), 0.1 * math.exp(-1.0)), atol=4e-3, rtol=0)
    by_hand = torch.distributions.Normal(0.0, math.exp(-1.0)).log_prob(drawn.notes["raw"]).sum(1)
    torch.testing.assert_close(density, by_hand)


@pytest.fixture
def acted(cell: Workcell, point: SimpleNamespace) -> tuple[PpoResidual, Replay]:
    """An improver and some episodes in which it acted; nothing has been learnt."""
    improver = PpoResidualConfig(hidden=(8,), rollout=20, epochs=1, minibatch=1000)
    config = OnlineConfig(improver, steps=40, warmup=100, evaluation_seeds=(9000,), capacity=200)
    made = Session(config, cell, base=point.base())
    made.run()
    return made.learner.improver, made.learner.replay


@pytest.fixture
def ratios(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """The log-ratios (B,) of each update, as they come."""
    out: list[torch.Tensor] = []

    def spy(log_ratio: torch.Tensor, advantage: torch.Tensor, clip: float) -> torch.Tensor:
        out.append(log_ratio.detach().clone())
        return clipped_loss(log_ratio, advantage, clip)

    monkeypatch.setattr(ppo_residual, "clipped_loss", spy)
    return out


def play(replay: Replay, point: SimpleNamespace, name: str, steps: int) -> None:
    """Begin an episode of rows that have been played before."""
    row = {n: v[replay.views["decisions"].rows[0]] for n, v in replay.observation.items()}
    replay.begin(name)
    for t in range(steps):
        replay.add(row, point.step(t), t)


def test_ratios_are_to_the_policy_that_acted(acted: tuple[PpoResidual, Replay], ratios: list[torch.Tensor]) -> None:
    improver, replay = acted
    shift = torch.tensor([0.2, -0.1])
    with torch.no_grad():
        improver.agent.mean[-1].bias += shift  # its mean was 0
    raw = torch.from_numpy(replay.observation[RAW][replay.views["decisions"].rows])
    improver.update(replay, np.random.default_rng(0))
    by_hand = (raw * shift - 0.5 * shift**2).sum(1) / math.exp(-1.0) ** 2
    torch.testing.assert_close(ratios[0].sort().values, by_hand.sort().values)


def test_each_step_is_learnt_from_once(
    acted: tuple[PpoResidual, Replay], ratios: list[torch.Tensor], point: SimpleNamespace
) -> None:
    improver, replay = acted
    rng = np.random.default_rng(0)
    first = len(replay.views["decisions"])
    assert improver.update(replay, rng)
    assert all(improver.update(replay, rng) == {} for _ in range(50))  # a learner that does not wait for rows
    play(replay, point, "more", 19)
    assert improver.update(replay, rng) == {}
    replay.finish({n: v[0] for n, v in replay.observation.items()})
    assert improver.update(replay, rng)
    assert [len(r) for r in ratios] == [first, 19]


def test_what_replaces_a_dropped_episode_is_new(
    acted: tuple[PpoResidual, Replay], ratios: list[torch.Tensor], point: SimpleNamespace
) -> None:
    improver, replay = acted
    rng = np.random.default_rng(0)
    improver.update(replay, rng)
    play(replay, point, "discarded", 25)
    assert improver.update(replay, rng)
    replay.drop()
    assert improver.update(replay, rng) == {}
    play(replay, point, "kept", 25)
    assert improver.update(replay, rng)
    assert [len(r) for r in ratios[1:]] == [24, 24]  # the newest waits for its successor


@pytest.mark.slow
def test_it_reaches_the_goal_that_its_base_misses(cell: Workcell, point: SimpleNamespace) -> None:
    improver = PpoResidualConfig(hidden=(64, 64), scale=0.5, rollout=500, minibatch=100, lr=1e-3, gamma=0.9)
    config = OnlineConfig(
        improver, steps=12000, warmup=1, evaluate_every=20000, evaluation_seeds=tuple(range(9000, 9030)), capacity=5000
    )
    base, after = Session(config, cell, base=point.base()).run()
    assert base.success <= 0.2
    assert after.success >= 0.7
