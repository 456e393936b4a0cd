"""The slow-fast head: what its parts see, its losses by hand, and that it reacts."""

import dataclasses

import numpy as np
import pytest
import torch

from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.encoders import EncoderConfig
from robot_rl.policies.flow import FlowConfig
from robot_rl.policies.heads import ReactiveHead
from robot_rl.policies.networks.tokenizer import ActionTokenizer
from robot_rl.policies.slow_fast import SlowFastConfig
from robot_rl.spec import SpecError

SMALL = SlowFastConfig(width=32, depth=2, channels=16, decoder_width=32)


def test_a_latent_has_a_mean_square_of_one_and_as_many_tokens_as_the_stride_says():
    head = dataclasses.replace(SMALL, stride=4, latent=3).build(2, 10, 5)
    latent = head.tokenizer.encode(50 * torch.randn(4, 10, 2))
    assert latent.shape == (4, 3, 3)
    torch.testing.assert_close(latent.square().mean((1, 2)), torch.ones(4))
    assert isinstance(head, ReactiveHead)


def test_an_action_depends_on_what_was_sensed_up_to_its_step_and_on_nothing_later():
    torch.manual_seed(0)
    tokenizer = ActionTokenizer(2, horizon=6, tokens=2, size=3, channels=8, width=16, fast_size=1)
    latent, fast = torch.randn(1, 2, 3), torch.randn(1, 6, 1)
    fast.requires_grad_()
    whole = tokenizer.decode(latent, fast)
    (gradient,) = torch.autograd.grad(whole[0, 3].sum(), fast, retain_graph=True)
    assert (gradient[0, :4] != 0).all() and (gradient[0, 4:] == 0).all()
    torch.testing.assert_close(tokenizer.decode(latent, fast[:, :4]), whole[:, :4])


@pytest.mark.parametrize("prediction", ["sample", "velocity"])
def test_the_loss_is_that_of_its_two_parts_and_the_flow_does_not_reach_the_tokenizer(prediction):
    torch.manual_seed(0)
    head = dataclasses.replace(SMALL, latent_noise=0.0, prediction=prediction).build(1, 4, 2, fast_size=1)
    chunk, context, fast = torch.randn(3, 4, 1), torch.randn(3, 2), torch.randn(3, 4, 1)
    mask = torch.tensor([[True] * 4, [True, True, False, False], [True] * 4])
    held = chunk.clone()
    held[1, 2:], held_fast = chunk[1, 1], fast.clone()
    held_fast[1, 2:] = fast[1, 1]
    latent = head.tokenizer.encode(held)
    error = ((head.tokenizer.decode(latent, held_fast) - held) ** 2)[..., 0]
    rebuilt = (error[0].sum() + error[1, :2].sum() + error[2].sum()) / 10
    generator = torch.Generator().manual_seed(7)
    torch.randn(latent.shape, generator=generator)  # the noise before decoding, here of size 0
    t = torch.rand(3, generator=generator)
    start = torch.randn(latent.shape, generator=generator)
    point = (1 - t)[:, None, None] * start + t[:, None, None] * latent.detach()
    goal = latent.detach() if prediction == "sample" else latent.detach() - start
    flow = ((head.network(point, t, context) - goal) ** 2).mean()
    loss = head.loss(chunk, mask, context, torch.Generator().manual_seed(7), fast)
    torch.testing.assert_close(loss, rebuilt + flow)
    for part, other in ((rebuilt, head.network), (flow, head.tokenizer)):
        gradients = torch.autograd.grad(part, list(other.parameters()), allow_unused=True, retain_graph=True)
        assert all(g is None for g in gradients)


def test_tokens_that_cover_padding_alone_do_not_count_in_the_flow():
    torch.manual_seed(0)
    head = dataclasses.replace(SMALL, stride=2).build(1, 4, 2)
    chunk, context = torch.randn(1, 4, 1), torch.zeros(1, 2)
    seen = []
    original = head.network.forward

    def spy(x, t, c):
        out = original(x, t, c).detach().requires_grad_()
        seen.append(out)
        return out

    head.network.forward = spy
    head.loss(chunk, torch.tensor([[True, True, False, False]]), context, torch.Generator().manual_seed(0)).backward()
    assert (seen[0].grad[0, 0] != 0).all() and (seen[0].grad[0, 1] == 0).all()


def test_without_a_fast_path_it_learns_two_modes(learn_toy):
    toy = learn_toy(SMALL, 200, lr=6e-3, n=64, horizon=2)
    assert 0.35 < toy.right < 0.65 and toy.near > 0.9 and toy.whole > 0.95


def test_the_plan_settles_the_mode_and_the_fast_path_follows_what_is_sensed():
    """Chunks are left or right, plus half of a number that is sensed at each step and known to nobody before."""
    torch.manual_seed(0)
    head = dataclasses.replace(SMALL, latent=2, stride=8, latent_noise=0.5).build(1, 6, 1, fast_size=1)
    optimizer = torch.optim.Adam(head.parameters(), lr=4e-3)
    mask, context = torch.ones(64, 6, dtype=torch.bool), torch.zeros(64, 1)
    for step in range(300):
        optimizer.param_groups[0]["lr"] = 4e-3 * min(1, 2 * (1 - step / 300))
        sensed = torch.randn(64, 6, 1)
        chunk = torch.randint(0, 2, (64, 1, 1)) * 2.0 - 1 + 0.5 * sensed
        optimizer.zero_grad()
        head.loss(chunk, mask, context, fast=sensed).backward()
        optimizer.step()
    with torch.no_grad():
        sensed = torch.randn(500, 6, 1)
        plans = head.plan(torch.zeros(500, 1))
        actions = head.react(plans, sensed)
    rest = actions - 0.5 * sensed
    right = (rest.mean(1) > 0).float().mean().item()
    assert 0.35 < right < 0.65
    assert ((rest.abs() - 1).abs() < 0.35).float().mean() > 0.9


def test_what_is_sensed_must_be_given_at_every_step_of_a_chunk():
    head = SMALL.build(1, 4, 2, fast_size=3)
    with pytest.raises(ValueError, match=r"fast is of shape \(1, 4, 0\); \(1, 4, 3\) is needed"):
        head.sample(torch.zeros(1, 2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stride": 0}, "stride is 0"),
        ({"latent_noise": -0.1}, "latent_noise is -0.1"),
        ({"fast": ("f", "f")}, "repeat"),
    ],
)
def test_a_wrong_setting_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SlowFastConfig(**options)


def make_policy(spec, statistics, **options):
    torch.manual_seed(0)
    config = PolicyConfig(
        **{"observation": ("ee", "q"), "horizon": 6, "n_action_steps": 4, "encoder": EncoderConfig(width=16), **options}
    )
    return ChunkPolicy(spec, spec.observation, config, statistics).eval()


def test_a_policy_reacts_to_fields_in_physical_units_row_by_row_as_it_decodes_whole_chunks(spec, statistics):
    policy = make_policy(spec, statistics, head=dataclasses.replace(SMALL, fast=("q",)))
    assert policy.can_react and policy.fast_names == ("q",)
    observation = {n: np.random.default_rng(1).normal(size=(2, *f.shape)) for n, f in policy.inputs.items()}
    policy.reset(3)
    chunk = policy.predict(observation)
    policy.reset(3)
    plan = policy.plan(observation)
    still = {"q": np.repeat(observation["q"][-1:], 6, axis=0)}
    for row in range(6):
        action = policy.react(plan, row, {"q": still["q"][: row + 1]}, observation)
        np.testing.assert_allclose(action, chunk[row], atol=1e-6)
    moved = {"q": still["q"] + np.eye(6)[:, -1:]}
    assert np.abs(policy.react(plan, 5, moved, observation) - chunk[5]).max() > 1e-4


def test_fast_fields_that_do_not_fit_are_refused(spec, statistics):
    with pytest.raises(ValueError, match="fast field 'qq' is not in observation.*Did you mean 'q'"):
        make_policy(spec, statistics, head=dataclasses.replace(SMALL, fast=("qq",)))
    with pytest.raises(ValueError, match="fast field 'q' is a goal"):
        make_policy(spec, statistics, goal=("q",), head=dataclasses.replace(SMALL, fast=("q",)))
    with pytest.raises(SpecError, match="fast field 'force' is no vector the policy sees; there are ee, q"):
        make_policy(spec, statistics, observation=(), head=dataclasses.replace(SMALL, fast=("force",)))
    flow = make_policy(spec, statistics, head=FlowConfig(width=16))
    assert not flow.can_react
    observation = {n: np.ones((2, *f.shape)) for n, f in flow.inputs.items()}
    with pytest.raises(SpecError, match="head 'flow' has no fast path"):
        flow.plan(observation)
