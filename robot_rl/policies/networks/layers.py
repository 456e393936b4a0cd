"""Network parts shared by encoders and heads."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn


def mlp(*sizes: int) -> nn.Sequential:
    """Linear layers of the given sizes with SiLU after each but the last."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), nn.SiLU()]
    return nn.Sequential(*layers[:-1])


SILU_GAIN = 1.68
"""1 / sqrt(E[silu(z)^2]) for z ~ N(0, 1)."""


def preserve_variance(network: nn.Sequential) -> nn.Sequential:
    """Enlarge the first weights of an `mlp` so that numbers of unit size come out at unit size (He et al. 2015).

    torch draws weights of variance 1 / (3 n) for n inputs, which shrink what passes to a third or less in each layer:
    what a policy sees would reach its head as a whisper, and take a good part of a short training to be heard.
    """
    with torch.no_grad():
        for i, layer in enumerate(m for m in network if isinstance(m, nn.Linear)):
            layer.weight.mul_(math.sqrt(3) * (SILU_GAIN if i else 1.0))
    return network


class TimeEmbedding(nn.Module):
    """Sines and cosines of a time in [0, 1] at `size / 2` geometric frequencies from 1 to `highest` [rad]."""

    def __init__(self, size: int, highest: float = 256.0) -> None:
        super().__init__()
        if size % 2:
            raise ValueError(f"a time embedding has an even size, not {size}")
        self.register_buffer("frequencies", torch.logspace(0, math.log10(highest), size // 2), persistent=False)

    def forward(self, t: Tensor) -> Tensor:
        """(B,) to (B, size), or K times of each sample (B, K) to (B, K size)."""
        angles = t[..., None] * self.frequencies
        return torch.cat([angles.sin(), angles.cos()], dim=-1).flatten(1)


class Conditioned(nn.Module):
    """Base of denoisers: times and a context become one vector that modulates every layer."""

    def __init__(self, size: int, context_size: int, times: int = 1, frequency: float = 256.0) -> None:
        super().__init__()
        time_size = 64
        self.time = TimeEmbedding(time_size, frequency)
        self.condition = nn.Sequential(mlp(times * time_size + context_size, size, size), nn.SiLU())
        with torch.no_grad():  # the context is heard from the first step on; time, whose waves are many, stays faint
            both, seen = times * time_size + context_size, self.condition[0][0].weight[:, times * time_size :]
            seen.mul_(math.sqrt(3 * both / context_size))
            self.condition[0][2].weight.mul_(math.sqrt(3) * SILU_GAIN)

    def modulation_vector(self, t: Tensor, context: Tensor) -> Tensor:
        """t (B,) or (B, K) and context (B, C) to (B, size)."""
        out: Tensor = self.condition(torch.cat([self.time(t), context], dim=-1))
        return out

    def forward(self, x: Tensor, t: Tensor, context: Tensor) -> Tensor:
        """x (B, H, A), t (B,) or (B, K), context (B, C) to (B, H, A)."""
        return self.with_features(x, t, context)[0]

    def with_features(self, x: Tensor, t: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Also hidden features (B, F) from the middle of the network."""
        raise NotImplementedError


def through(blocks: nn.ModuleList, h: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
    """What comes of h behind all of these blocks, and half way."""
    half = h
    for i, block in enumerate(blocks):
        h = block(h, condition)
        if i < (len(blocks) + 1) // 2:
            half = h
    return h, half


class FilmBlock(nn.Module):
    """Residual layer whose normalised input is scaled and shifted by a condition (FiLM, Perez et al. 2018).

    h + W silu(LayerNorm(h) (1 + gamma(c)) + beta(c)); it starts as the identity.
    """

    def __init__(self, width: int, condition: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.gamma = nn.Linear(condition, width)
        self.beta = nn.Linear(condition, width)
        self.linear = nn.Linear(width, width)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, h: Tensor, condition: Tensor) -> Tensor:
        scaled = torch.addcmul(self.beta(condition), self.norm(h), 1 + self.gamma(condition))
        out: Tensor = h + self.linear(nn.functional.silu(scaled))
        return out
