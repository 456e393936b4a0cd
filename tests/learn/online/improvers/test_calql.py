"""Conservative and calibrated Q-learning: the penalty by hand, what is floored and what is not, what it learns."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from robot_rl.datasets import Dataset
from robot_rl.learn.online.actors import Actor
from robot_rl.learn.online.batch import Batch
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.features import Features
from robot_rl.learn.online.improvers.calql import CalQlConfig, Conservative, ConservativeSac, FlooredBatch, penalty
from robot_rl.learn.online.improvers.offline import OfflineConfig
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.scale import ActionScale
from robot_rl.learn.online.session import Session
from robot_rl.learn.online.workcell import Workcell

SMALL = SacConfig(
    critics=2, hidden=(32, 32), batch=64, utd=1, tau=0.02, gamma=0.9, temperature=0.01, actor_lr=1e-3, critic_lr=1e-3
)
SEEDS = tuple(range(9000, 9020))
N = 3


@pytest.fixture
def make(point: SimpleNamespace) -> Callable[..., ConservativeSac]:
    def build(**options: Any) -> ConservativeSac:
        torch.manual_seed(0)  # of the actor's first weights
        actor = Actor(Features(3), ActionScale(point.spec.action), (8,))
        config = Conservative(**{"weight": 2.0, "samples": N, **options})
        return ConservativeSac(replace(SMALL, hidden=(8,)), config, actor, torch.device("cpu"), seed=0)

    return build


def batch(floor: float = -np.inf) -> FlooredBatch:
    g = torch.Generator().manual_seed(2)
    own = Batch(
        {"state": torch.randn(5, 3, generator=g)},
        torch.rand(5, 1, 2, generator=g) * 2 - 1,
        torch.ones(5, 1, dtype=torch.bool),
        torch.randn(5, generator=g),
        torch.full((5,), 0.9),
        {"state": torch.randn(5, 3, generator=g)},
        torch.ones(5),
        torch.zeros(5, dtype=torch.bool),
    )
    return FlooredBatch.of(own, np.full(5, floor))


def test_the_penalty_by_hand() -> None:
    """Two actions of value 1 and 2, drawn with densities 1/2 and 1/4: log(2 e + 4 e^2) - 0.5."""
    unseen = torch.tensor([[[1.0, 2.0]]])
    gap = penalty(unseen, torch.tensor([[0.5, 0.25]]).log(), torch.tensor([[0.5]]))
    assert gap.item() == pytest.approx(math.log(2 * math.e + 4 * math.e**2) - 0.5, rel=1e-6)


def test_actions_that_all_have_one_value_are_worth_their_number(make: Callable[..., ConservativeSac]) -> None:
    """With importance weights the sum estimates N integral exp(Q): for uniform draws the volume 2^D comes in."""
    learner = make()
    actions, log_density = learner.proposals(batch())
    assert actions.shape == (5, 3 * N, 2) and log_density.shape == (5, 3 * N)
    assert torch.all(actions.abs() <= 1)
    torch.testing.assert_close(log_density[:, :N], torch.full((5, N), -2 * math.log(2.0)))


def test_proposals_are_of_the_policy_here_and_at_the_next_state(make: Callable[..., ConservativeSac]) -> None:
    learner, data = make(), batch()
    actions, log_density = learner.proposals(data)
    here, after = (
        learner.actor.log_prob({"state": s["state"].repeat_interleave(N, 0)}, a.flatten(0, 1)).unflatten(0, (5, N))
        for s, a in ((data.observation, actions[:, N : 2 * N]), (data.next_observation, actions[:, 2 * N :]))
    )
    torch.testing.assert_close(log_density[:, N : 2 * N], here.detach(), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(log_density[:, 2 * N :], after.detach(), atol=1e-3, rtol=1e-3)


def test_all_are_valued_at_the_state_itself(make: Callable[..., ConservativeSac]) -> None:
    learner, data = make(), batch()
    actions, _ = learner.proposals(data)
    values = learner.values_of(data, actions)
    for i in (0, N, 2 * N):
        torch.testing.assert_close(values[:, :, i], learner.critics(data.observation["state"], actions[:, i]))


def test_only_the_policys_actions_are_floored_by_the_return(make: Callable[..., ConservativeSac]) -> None:
    values = torch.full((2, 5, 3 * N), -1.0)
    floored = make().floored(values, batch(floor=0.5))
    assert torch.all(floored[:, :, :N] == -1.0)
    assert torch.all(floored[:, :, N:] == 0.5)
    assert torch.all(make(calibrated=False).floored(values, batch(floor=0.5)) == -1.0)
    assert torch.all(make().floored(values, batch()) == -1.0)


def test_a_value_below_the_return_is_not_pushed_down_further(make: Callable[..., ConservativeSac]) -> None:
    learner = make()
    values = torch.zeros((2, 5, 3 * N), requires_grad=True)
    penalty(learner.floored(values, batch(floor=0.5)), torch.zeros(5, 3 * N), torch.zeros(2, 5)).sum().backward()
    assert values.grad is not None
    assert torch.all(values.grad[:, :, N:] == 0) and torch.all(values.grad[:, :, :N] > 0)


def test_the_critics_loss_is_the_error_and_the_weighted_penalty(make: Callable[..., ConservativeSac]) -> None:
    plain, heavy, data = make(weight=0.0), make(weight=2.0), batch(0.1)
    target = torch.zeros(5)
    seen = plain.critics(data.observation["state"], data.action)
    torch.testing.assert_close(plain.critic_loss(data, target), seen.square().mean(1).sum())
    again = heavy.generator.get_state()
    loss = heavy.critic_loss(data, target)
    heavy.generator.set_state(again)
    actions, log_density = heavy.proposals(data)
    gap = penalty(heavy.floored(heavy.values_of(data, actions), data), log_density, seen)
    torch.testing.assert_close(loss, seen.square().mean(1).sum() + 2.0 * gap.mean(1).sum())


def test_batches_hold_the_returns_of_their_rows_with_the_rewards_offset(
    cell: Workcell, make_demonstrations: Callable[..., Dataset]
) -> None:
    returns, demonstrations = {}, make_demonstrations(1)
    for offset in (0.0, -1.0):
        improver = CalQlConfig(replace(SMALL, hidden=(8,)), offline=OfflineConfig(updates=1, offset=offset))
        config = OnlineConfig(improver, steps=1, warmup=10, evaluation_seeds=SEEDS[:1], capacity=500)
        learner = Session(config, cell, demonstrations).learner
        rows = np.arange(len(learner.replay))
        returns[offset] = learner.improver.at(learner.replay, rows).floor.numpy()  # type: ignore[attr-defined]
    ahead = np.arange(len(returns[0.0]))[::-1]
    np.testing.assert_allclose(returns[0.0], 0.9**ahead, rtol=1e-5)
    np.testing.assert_allclose(returns[-1.0], 0.9**ahead - (1 - 0.9 ** (ahead + 1)) / 0.1, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_it_reaches_the_goal_before_the_first_robot_step(
    cell: Workcell, make_demonstrations: Callable[..., Dataset]
) -> None:
    improver = CalQlConfig(SMALL, Conservative(weight=1.0, samples=4), OfflineConfig(updates=400))
    config = OnlineConfig(improver, steps=40, warmup=20, evaluate_every=1000, evaluation_seeds=SEEDS, capacity=2000)
    session = Session(config, cell, make_demonstrations(20))
    assert session.curve[0].robot_steps == 0
    assert session.curve[0].success >= 0.7
    session.run()
    assert session.updates > 400
