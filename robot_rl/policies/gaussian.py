"""Plain regression of the chunk by one normal distribution. It cannot tell modes apart: their mean is its answer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor, nn

from robot_rl.policies.chunks import initial_noise, masked_mean
from robot_rl.policies.networks.layers import mlp


@dataclass(frozen=True)
class GaussianConfig:
    """A regression head: layers from context to chunk."""

    name: ClassVar[str] = "gaussian"

    width: int = 256
    """Units of a hidden layer."""
    depth: int = 2
    """Hidden layers."""
    deviation: Literal["fixed", "learnt"] = "fixed"
    """`fixed`: mean squared error, and a sample is the mean; `learnt`: maximum likelihood, and samples are drawn."""
    min_deviation: float = 0.01
    """Least learnt deviation, in normalised units."""

    def __post_init__(self) -> None:
        if self.width < 1 or self.depth < 1:
            raise ValueError(f"gaussian head: width is {self.width} and depth {self.depth}; both must be at least 1")
        if self.min_deviation <= 0:
            raise ValueError(f"gaussian head: min_deviation is {self.min_deviation}; it must be positive")

    @property
    def one_answer(self) -> bool:
        """Whether all chunks drawn for one observation are the same."""
        return self.deviation == "fixed"

    def build(self, action_size: int, horizon: int, context_size: int, goal_size: int = 0) -> GaussianHead:
        return GaussianHead(self, action_size, horizon, context_size)


def negative_log_likelihood(x: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """Of each number x under N(mean, deviation^2), in nats; all of one shape."""
    return ((x - mean) / deviation).square() / 2 + deviation.log() + math.log(2 * math.pi) / 2


class GaussianHead(nn.Module):
    """Learns and samples chunks (B, horizon, A) given a context (B, C)."""

    def __init__(self, config: GaussianConfig, action_size: int, horizon: int, context_size: int) -> None:
        super().__init__()
        self.config = config
        self.shape = (horizon, action_size)
        outputs = 1 if config.deviation == "fixed" else 2
        self.network = mlp(context_size, *[config.width] * config.depth, outputs * horizon * action_size)

    def distribution(self, context: Tensor) -> tuple[Tensor, Tensor | None]:
        """Mean and deviation, each (B, horizon, A); no deviation where it is fixed."""
        out = self.network(context).view(len(context), -1, *self.shape)
        if self.config.deviation == "fixed":
            return out[:, 0], None
        return out[:, 0], nn.functional.softplus(out[:, 1]) + self.config.min_deviation

    def loss(self, chunk: Tensor, mask: Tensor, context: Tensor, generator: Generator | None = None) -> Tensor:
        """Mean squared error, or mean negative log-likelihood, over valid steps."""
        mean, deviation = self.distribution(context)
        x = torch.where(mask[..., None], chunk, mean.detach())
        error = (x - mean).square() if deviation is None else negative_log_likelihood(x, mean, deviation)
        return masked_mean(error, mask)

    def sample(self, context: Tensor, noise: Tensor | None = None, generator: Generator | None = None) -> Tensor:
        """The mean, plus deviation times noise where deviations are learnt."""
        mean, deviation = self.distribution(context)
        if deviation is None:
            return mean
        return mean + deviation * initial_noise(noise, context, self.shape, generator)
