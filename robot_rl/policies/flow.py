"""Conditional flow matching over action chunks (Lipman et al. 2023, linear paths; Liu et al. 2023).

Noise x0 ~ N(0, I) and a normalised chunk x1 are joined by x_t = (1 - t) x0 + t x1; the head learns the velocity
x1 - x0 at (x_t, t, context). Sampling integrates dx/dt from noise at t = 0 to a chunk at t = 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor, nn

from robot_rl.policies.chunks import draw_noise, hold_last, initial_noise, masked_mean
from robot_rl.policies.clean_chunk import Prediction, velocity_of, wanted
from robot_rl.policies.guidance import Guide
from robot_rl.policies.networks.denoiser import DenoiserConfig
from robot_rl.policies.networks.dispersive import with_dispersion

Velocity = Callable[[Tensor, Tensor], Tensor]
Solver = Literal["euler", "heun"]
TimeDistribution = Literal["uniform", "logit_normal", "beta"]


@dataclass(frozen=True)
class FlowConfig(DenoiserConfig):
    """A flow-matching head."""

    name: ClassVar[str] = "flow"

    prediction: Prediction = "sample"
    """What the network predicts: the `sample`, that is the chunk behind the noise, or the `velocity`."""
    sampling_steps: int = 8
    """Steps from noise to a chunk; Euler evaluates the network once in each, Heun twice in all but the last."""
    solver: Solver = "euler"
    time: TimeDistribution = "uniform"
    """How training draws t: `uniform`; `logit_normal` (the middle; Esser et al. 2024); `beta` (the noisy
    end: 1 - Beta(1.5, 1), Black et al. 2024)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._at_least_one("sampling_steps")

    def build(self, action_size: int, horizon: int, context_size: int, goal_size: int = 0) -> FlowHead:
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


def euler(velocity: Velocity, x: Tensor, steps: int) -> Tensor:
    """Integrate dx/dt = velocity(x, t) from t = 0 to 1 in equal explicit steps; x (B, ...), t (B,)."""
    for i in range(steps):
        x = x + velocity(x, x.new_full((len(x),), i / steps)) / steps
    return x


def heun(velocity: Velocity, x: Tensor, steps: int) -> Tensor:
    """As `euler`, with the mean of the velocities at both ends of each step but the last: at t = 1 a predicted sample
    tells no velocity (as Karras et al. 2022, algorithm 1)."""
    for i in range(steps):
        t = x.new_full((len(x),), i / steps)
        v = velocity(x, t)
        if i < steps - 1:
            v = (v + velocity(x + v / steps, t + 1 / steps)) / 2
        x = x + v / steps
    return x


SOLVERS = {"euler": euler, "heun": heun}


class FlowHead(nn.Module):
    """Learns and samples chunks (B, horizon, A) given a context (B, C)."""

    def __init__(self, config: FlowConfig, action_size: int, horizon: int, context_size: int) -> None:
        super().__init__()
        self.config = config
        self.shape = (horizon, action_size)
        self.network = config.network(action_size, horizon, context_size)

    def loss(self, chunk: Tensor, mask: Tensor, context: Tensor, generator: Generator | None = None) -> Tensor:
        """Mean squared error of the prediction over valid steps, at one random time a chunk."""
        x1 = hold_last(chunk, mask)
        x0 = draw_noise(x1, generator)
        t = draw_times(len(x1), self.config.time, generator, x1.device)
        x_t, velocity = interpolate(x0, x1, t)
        out, dispersion = with_dispersion(self.network, self.config.dispersive, x_t, t, context)
        error = (out - wanted(self.config.prediction, x1, velocity)).square()
        return masked_mean(error, mask) + dispersion

    def sample(self, context: Tensor, noise: Tensor | None = None, generator: Generator | None = None) -> Tensor:
        """Integrate the velocity field from `noise`, or from a draw of the generator; deterministic given noise."""
        x0 = initial_noise(noise, context, self.shape, generator)
        return self._solve(lambda x, t: self._velocity(x, t, context), x0)

    def sample_guided(
        self, context: Tensor, guide: Guide, noise: Tensor | None = None, generator: Generator | None = None
    ) -> Tensor:
        """As `sample`, drawn to the guide's target."""
        x0 = initial_noise(noise, context, self.shape, generator)
        guided = guide.velocity(lambda x, t: self._velocity(x, t, context), x0, self.config.sampling_steps)
        return self._solve(guided, x0)

    def _velocity(self, x: Tensor, t: Tensor, context: Tensor) -> Tensor:
        return velocity_of(self.config.prediction, self.network(x, t, context), x, t)

    def _solve(self, velocity: Velocity, x0: Tensor) -> Tensor:
        return SOLVERS[self.config.solver](velocity, x0, self.config.sampling_steps)
