"""A policy on a line: at x it moves by v a step for 4 steps; what is observed at the last step tells v."""

import numpy as np
import pytest
import torch

from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.encoders import EncoderConfig
from robot_rl.policies.flow import FlowConfig
from robot_rl.policies.joint import JointConfig
from robot_rl.policies.joint_queries import commands_towards, latents_after
from robot_rl.policies.normalization import Statistics
from robot_rl.spec import Field, Layout, Spec, SpecError

SPEC = Spec("line", 10.0, Layout((Field("x", (1,)),)), Layout((Field("v", (1,), low=(-2,), high=(2,)),)))


def batch_of(v, x=None, known=None):
    """Windows of 2 observations and 4 actions of constant velocity v (B,) that begin at x (B,)."""
    x = torch.zeros_like(v) if x is None else x
    track = x[:, None] + v[:, None] * torch.arange(4)
    out = {
        "x": x[:, None, None].expand(-1, 2, 1),
        "future.x": track[..., None],
        "action": v[:, None, None].expand(-1, 4, 1),
    }
    out["action_mask"] = torch.ones(len(v), 4).bool()
    return out if known is None else out | {"action_known": known}


def make_policy(head):
    torch.manual_seed(0)
    config = PolicyConfig(horizon=4, n_action_steps=2, encoder=EncoderConfig(width=16), head=head)
    statistics = {
        "x": Statistics.of(np.linspace(-3, 3, 9)[:, None]),
        "action": Statistics.of(np.array([[-1.2], [1.2]])),
    }
    return ChunkPolicy(SPEC, SPEC.observation, config, statistics)


@pytest.fixture(scope="module")
def policy():
    """Half of the episodes it learns from tell no actions."""
    policy = make_policy(JointConfig(width=48, condition=32, latent_weight=1.0, momentum=0.95))
    optimizer = torch.optim.Adam([p for p in policy.parameters() if p.requires_grad], lr=3e-3)
    g = torch.Generator().manual_seed(0)
    for step in range(500):
        optimizer.param_groups[0]["lr"] = 3e-3 * min(1, 2 * (1 - step / 500))
        v, x = ((2.0 * torch.rand(2, 128, generator=g) - 1) * torch.tensor([[1.0], [0.3]])).unbind(0)
        loss = policy.loss(batch_of(v, x, torch.rand(128, generator=g) < 0.5), g)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        policy.after_update()
    return policy.eval()


def test_it_tells_which_commands_lead_to_an_observation(policy):
    v = torch.linspace(-0.9, 0.9, 64)
    batch = batch_of(v)
    later = {"x": batch["future.x"][:, 2:]}
    with torch.no_grad():
        told = commands_towards(policy, {"x": batch["x"]}, later, torch.Generator().manual_seed(0))
    assert (told.mean((1, 2)) - v).abs().mean() < 0.25, "a guess without the later observation is off by 0.5"


def test_it_tells_what_is_observed_after_commands(policy):
    """The latent told for a chunk is nearer to the one of its own end than to those of other ends."""
    v = torch.tensor([-0.8, 0.0, 0.8])
    batch = batch_of(v)
    with torch.no_grad():
        told = latents_after(policy, {"x": batch["x"]}, batch["action"], torch.Generator().manual_seed(0))
        ends = policy.later.target.encode({"x": batch["future.x"][:, 2:]})
    assert torch.cdist(told, ends).argmin(1).tolist() == [0, 1, 2]


def test_other_heads_are_refused():
    with pytest.raises(SpecError, match="head 'flow' knows no dynamics"):
        latents_after(make_policy(FlowConfig(width=8)), {"x": torch.zeros(1, 2, 1)}, torch.zeros(1, 4, 1))
