"""What holds for every registered head."""

import dataclasses
import typing

import numpy as np
import pytest
import torch
import tyro

from robot_rl.policies import checkpoint, config
from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.encoders import EncoderConfig
from robot_rl.policies.heads import HEADS, head_config, head_dict

SMALL = {
    "act": {"width": 16, "feed_forward": 32, "encoder_depth": 1, "decoder_depth": 1, "kl": 0.1},
    "gmm_rnn": {"width": 16, "depth": 1},
    "carp": {"width": 16, "depth": 1, "codes": 16, "channels": 16},
}
VARIANTS = [
    *[{"name": name, **SMALL.get(name, {"width": 16})} for name in HEADS],
    {"name": "diffusion", "backbone": "unet", "dims": [8, 16]},
    {"name": "flow", "backbone": "transformer", "width": 16, "solver": "heun"},
    {"name": "edm", "backbone": "transformer", "width": 16},
    {"name": "gaussian", "width": 16, "deviation": "learnt"},
    {"name": "slow_fast", "width": 16, "channels": 16, "decoder_width": 16, "stride": 2, "fast": ["ee"]},
]


def label(variant):
    return "-".join(str(variant[k]) for k in ("name", "backbone", "deviation", "stride") if k in variant)


@pytest.fixture(params=VARIANTS, ids=label)
def head_policy(request, spec, statistics):
    """A policy with each head, with a goal field."""
    torch.manual_seed(0)
    options = PolicyConfig(
        observation=("ee", "q"), goal=("q",), horizon=4, n_action_steps=2, encoder=EncoderConfig(width=16),
        head=head_config(request.param),
    )  # fmt: skip
    return ChunkPolicy(spec, spec.observation, options, statistics)


def make_batch(n=16):
    pose = torch.randn(n, 2, 7)
    action = torch.cat([0.3 * torch.randn(n, 4, 6), torch.rand(n, 4, 1)], dim=-1)
    mask = torch.arange(4)[None] < torch.randint(1, 5, (n, 1))
    seen = {"ee": pose, "q": torch.randn(n, 2, 2), "future.ee": torch.randn(n, 4, 7)}
    return seen | {"action": action, "action_mask": mask}


def test_it_learns_a_batch_by_heart_with_every_weight_and_keeps_through_its_checkpoint(head_policy, tmp_path):
    policy, batch = head_policy.train(), make_batch()
    optimizer = torch.optim.Adam(policy.parameters(), lr=5e-3)
    losses = []
    for _ in range(60):
        loss = policy.loss(batch, torch.Generator().manual_seed(0))
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is not None for p in policy.parameters() if p.requires_grad), (
            "an exact resume needs every weight's moments"
        )
        optimizer.step()
        losses.append(loss.item())
    assert np.isfinite(losses).all() and min(losses[-5:]) < losses[0] - 0.1 * abs(losses[0])

    loaded = checkpoint.load(checkpoint.save(tmp_path / "c", policy, {}))
    assert loaded.config == policy.config
    observation = {n: np.random.default_rng(1).normal(size=(2, *f.shape)) for n, f in policy.inputs.items()}
    chunks = []
    for p in (policy.eval(), loaded):
        p.reset(seed=5)
        chunks.append([p.predict(observation), p.predict(observation)])
    np.testing.assert_array_equal(*chunks)
    assert chunks[0][0].shape == (4, 7) and np.isfinite(chunks[0]).all()
    assert np.all(chunks[0] >= policy.spec.action.low) and np.all(chunks[0] <= policy.spec.action.high)


def test_padding_reaches_neither_loss_nor_gradient(head_policy):
    batch = make_batch()
    other = dict(batch, action=torch.where(batch["action_mask"][..., None], batch["action"], torch.tensor(1e3)))
    results = []
    for b in (batch, other):
        loss = head_policy.loss(b, torch.Generator().manual_seed(1))
        results.append(
            (loss.detach(), *torch.autograd.grad(loss, [p for p in head_policy.parameters() if p.requires_grad]))
        )
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_the_goal_counts(head_policy):
    torch.manual_seed(1)
    with torch.no_grad():
        for p in head_policy.parameters():
            p.add_(0.3 * torch.randn_like(p))
        observation = {"ee": torch.randn(32, 2, 7), "q": torch.zeros(32, 2, 2)}
        first = head_policy.sample(observation, torch.ones(32, 4, 7), torch.Generator().manual_seed(0))
        other = head_policy.sample(
            dict(observation, q=torch.ones(32, 2, 2)), torch.ones(32, 4, 7), torch.Generator().manual_seed(0)
        )
    assert (first - other).abs().max() > 1e-5


@pytest.mark.parametrize("variant", VARIANTS, ids=label)
def test_a_configuration_survives_its_dictionary(variant):
    assert head_config(head_dict(head_config(variant))) == head_config(variant)


def test_recipes_and_command_line_know_every_registered_head():
    listed = {c.name: c for c in typing.get_args(config.AnyHead)}
    assert listed == {name: type(head_config({"name": name})) for name in HEADS}
    assert all(dataclasses.is_dataclass(c) for c in listed.values())


def test_a_goal_must_be_observed_and_something_else_too():
    with pytest.raises(ValueError, match=r"goal field 'qq' is not in observation.*Did you mean 'q'"):
        PolicyConfig(observation=("ee", "q"), goal=("qq",))
    with pytest.raises(ValueError, match="every observation is a goal"):
        PolicyConfig(observation=("q",), goal=("q",))


@pytest.mark.parametrize("name", HEADS)
def test_the_command_line_changes_options_of_the_head_that_the_recipe_chose(name):
    start = PolicyConfig(head=head_config({"name": name}))
    config = tyro.cli(PolicyConfig, default=start, args=["--head.width", "40", "--horizon", "24"])
    assert config == dataclasses.replace(start, horizon=24, head=dataclasses.replace(start.head, width=40))
