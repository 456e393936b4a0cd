"""Implicit Q-learning: its three losses by hand, and what it learns from recorded steps alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from robot_rl.datasets import Dataset
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.actors import Actor
from robot_rl.learn.online.batch import Batch
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.features import Features
from robot_rl.learn.online.improvers.iql import Implicit, ImplicitQ, IqlConfig, advantage_weights, expectile_loss
from robot_rl.learn.online.improvers.offline import OfflineConfig
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.scale import ActionScale
from robot_rl.learn.online.session import Session
from robot_rl.learn.online.workcell import Workcell

SMALL = SacConfig(
    critics=2, hidden=(32, 32), batch=64, utd=1, tau=0.02, gamma=0.9, temperature=0.01, actor_lr=1e-3, critic_lr=1e-3
)
SEEDS = tuple(range(9000, 9020))


@pytest.fixture
def learner(point: SimpleNamespace) -> ImplicitQ:
    actor = Actor(Features(3), ActionScale(point.spec.action), (8,))
    return ImplicitQ(replace(SMALL, hidden=(8,)), Implicit(0.9, 2.0, 5.0), actor, torch.device("cpu"), seed=0)


def batch() -> Batch:
    g = torch.Generator().manual_seed(2)
    now, after = torch.randn(6, 3, generator=g), torch.randn(6, 3, generator=g)
    action = torch.rand(6, 1, 2, generator=g) * 2 - 1
    bootstrap = torch.tensor([0.9, 0.9, 0.9, 0.9, 0.9, 0.0])
    return Batch(
        {"state": now},
        action,
        torch.ones(6, 1, dtype=torch.bool),
        torch.randn(6, generator=g),
        bootstrap,
        {"state": after},
        torch.ones(6),
        torch.zeros(6, dtype=torch.bool),
    )


def test_the_expectile_loss_by_hand() -> None:
    loss = expectile_loss(torch.tensor([2.0, -1.0]), 0.9)
    assert loss.item() == pytest.approx((0.9 * 4 + 0.1 * 1) / 2)


def test_the_expectile_of_two_values() -> None:
    """0.9 (1 - v) = 0.1 v has the solution 0.9."""
    v = torch.zeros((), requires_grad=True)
    values = torch.tensor([0.0, 1.0])
    for _ in range(400):
        (slope,) = torch.autograd.grad(expectile_loss(values - v, 0.9), v)
        v = (v - slope).detach().requires_grad_(True)
    assert v.item() == pytest.approx(0.9, abs=1e-3)


def test_weights_grow_with_the_advantage_up_to_a_limit() -> None:
    weights = advantage_weights(torch.tensor([0.0, 0.1, -0.1, 9.0]), 10.0, 100.0)
    torch.testing.assert_close(weights, torch.tensor([1.0, 2.7182818, 0.36787944, 100.0]))


def test_targets_bootstrap_from_the_state_value_and_from_no_action(learner: ImplicitQ) -> None:
    data = batch()
    expected = data.reward + data.bootstrap * learner.value(data.next_observation["state"])
    torch.testing.assert_close(learner.target(data), expected.detach())
    assert learner.target(data)[5] == data.reward[5]


def test_the_value_is_fitted_to_the_least_of_the_lagged_critics(learner: ImplicitQ) -> None:
    data = batch()
    with torch.no_grad():
        for p in learner.critics.parameters():
            p.add_(1.0)
    q = learner.targets(data.observation["state"], data.action).min(0).values
    expected = expectile_loss(q - learner.value(data.observation["state"]), 0.9)
    torch.testing.assert_close(learner.value_loss(data), expected)


def test_the_policy_is_drawn_to_the_data_by_advantage(learner: ImplicitQ) -> None:
    data = batch()
    q = learner.targets(data.observation["state"], data.action).min(0).values
    weight = torch.exp(2.0 * (q - learner.value(data.observation["state"]))).clamp(max=5.0).detach()
    expected = -(weight * learner.actor.log_prob(data.observation, data.action)).mean()
    torch.testing.assert_close(learner.actor_loss(data)[0], expected)


def test_an_update_leaves_no_network_as_it_was(learner: ImplicitQ) -> None:
    names = ("critics", "targets", "value")
    before = {n: [p.detach().clone() for p in learner.modules[n].parameters()] for n in names}
    policy = [p.detach().clone() for p in learner.actor.network.parameters()]
    learner.update([batch()])
    for name in names:
        after = learner.modules[name].parameters()
        assert any(not torch.equal(a, b) for a, b in zip(before[name], after, strict=True)), name
    assert any(not torch.equal(a, b) for a, b in zip(policy, learner.actor.network.parameters(), strict=True))


def test_it_reaches_the_goal_before_the_first_robot_step(
    cell: Workcell, make_demonstrations: Callable[..., Dataset]
) -> None:
    improver = IqlConfig(SMALL, Implicit(0.8, 5.0), OfflineConfig(updates=400, offset=-1.0))
    config = OnlineConfig(improver, steps=40, warmup=20, evaluate_every=1000, evaluation_seeds=SEEDS, capacity=2000)
    session = Session(config, cell, make_demonstrations(20))
    assert session.curve[0].robot_steps == 0 and session.curve[0].updates == 400
    assert session.curve[0].success >= 0.8
    last = session.run()[-1]
    assert last.updates == 400 + last.robot_steps - 20


@pytest.mark.parametrize(("count", "said"), [(0, "nothing recorded"), (2, "there is no success")])
def test_data_that_cannot_teach_are_refused(
    count: int, said: str, cell: Workcell, make_demonstrations: Callable[..., Dataset]
) -> None:
    data = make_demonstrations(count, success=False) if count else ()
    with pytest.raises(TrainingError, match=said):
        Session(OnlineConfig(IqlConfig(SMALL)), cell, data)


@pytest.mark.parametrize("options", [{"expectile": 1.0}, {"temperature": -1.0}, {"most": 0.0}])
def test_settings_without_meaning_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(TrainingError, match="expectile"):
        Implicit(**options)
