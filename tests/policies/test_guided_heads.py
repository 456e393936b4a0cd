"""Heads that can be drawn to actions already committed (the guide itself is tested in test_guidance.py)."""

import pytest
import torch

from robot_rl.policies.diffusion import DiffusionConfig
from robot_rl.policies.flow import FlowConfig
from robot_rl.policies.guidance import Guide, GuidedHead


@pytest.mark.parametrize(
    "config",
    [
        FlowConfig(width=64),
        FlowConfig(width=64, solver="heun"),
        DiffusionConfig(width=64),
        DiffusionConfig(width=64, prediction="sample"),
    ],
    ids=["flow", "heun", "diffusion", "sample"],
)
@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_a_chunk_goes_on_with_the_mode_that_it_is_committed_to(learn_toy, config, side):
    toy = learn_toy(config, 200, horizon=4)
    assert isinstance(toy.head, GuidedHead)
    guide = Guide(torch.full((200, 4, 1), side), torch.tensor([1.0, 0.6, 0.0, 0.0]), frozen=1)
    with torch.no_grad():
        chunks = toy.head.sample_guided(torch.zeros(200, 1), guide, generator=torch.Generator().manual_seed(0))[..., 0]
    torch.testing.assert_close(chunks[:, 0], torch.full((200,), side), atol=1e-4, rtol=0)
    assert (chunks * side > 0.5).all(dim=1).float().mean() > 0.9, "unguided it would be half of them"
