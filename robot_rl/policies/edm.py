"""Score-based diffusion with EDM's preconditioning (Karras et al. 2022), goal-conditioned as BESO (Reuss et al. 2023).

A noisy chunk is x + sigma e. The denoiser D(x; sigma) = c_skip x + c_out F(c_in x, ln(sigma) / 4) is sampled along
dx/dsigma = (x - D) / sigma by Euler steps, which are the steps of DDIM in this parametrisation. By default c_skip = 0
and c_out = 1: F is the clean chunk, for the reason in `clean_chunk.py`. With goal fields, training hides the goal now
and then, and sampling extrapolates from the prediction without it (Ho & Salimans 2021).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor, nn

from robot_rl.policies.chunks import draw_noise, hold_last, initial_noise, masked_mean
from robot_rl.policies.networks.denoiser import DenoiserConfig
from robot_rl.policies.networks.dispersive import with_dispersion

NoiseDistribution = Literal["log_logistic", "log_normal"]


@dataclass(frozen=True)
class EdmConfig(DenoiserConfig):
    """A score-based head; the defaults are BESO's, but for network and sigma_max."""

    name: ClassVar[str] = "edm"

    prediction: Literal["sample", "residual"] = "sample"
    """What the network F learns: the chunk (c_skip = 0, c_out = 1), or EDM's mixture of chunk and noise, for which it
    has to pass the noise of a whole chunk on to its output."""
    sigma_data: float = 0.5
    """Deviation of normalised actions."""
    sigma_min: float = 0.005
    sigma_max: float = 3.0
    """Least and greatest noise. BESO's 1.0 is for single actions: the mean of a chunk of like actions shows through
    noise of that size, so that sampling from pure noise would begin outside of what training has seen."""
    noise: NoiseDistribution = "log_logistic"
    """How training draws sigma: `log_logistic` about sigma_data, with scale 0.5; `log_normal`: ln(sigma) ~
    N(-1.2, 1.2^2), as EDM. Both stay in [sigma_min, sigma_max]."""
    sampling_steps: int = 3
    goal_dropout: float = 0.1
    """Share of chunks trained without their goal."""
    guidance: float = 1.5
    """0 samples without the goal, 1 with it; more exaggerates what it changes."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._at_least_one("sampling_steps")
        if not 0 < self.sigma_min < self.sigma_max:
            raise ValueError(f"edm head: 0 < sigma_min < sigma_max must hold, got {self.sigma_min}, {self.sigma_max}")
        if self.sigma_data <= 0:
            raise ValueError(f"edm head: sigma_data is {self.sigma_data}; it must be positive")
        if not 0 <= self.goal_dropout < 1:
            raise ValueError(f"edm head: goal_dropout is {self.goal_dropout}; it must lie in [0, 1)")

    def coefficients(self, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """c_skip, c_out and c_in of the chunks (B, 1, 1) that are noisy to sigma (B,)."""
        skip, out, scale = (c[:, None, None] for c in preconditioning(sigma, self.sigma_data))
        if self.prediction == "sample":
            return torch.zeros_like(skip), torch.ones_like(out), scale
        return skip, out, scale

    def build(self, action_size: int, horizon: int, context_size: int, goal_size: int = 0) -> EdmHead:
        return EdmHead(self, action_size, horizon, context_size, goal_size)


def preconditioning(sigma: Tensor, sigma_data: float) -> tuple[Tensor, Tensor, Tensor]:
    """c_skip, c_out and c_in, each in the shape of sigma (Karras et al. 2022, table 1)."""
    total = sigma.square() + sigma_data**2
    return sigma_data**2 / total, sigma * sigma_data / total.sqrt(), total.rsqrt()


def draw_sigmas(n: int, config: EdmConfig, generator: Generator | None, device: torch.device) -> Tensor:
    """n levels of noise (n,) for training."""
    if config.noise == "log_normal":
        z = torch.randn(n, generator=generator, device=device)
        return (1.2 * z - 1.2).exp().clamp(config.sigma_min, config.sigma_max)
    location, scale = math.log(config.sigma_data), 0.5
    low, high = (1 / (1 + math.exp(-(math.log(s) - location) / scale)) for s in (config.sigma_min, config.sigma_max))
    u = low + (high - low) * torch.rand(n, generator=generator, device=device)
    return (location + scale * u.logit()).exp()


def sigma_steps(config: EdmConfig, device: torch.device) -> Tensor:
    """Levels (steps + 1,) that sampling visits: geometric from sigma_max to sigma_min, then 0."""
    log_max, log_min = math.log(config.sigma_max), math.log(config.sigma_min)
    levels = torch.linspace(log_max, log_min, config.sampling_steps, device=device).exp()
    return torch.cat([levels, levels.new_zeros(1)])


def ddim(denoise: Callable[[Tensor, Tensor], Tensor], x: Tensor, sigmas: Tensor) -> Tensor:
    """x <- (s' / s) x + (1 - s' / s) D(x; s) over neighbouring levels s > s'; x (B, ...) is noisy to sigmas[0]."""
    for i in range(len(sigmas) - 1):
        ratio = sigmas[i + 1] / sigmas[i]
        x = ratio * x + (1 - ratio) * denoise(x, sigmas[i].expand(len(x)))
    return x


class EdmHead(nn.Module):
    """Learns and samples chunks (B, horizon, A) given a context (B, C) whose last columns tell the goal."""

    def __init__(
        self, config: EdmConfig, action_size: int, horizon: int, context_size: int, goal_size: int = 0
    ) -> None:
        super().__init__()
        self.config = config
        self.shape = (horizon, action_size)
        self.goal_size = goal_size
        self.network = config.network(action_size, horizon, context_size)

    def denoise(self, x: Tensor, sigma: Tensor, context: Tensor) -> Tensor:
        """The chunk expected behind x (B, H, A), which is noisy to sigma (B,)."""
        skip, out, _ = self.config.coefficients(sigma)
        return skip * x + out * self._raw(x, sigma, context)

    def loss(self, chunk: Tensor, mask: Tensor, context: Tensor, generator: Generator | None = None) -> Tensor:
        """Mean squared error of F over valid steps: c_out^-2 |D(x + sigma e) - x|^2 (EDM's weight; 1 for the chunk)."""
        x = hold_last(chunk, mask)
        sigma = draw_sigmas(len(x), self.config, generator, x.device)
        noisy = x + sigma[:, None, None] * draw_noise(x, generator)
        skip, out, _ = self.config.coefficients(sigma)
        if self.goal_size:
            hidden = torch.rand(len(x), generator=generator, device=x.device) < self.config.goal_dropout
            context = torch.where(hidden[:, None], self._without_goal(context), context)
        raw, dispersion = with_dispersion(self.network, self.config.dispersive, *self._inputs(noisy, sigma), context)
        return masked_mean((raw - (x - skip * noisy) / out).square(), mask) + dispersion

    def sample(self, context: Tensor, noise: Tensor | None = None, generator: Generator | None = None) -> Tensor:
        """Denoise sigma_max times `noise`, or times a draw of the generator; deterministic given noise."""
        x = self.config.sigma_max * initial_noise(noise, context, self.shape, generator)
        return ddim(lambda x, s: self._guided(x, s, context), x, sigma_steps(self.config, x.device))

    def _guided(self, x: Tensor, sigma: Tensor, context: Tensor) -> Tensor:
        if not self.goal_size or self.config.guidance == 1:
            return self.denoise(x, sigma, context)
        without = self._without_goal(context)
        if self.config.guidance == 0:
            return self.denoise(x, sigma, without)
        both = self.denoise(torch.cat([x, x]), torch.cat([sigma, sigma]), torch.cat([context, without]))
        conditional, unconditional = both.chunk(2)
        return unconditional + self.config.guidance * (conditional - unconditional)

    def _without_goal(self, context: Tensor) -> Tensor:
        return torch.cat([context[:, : -self.goal_size], torch.zeros_like(context[:, -self.goal_size :])], dim=1)

    def _raw(self, x: Tensor, sigma: Tensor, context: Tensor) -> Tensor:
        out: Tensor = self.network(*self._inputs(x, sigma), context)
        return out

    def _inputs(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """What the network is told of a noisy chunk: scaled to unit variance, and its level of noise."""
        return self.config.coefficients(sigma)[2] * x, sigma.log() / 4
