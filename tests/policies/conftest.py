from dataclasses import dataclass

import numpy as np
import pytest
import torch

from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.encoders import EncoderConfig
from robot_rl.policies.flow import FlowConfig
from robot_rl.policies.normalization import Statistics
from robot_rl.spec import Field, Layout, Spec

torch.set_num_threads(1)


@pytest.fixture
def spec():
    observation = Layout((Field("ee", (7,), kind="pose"), Field("q", (2,), unit="rad")))
    action = Layout(
        (Field("twist", (6,), kind="twist", low=(-0.3,) * 6, high=(0.3,) * 6), Field("grip", (1,), low=(0,), high=(1,)))
    )
    return Spec("toy", 20.0, observation, action, "cartesian_velocity")


@pytest.fixture
def statistics(spec):
    rng = np.random.default_rng(0)
    fields = {f.name: Statistics.of(rng.normal(size=(50, f.size))) for f in spec.observation.vectors}
    return fields | {"action": Statistics.of(rng.normal(size=(50, 7)))}


@pytest.fixture
def policy(spec, statistics):
    torch.manual_seed(0)
    config = PolicyConfig(horizon=6, n_action_steps=4, encoder=EncoderConfig(width=16), head=FlowConfig(width=32))
    return ChunkPolicy(spec, spec.observation, config, statistics).eval()


@dataclass
class Toy:
    """What a head made of chunks that go all left (-1) or all right (+1), each with probability 1/2."""

    head: torch.nn.Module
    samples: np.ndarray  # (N, H)

    @property
    def right(self):
        """Share of chunks that begin to the right."""
        return np.mean(self.samples[:, 0] > 0)

    @property
    def near(self):
        """Share of actions within 0.3 of a mode."""
        return np.mean(np.abs(np.abs(self.samples) - 1) < 0.3)

    @property
    def whole(self):
        """Share of chunks whose actions all belong to one mode."""
        return np.mean(np.all(self.samples > 0, axis=1) | np.all(self.samples < 0, axis=1))


@pytest.fixture
def learn_toy():
    """`learn_toy(config, steps=400, lr=3e-3, horizon=2, n=256)` trains a head on two modes and samples 1000 chunks."""

    def learn(config, steps=400, lr=3e-3, horizon=2, n=256):
        torch.manual_seed(0)
        head = config.build(1, horizon, 1)
        optimizer = torch.optim.Adam(head.parameters(), lr=lr)
        context, mask = torch.zeros(n, 1), torch.ones(n, horizon, dtype=torch.bool)
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = lr * min(1, 2 * (1 - step / steps))
            sign = torch.randint(0, 2, (n, 1, 1)) * 2.0 - 1
            chunk = sign.expand(-1, horizon, -1) + 0.05 * torch.randn(n, horizon, 1)
            loss = head.loss(chunk, mask, context)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        head.eval()
        with torch.no_grad():
            return Toy(head, head.sample(torch.zeros(1000, 1))[..., 0].numpy())

    return learn
