"""A base that misses the goal to one side, and whose noise moves its aim: there is something to steer and to edit."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace

import pytest
import torch
from torch import Generator, Tensor

from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.encoders import EncoderConfig
from robot_rl.policies.flow import FlowConfig
from robot_rl.spec import Layout

HORIZON = 2


class NoisyBase(ChunkPolicy):
    """Heads for a place 0.2 beside the goal, and one unit of noise moves that place by 0.15."""

    def sample(
        self,
        observation: Mapping[str, Tensor],
        noise: Tensor | None = None,
        generator: Generator | None = None,
        count: int = 1,
    ) -> Tensor:
        position, goal = (observation[n][:, -1].repeat_interleave(count, dim=0) for n in ("position", "goal"))
        if noise is None:
            noise = torch.randn((len(goal), HORIZON, 2), generator=generator)
        aim = (goal + torch.tensor([0.2, 0.0]) - position)[:, None] + 0.15 * noise
        return (2.5 * aim).clamp(torch.tensor([-2.0, -1.0]), torch.tensor([2.0, 1.0]))


@pytest.fixture
def noisy_base(point: SimpleNamespace) -> ChunkPolicy:
    spec = point.spec
    config = PolicyConfig(
        n_obs=1,
        horizon=HORIZON,
        n_action_steps=HORIZON,
        encoder=EncoderConfig(width=8),
        head=FlowConfig(width=8, depth=1),
    )
    torch.manual_seed(0)
    return NoisyBase(spec, Layout(tuple(spec.observation.values())), config)
