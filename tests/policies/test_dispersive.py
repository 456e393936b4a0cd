import math

import pytest
import torch

from robot_rl.policies.diffusion import DiffusionConfig
from robot_rl.policies.edm import EdmConfig
from robot_rl.policies.flow import FlowConfig
from robot_rl.policies.meanflow import MeanFlowConfig
from robot_rl.policies.networks.dispersive import dispersive_loss

CONFIGS = (FlowConfig, DiffusionConfig, EdmConfig, MeanFlowConfig)


def test_the_loss_of_two_points_is_hand_worked_and_falls_as_they_part():
    """Two points at squared distance 2 in 2 dimensions, tau 0.5: exponents 0, 0, -2, -2 over 4 pairs."""
    features = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    assert dispersive_loss(features).item() == pytest.approx(math.log((2 + 2 * math.exp(-2)) / 4), abs=1e-6)
    assert dispersive_loss(torch.zeros(5, 3)).item() == pytest.approx(0, abs=1e-6)
    assert dispersive_loss(3 * features) < dispersive_loss(features)


@pytest.mark.parametrize("make", CONFIGS, ids=lambda c: c.name)
@pytest.mark.parametrize("backbone", ["mlp", "unet", "transformer"])
def test_every_denoiser_head_adds_its_weight_times_the_loss(make, backbone):
    """The same weights and noise: losses at weights 0, 1 and 2 lie on a line that falls, since features differ."""
    losses = []
    for weight in (0.0, 1.0, 2.0):
        torch.manual_seed(0)
        head = make(backbone=backbone, width=16, depth=2, dims=(8, 16), dispersive=weight).build(2, 4, 3)
        generator = torch.Generator().manual_seed(1)
        chunk = torch.randn(8, 4, 2, generator=generator)
        context = torch.randn(8, 3, generator=generator)
        losses.append(head.loss(chunk, torch.ones(8, 4, dtype=torch.bool), context, generator).item())
    assert losses[1] < losses[0] - 1e-4
    assert losses[2] - losses[1] == pytest.approx(losses[1] - losses[0], rel=1e-3)


def test_a_negative_weight_is_refused_by_name():
    with pytest.raises(ValueError, match="flow head: dispersive is -1"):
        FlowConfig(dispersive=-1)
