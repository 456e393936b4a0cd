"""Pseudo-counts of the training chunks as a verifier: the candidate most like what was demonstrated is played.

Coin-flip network (Lobel, Bagaria and Konidaris 2023, "Flipping Coins to Estimate Pseudocounts"), used on chunks of a
frozen policy as in TACO (2025). Every training chunk gets a vector of fair coins c in {-1, 1}^d, drawn once, and a
network f(context, chunk) regresses them. Where n chunks are alike, the best answer is the mean of n coins, whose mean
square is 1/n; so mean f^2 is the inverse of the count, also between the chunks that were seen. f is a trained network
plus a frozen random one of unit variance, so that mean f^2 is about 1 where nothing was seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Generator, Tensor, nn

from robot_rl.policies.networks.layers import mlp
from robot_rl.policies.options import require_at_least
from robot_rl.policies.verifier import Candidates

FLOOR = 1e-3
"""Least deviation that an output of the prior, or any feature, is divided by."""
SHARE = 0.1
"""Least deviation that a feature is divided by, as a share: for a number of a chunk of 1, the unit in which the policy
learned it; for one of the context of what these deviate by on the whole (root mean square). What never varies in the
training data would else decide: a sampler's residual of .003 would be three deviations."""


@dataclass(frozen=True)
class CountConfig:
    """A coin-flip network and its training."""

    coins: int = 20
    """Coins of a chunk, d: the count's relative error falls as d^-1/2."""
    width: int = 256
    """Units of each of the two hidden layers."""
    steps: int = 3000
    """Optimiser steps; 0 trains none."""
    batch: int = 256
    lr: float = 1e-3
    """Of Adam, falling to zero along half a cosine."""

    def __post_init__(self) -> None:
        require_at_least(1, self, ("coins", "width", "batch"), where="verifier: ")
        if self.steps < 0 or self.lr <= 0:
            raise ValueError(f"verifier: steps is {self.steps} and lr {self.lr}; at least 0, and above 0")


class CountVerifier(nn.Module):
    """f(context, chunk), trained on the training chunks of one policy; scores by -mean f^2."""

    def __init__(self, context_size: int, chunk_size: int, config: CountConfig) -> None:
        super().__init__()
        size = context_size + chunk_size
        self.config = config
        self.sizes = (context_size, chunk_size)
        self.trained = mlp(size, config.width, config.width, config.coins)
        self.prior = mlp(size, config.width, config.width, config.coins).requires_grad_(False)
        last = cast(nn.Linear, self.trained[-1])
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        for name, n, value in (("mean", size, 0.0), ("deviation", size, 1.0)):
            self.register_buffer(name, torch.full((n,), value))
        self.register_buffer("prior_mean", torch.zeros(config.coins))
        self.register_buffer("prior_deviation", torch.ones(config.coins))

    def scores(self, candidates: Candidates) -> Tensor:
        """Minus the inverse counts (K,), in about [-1, 0]: the higher, the more like the training chunks."""
        chunks = candidates.learned.flatten(1)
        return -self.inverse_count(torch.cat([candidates.context.expand(len(chunks), -1), chunks], dim=1))

    def inverse_count(self, features: Tensor) -> Tensor:
        """1 / (pseudo-count) of features (K, context and chunk), (K,)."""
        return self(features).square().mean(-1)

    def forward(self, features: Tensor) -> Tensor:
        """f, (K, coins)."""
        x = (features - self.mean) / self.deviation
        out: Tensor = self.trained(x) + (self.prior(x) - self.prior_mean) / self.prior_deviation
        return out

    @torch.no_grad()
    def standardize(self, features: Tensor) -> None:
        """Scale features to unit variance over `features` (N, size), or less where they hardly vary (SHARE), and the
        prior's outputs as well."""
        cast(Tensor, self.mean).copy_(features.mean(0))
        context, chunk = features.std(0, correction=0).split(self.sizes)
        least = max(SHARE * float(context.square().mean().sqrt()), FLOOR) if len(context) else FLOOR
        cast(Tensor, self.deviation).copy_(torch.cat([context.clamp_min(least), chunk.clamp_min(SHARE)]))
        prior = self.prior((features - self.mean) / self.deviation)
        cast(Tensor, self.prior_mean).copy_(prior.mean(0))
        cast(Tensor, self.prior_deviation).copy_(prior.std(0, correction=0).clamp_min(FLOOR))


def fit(
    features: Tensor,
    context_size: int,
    config: CountConfig,
    seed: int = 0,
    progress: Callable[[int, float], None] | None = None,
) -> CountVerifier:
    """A network trained on every row of `features` (N, context and chunk), one row a training chunk.

    Args:
        progress: told the step and its loss.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = CountVerifier(context_size, features.shape[1] - context_size, config).to(features.device)
    network.standardize(features)
    generator = Generator(features.device).manual_seed(seed)
    heads = torch.rand(len(features), config.coins, generator=generator, device=features.device) < 0.5
    coins = torch.where(heads, 1.0, -1.0)
    optimizer = torch.optim.Adam(network.trained.parameters(), lr=config.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(config.steps, 1))
    for step in range(config.steps):
        rows = torch.randint(len(features), (config.batch,), generator=generator, device=features.device)
        loss = (network(features[rows]) - coins[rows]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if progress is not None:
            progress(step, float(loss.detach()))
    return network.eval().requires_grad_(False)
