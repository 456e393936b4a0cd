"""Networks and the update against values worked by hand and by independent computation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.actors import Actor
from robot_rl.learn.online.batch import Batch
from robot_rl.learn.online.features import Features
from robot_rl.learn.online.improvers.residual import ResidualActor
from robot_rl.learn.online.networks import EDGE, Critics, TanhGaussian, TanhNoise, follow
from robot_rl.learn.online.sac import Sac, SacConfig
from robot_rl.learn.online.scale import ActionScale
from robot_rl.spec import Field, Layout

CONFIG = SacConfig(critics=4, subset=2, hidden=(8,), batch=6)
CPU = torch.device("cpu")


@pytest.fixture
def sac(point: SimpleNamespace) -> Callable[..., Sac]:
    def make(**changes: object) -> Sac:
        torch.manual_seed(1)
        return Sac(replace(CONFIG, **changes), Actor(Features(3), ActionScale(point.spec.action), (8,)), CPU, seed=0)

    return make


def batch(bootstrap: float = 0.9) -> Batch:
    g = torch.Generator().manual_seed(2)
    state, after = torch.randn(6, 3, generator=g), torch.randn(6, 3, generator=g)
    action, reward = torch.rand(6, 2, generator=g) * 2 - 1, torch.randn(6, generator=g)
    return Batch(
        {"state": state},
        action[:, None],
        torch.ones(6, 1, dtype=torch.bool),
        reward,
        torch.full((6,), bootstrap),
        {"state": after},
        torch.ones(6),
        torch.ones(6) > 0,
    )


def test_an_ensemble_in_one_pass_gives_what_each_member_gives_alone() -> None:
    critics = Critics(3, 5, (7,))
    state, action = torch.randn(4, 3), torch.randn(4, 2)
    first, norm, _, last = critics.layers
    x = torch.cat([state, action], 1)
    for e in range(3):
        h = x @ first.weight[e] + first.bias[e]
        h = (h - h.mean(1, keepdim=True)) / torch.sqrt(h.var(1, unbiased=False, keepdim=True) + 1e-5)
        h = torch.relu(h * norm.gain[e] + norm.offset[e])
        alone = (h @ last.weight[e] + last.bias[e])[:, 0]
        torch.testing.assert_close(critics(state, action)[e], alone, atol=1e-5, rtol=1e-5)


def test_layer_norm_bounds_the_values_of_actions_far_from_all_data() -> None:
    torch.manual_seed(0)
    far = torch.full((1, 2), 1e6)
    assert Critics(2, 4, (16,))(torch.zeros(1, 2), far).abs().max() < 100
    assert Critics(2, 4, (16,), layer_norm=False)(torch.zeros(1, 2), far).abs().max() > 1000


def test_the_density_of_a_squashed_action_integrates_to_one_and_agrees_with_its_sample() -> None:
    torch.manual_seed(0)
    actor = TanhGaussian(1, 1, (4,))
    grid = torch.linspace(-0.99999, 0.99999, 20001)[:, None]
    density = actor.log_prob(torch.zeros(20001, 1), grid).exp()
    assert torch.trapezoid(density, grid[:, 0]).item() == pytest.approx(1.0, abs=2e-3)
    action, log_density = actor.sample(torch.zeros(5, 1), torch.Generator().manual_seed(0))
    torch.testing.assert_close(log_density, actor.log_prob(torch.zeros(5, 1), action), atol=1e-3, rtol=1e-3)


def test_a_recorded_action_at_the_edge_has_a_finite_density_and_gradient() -> None:
    actor = TanhGaussian(1, 2, (4,))
    edge = torch.tensor([[1.0, -1.0]])
    out = actor.log_prob(torch.zeros(1, 1), edge)
    out.sum().backward()
    assert torch.isfinite(out).all() and torch.isfinite(actor.output.weight.grad).all()
    torch.testing.assert_close(out, actor.log_prob(torch.zeros(1, 1), edge * (1 - EDGE)))


def test_targets_take_the_least_of_a_subset_of_the_lagged_critics(sac: Callable[..., Sac]) -> None:
    learner, data = sac(subset=4), batch()
    with torch.no_grad():
        for p in learner.critics.parameters():
            p.add_(1.0)
    copy = torch.Generator().set_state(learner.generator.get_state())
    y = learner.target(data)
    action, _ = learner.actor.sample(data.next_observation, copy)
    values = learner.targets(data.next_observation["state"], action)
    torch.testing.assert_close(y, data.reward + 0.9 * values.min(0).values)


def test_a_subset_is_drawn_anew_for_each_target(sac: Callable[..., Sac]) -> None:
    learner, data = sac(subset=1), batch()
    with torch.no_grad():
        for e in range(4):
            learner.targets.layers[-1].weight[e].zero_()
            learner.targets.layers[-1].bias[e].fill_(float(e))
    seen = {round(float((learner.target(data) - data.reward)[0] / 0.9)) for _ in range(60)}
    assert seen == {0, 1, 2, 3}


def test_termination_leaves_the_reward_alone(sac: Callable[..., Sac]) -> None:
    data = batch(bootstrap=0.0)
    torch.testing.assert_close(sac().target(data), data.reward)


def test_the_entropy_enters_targets_only_when_asked(sac: Callable[..., Sac]) -> None:
    plain, soft, data = sac(subset=4), sac(subset=4, backup_entropy=True), batch()
    copy = torch.Generator().set_state(soft.generator.get_state())
    log_density = soft.actor.sample(data.next_observation, copy)[1]
    torch.testing.assert_close(soft.target(data), plain.target(data) - 0.9 * 0.1 * log_density)


def test_the_actor_climbs_the_mean_of_all_critics(sac: Callable[..., Sac]) -> None:
    learner, data = sac(), batch()
    copy = torch.Generator().set_state(learner.generator.get_state())
    loss, _ = learner.actor_loss(data)
    action, log_density = learner.actor.sample(data.observation, copy)
    values = learner.critics(data.observation["state"], action)
    torch.testing.assert_close(loss, (0.1 * log_density - values.mean(0)).mean())


def test_the_critics_loss_is_the_weighted_square_of_the_difference(sac: Callable[..., Sac]) -> None:
    learner, data = sac(), batch()
    target = torch.arange(6.0)
    weighted = replace(data, weight=torch.tensor([2.0, 0, 0, 0, 0, 0]))
    values = learner.critics(data.observation["state"], data.action)
    expected = sum(2.0 * (values[e, 0] - 0.0) ** 2 / 6 for e in range(4))
    torch.testing.assert_close(learner.critic_loss(weighted, target), expected)


def test_the_temperature_rises_while_the_entropy_is_too_low(sac: Callable[..., Sac]) -> None:
    learner = sac(target_entropy=-1.0)
    low, high = torch.full((6,), 3.0), torch.full((6,), -3.0)
    assert torch.autograd.grad(learner.temperature_loss(low), learner.log_alpha)[0] < 0
    assert torch.autograd.grad(learner.temperature_loss(high), learner.log_alpha)[0] > 0


def test_an_update_moves_critics_once_a_slice_and_the_actor_once_a_group(sac: Callable[..., Sac]) -> None:
    learner, data = sac(actor_delay=2), batch()
    actor = [p.clone() for p in learner.actor.parameters()]
    learner.update([data, data, data])
    assert learner.updates == 3
    assert all(torch.equal(a, b) for a, b in zip(actor, learner.actor.parameters(), strict=True))
    learner.update([data])
    assert not all(torch.equal(a, b) for a, b in zip(actor, learner.actor.parameters(), strict=True))
    assert all(p.requires_grad for p in learner.critics.parameters())


def test_the_actor_waits_while_the_critics_learn_alone(sac: Callable[..., Sac]) -> None:
    learner, data = sac(critics_first=2), batch()
    actor = [p.clone() for p in learner.actor.parameters()]
    for _ in range(2):
        assert "actor_loss" not in learner.update([data])
    assert learner.updates == 2
    assert all(torch.equal(a, b) for a, b in zip(actor, learner.actor.parameters(), strict=True))
    assert "actor_loss" in learner.update([data])


def test_an_actor_update_leaves_the_critics_as_they_are(sac: Callable[..., Sac]) -> None:
    learner = sac()
    before = [p.clone() for p in learner.critics.parameters()]
    learner._update_actor(batch())
    assert all(torch.equal(a, b) for a, b in zip(before, learner.critics.parameters(), strict=True))


def test_targets_lag_by_tau() -> None:
    a, b = Critics(2, 3, (4,)), Critics(2, 3, (4,))
    expected = [0.75 * p + 0.25 * q for p, q in zip(a.parameters(), b.parameters(), strict=True)]
    follow(a, b, 0.25)
    for p, q in zip(a.parameters(), expected, strict=True):
        torch.testing.assert_close(p.detach(), q.detach())


def test_an_update_moves_the_targets_by_tau(sac: Callable[..., Sac]) -> None:
    learner = sac(tau=0.25)
    before = [p.clone() for p in learner.targets.parameters()]
    learner.update([batch()])
    for p, old, new in zip(learner.targets.parameters(), before, learner.critics.parameters(), strict=True):
        torch.testing.assert_close(p, 0.75 * old + 0.25 * new.detach())


def test_a_loss_that_is_not_finite_stops_the_session_before_the_weights_are_touched(sac: Callable[..., Sac]) -> None:
    learner = sac()
    before = [p.clone() for p in learner.critics.parameters()]
    with pytest.raises(TrainingError, match="critics loss is nan"):
        learner.update([replace(batch(), reward=torch.full((6,), math.nan))])
    assert all(torch.equal(a, b) for a, b in zip(before, learner.critics.parameters(), strict=True))


def test_imitation_pulls_the_actor_to_the_humans_actions(sac: Callable[..., Sac]) -> None:
    learner, data = sac(imitation=0.5), batch()
    copy = torch.Generator().set_state(learner.generator.get_state())
    with_it, _ = learner.actor_loss(data)
    learner.config, after = replace(learner.config, imitation=0.0), learner.generator.set_state(copy.get_state())
    without, _ = learner.actor_loss(data)
    expected = without - 0.5 * learner.actor.log_prob(data.observation, data.action).mean()
    torch.testing.assert_close(with_it, expected)
    assert after is learner.generator


def test_a_new_residual_is_its_base_and_then_adds_a_scaled_part(point: SimpleNamespace) -> None:
    actor = ResidualActor(Features(3), ActionScale(point.spec.action), (8,), residual_scale=0.5)
    seen = {"state": torch.randn(2, 3), "base_action": torch.tensor([[1.0, 0.5], [-2.0, 0.9]])}
    torch.testing.assert_close(actor.mode(seen), torch.tensor([[0.5, 0.5], [-1.0, 0.9]]))
    combined = actor.combine(seen, torch.tensor([[0.4, -1.0], [-1.0, 1.0]]))
    torch.testing.assert_close(combined, torch.tensor([[0.7, 0.0], [-1.0, 1.0]]))


def test_fixed_noise_is_of_its_deviation_cut_and_without_a_temperature(point: SimpleNamespace) -> None:
    scale = ActionScale(point.spec.action)
    actor = ResidualActor(Features(3), scale, (8,), residual_scale=0.5, deviation=0.1)
    seen = {"state": torch.zeros(20000, 3), "base_action": torch.zeros(20000, 2)}
    units, log_density = actor.sample(seen, torch.Generator().manual_seed(0))
    noise = units.detach() / 0.1
    assert noise.abs().max() == pytest.approx(2.0, abs=1e-5)  # cut at two deviations
    assert noise.std().item() == pytest.approx(0.959, abs=0.01)  # of a normal with its tails gathered at +-2
    assert torch.equal(log_density, torch.zeros(20000))
    learner = Sac(CONFIG, actor, CPU, seed=0)
    data = batch()
    data = replace(data, observation={**data.observation, "base_action": torch.zeros(6, 2)})
    data = replace(data, next_observation={**data.next_observation, "base_action": torch.zeros(6, 2)})
    before = learner.alpha
    figures = learner.update([data])
    assert "alpha" not in figures and learner.alpha == before
    assert not torch.equal(actor.mode(data.observation), torch.zeros(6, 2))  # the actor did learn


def test_restraint_is_the_mean_square_of_the_correction_and_draws_it_to_the_base(point: SimpleNamespace) -> None:
    actor = ResidualActor(Features(3), ActionScale(point.spec.action), (8,), 0.5, deviation=0.1, restraint=0.3)
    torch.nn.init.constant_(actor.network.output.bias, 1.0)
    data = batch()
    data = replace(data, observation={**data.observation, "base_action": torch.zeros(6, 2)})
    learner = Sac(CONFIG, actor, CPU, seed=0)
    state = learner.generator.get_state()
    held, _ = learner.actor_loss(data)
    learner.generator.set_state(state)
    actor.restraint = 0.0
    free, _ = learner.actor_loss(data)
    torch.testing.assert_close(held - free, torch.tensor(0.3 * math.tanh(1.0) ** 2))
    gradient = torch.autograd.grad(held - free, actor.network.output.bias)[0]
    assert (gradient > 0).all(), "a positive correction becomes smaller"


def test_gradients_pass_where_fixed_noise_meets_the_edge() -> None:
    actor = TanhNoise(1, 1, (4,), deviation=0.3)
    torch.nn.init.constant_(actor.output.bias, 2.0)  # tanh 2 = 0.96: half of the samples are cut at 1
    action, _ = actor.sample(torch.zeros(64, 1), torch.Generator().manual_seed(0))
    action.sum().backward()
    assert (action == 1.0).any() and action.max() <= 1.0
    assert actor.output.bias.grad.item() == pytest.approx(64 * (1 - math.tanh(2.0) ** 2), rel=1e-4)


def test_the_critics_see_the_sum_of_base_and_correction(point: SimpleNamespace) -> None:
    actor = ResidualActor(Features(3), ActionScale(point.spec.action), (8,), residual_scale=0.1)
    seen = {"state": torch.zeros(50, 3), "base_action": torch.full((50, 2), 0.6)}
    action, _ = actor.sample(seen, torch.Generator().manual_seed(0))
    next_action, _ = actor.next_action(seen, Critics(1, 5, (4,)), torch.Generator().manual_seed(0))
    for units in (action, next_action):
        assert (units - torch.tensor([0.3, 0.6])).abs().max() <= 0.1 + 1e-6


def test_a_residual_looks_at_its_bases_action(point: SimpleNamespace) -> None:
    actor = ResidualActor(Features(3), ActionScale(point.spec.action), (8,), residual_scale=0.5)
    torch.nn.init.normal_(actor.network.output.weight)
    state = torch.zeros(1, 3)
    raw = [actor.network(actor._input({"state": state, "base_action": torch.full((1, 2), b)}))[0] for b in (0.0, 0.5)]
    assert not torch.allclose(*raw)


def test_the_recorded_sum_gives_back_the_residual(point: SimpleNamespace) -> None:
    actor = ResidualActor(Features(3), ActionScale(point.spec.action), (8,), residual_scale=0.5)
    seen = {"state": torch.zeros(1, 3), "base_action": torch.tensor([[0.4, -0.2]])}
    raw = torch.tensor([[0.3, -0.6]])
    torch.testing.assert_close(actor._separate(seen, actor.combine(seen, raw)), raw)


def test_actions_in_units_and_back_are_the_same_and_need_bounds(point: SimpleNamespace) -> None:
    scale = ActionScale(point.spec.action)
    torch.testing.assert_close(scale.to_unit(torch.tensor([2.0, -0.5])), torch.tensor([1.0, -0.5]))
    torch.testing.assert_close(scale.to_physical(torch.tensor([1.0, -0.5])), torch.tensor([2.0, -0.5]))
    with pytest.raises(TrainingError, match="bounds"):
        ActionScale(Layout((Field("free", (1,)),)))


def test_equal_seeds_give_equal_learners(sac: Callable[..., Sac]) -> None:
    one, two = sac(), sac()
    for learner in (one, two):
        learner.update([batch(), batch()])
    for a, b in zip(one.critics.parameters(), two.critics.parameters(), strict=True):
        assert torch.equal(a, b)
    assert np.isfinite(one.alpha)
