"""Conditional flow matching over action chunks (Lipman et al. 2023, linear paths; Liu et al. 2023).

Noise x0 ~ N(0, I) and a normalised chunk x1 are joined by x_t = (1 - t) x0 + t x1; the network learns the
velocity x1 - x0 at (x_t, t, context). Sampling integrates dx/dt from noise at t = 0 to a chunk at t = 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor, nn

from robot_rl.policies.networks import FilmBlock, TimeEmbedding, mlp

TimeDistribution = Literal["uniform", "logit_normal", "beta"]


@dataclass(frozen=True)
class FlowConfig:
    """A flow-matching head with a residual MLP."""

    name: ClassVar[str] = "flow"

    width: int = 256
    """Units of a hidden layer."""
    depth: int = 3
    """Hidden layers: the first takes the chunk, the others are residual and modulated."""
    condition: int = 64
    """Size of the vector made of time and context that modulates each layer."""
    sampling_steps: int = 8
    """Euler steps from noise to a chunk."""
    time: TimeDistribution = "uniform"
    """How training draws t: `uniform`; `logit_normal` (the middle; Esser et al. 2024); `beta` (the noisy
    end: 1 - Beta(1.5, 1), Black et al. 2024)."""

    def __post_init__(self) -> None:
        for key in ("width", "depth", "condition", "sampling_steps"):
            if getattr(self, key) < 1:
                raise ValueError(f"flow head: {key} is {getattr(self, key)}; it must be at least 1")

    def build(self, action_size: int, horizon: int, context_size: int) -> FlowHead:
        return FlowHead(self, action_size, horizon, context_size)


def draw_times(n: int, distribution: TimeDistribution, generator: Generator | None, device: torch.device) -> Tensor:
    """n training times (n,) in [0, 1]."""
    if distribution == "uniform":
        return torch.rand(n, generator=generator, device=device)
    if distribution == "logit_normal":
        return torch.randn(n, generator=generator, device=device).sigmoid()
    if distribution == "beta":  # B ~ Beta(1.5, 1) has the distribution function b^1.5, so B = u^(2/3)
        return 1 - torch.rand(n, generator=generator, device=device) ** (2 / 3)
    raise ValueError(f"time distribution '{distribution}' is none of uniform, logit_normal, beta")


def interpolate(x0: Tensor, x1: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """The point x_t of the straight path and its velocity x1 - x0; x0, x1 (B, ...), t (B,)."""
    t = t.reshape(-1, *[1] * (x0.ndim - 1))
    return (1 - t) * x0 + t * x1, x1 - x0


def euler(velocity: Callable[[Tensor, Tensor], Tensor], x: Tensor, steps: int) -> Tensor:
    """Integrate dx/dt = velocity(x, t) from t = 0 to 1 in equal explicit steps; x (B, ...), t (B,)."""
    for i in range(steps):
        x = x + velocity(x, x.new_full((len(x),), i / steps)) / steps
    return x


def hold_last(chunk: Tensor, mask: Tensor) -> Tensor:
    """Replace padded steps by the last valid action (zero if there is none), whatever the padding held.

    The network reads whole chunks, so a masked loss alone would still let padding through its input.
    Valid steps come first: chunk (B, H, A), mask (B, H) bool.
    """
    last = (mask.sum(1) - 1).clamp_min(0)
    held = chunk.gather(1, last[:, None, None].expand(-1, 1, chunk.shape[2]))
    held = torch.where(mask[:, :1, None], held, torch.zeros_like(held))
    return torch.where(mask[..., None], chunk, held)


def masked_mean(error: Tensor, mask: Tensor) -> Tensor:
    """Mean of error (B, H, A) over the steps where mask (B, H) is true."""
    weight = mask.to(error.dtype)
    return (error.mean(-1) * weight).sum() / weight.sum().clamp_min(1)


class FlowNetwork(nn.Module):
    """The velocity field: residual MLP over the flattened chunk, modulated by time and context."""

    def __init__(self, config: FlowConfig, size: int, context_size: int, time_size: int = 64) -> None:
        super().__init__()
        self.time = TimeEmbedding(time_size)
        self.condition = nn.Sequential(mlp(time_size + context_size, config.condition, config.condition), nn.SiLU())
        self.input = nn.Linear(size, config.width)
        self.blocks = nn.ModuleList(FilmBlock(config.width, config.condition) for _ in range(config.depth - 1))
        self.output = nn.Linear(config.width, size)

    def forward(self, x: Tensor, t: Tensor, context: Tensor) -> Tensor:
        """x (B, H, A), t (B,), context (B, C) to a velocity (B, H, A)."""
        condition = self.condition(torch.cat([self.time(t), context], dim=-1))
        h = self.input(x.flatten(1))
        for block in self.blocks:
            h = block(h, condition)
        out: Tensor = self.output(h)
        return out.view_as(x)


class FlowHead(nn.Module):
    """Learns and samples chunks (B, horizon, A) given a context (B, C)."""

    def __init__(self, config: FlowConfig, action_size: int, horizon: int, context_size: int) -> None:
        super().__init__()
        self.config = config
        self.shape = (horizon, action_size)
        self.network = FlowNetwork(config, horizon * action_size, context_size)

    def loss(self, chunk: Tensor, mask: Tensor, context: Tensor, generator: Generator | None = None) -> Tensor:
        """Mean squared velocity error over valid steps, at one random time a chunk."""
        x1 = hold_last(chunk, mask)
        x0 = torch.randn(x1.shape, generator=generator, device=x1.device)
        t = draw_times(len(x1), self.config.time, generator, x1.device)
        x_t, target = interpolate(x0, x1, t)
        return masked_mean((self.network(x_t, t, context) - target).square(), mask)

    def sample(self, context: Tensor, noise: Tensor | None = None, generator: Generator | None = None) -> Tensor:
        """Integrate the velocity field from `noise`, or from a draw of the generator; deterministic given noise."""
        if noise is None:
            noise = torch.randn((len(context), *self.shape), generator=generator, device=context.device)
        return euler(lambda x, t: self.network(x, t, context), noise, self.config.sampling_steps)
