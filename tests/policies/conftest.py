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
