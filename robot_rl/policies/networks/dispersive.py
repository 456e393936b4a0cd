"""Dispersive loss: hidden features of different samples are pushed apart, without pairs or a second view.

Wang and He 2025, "Diffuse and Disperse: Image Generation with Representation Regularization"; for policies MP1 (2025).
"""

from __future__ import annotations

import torch
from torch import Tensor

from robot_rl.policies.networks.denoiser import Denoiser

TEMPERATURE = 0.5


def dispersive_loss(features: Tensor) -> Tensor:
    """log mean exp(-|h_i - h_j|^2 / (F tau)) over all pairs of rows of `features` (B, F); 0 where all are equal."""
    distance = torch.cdist(features, features).square() / features.shape[1]
    return (-distance / TEMPERATURE).flatten().logsumexp(0) - 2 * torch.log(
        torch.tensor(float(len(features)), device=features.device)
    )


def with_dispersion(
    network: Denoiser, weight: float, x: Tensor, t: Tensor, context: Tensor
) -> tuple[Tensor, Tensor | float]:
    """A denoiser's output (B, H, A), and `weight` times the dispersive loss of its hidden features; 0 at weight 0."""
    if not weight:
        return network(x, t, context), 0.0
    out, features = network.with_features(x, t, context)
    return out, weight * dispersive_loss(features)
