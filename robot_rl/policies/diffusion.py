"""Denoising diffusion over action chunks (Ho et al. 2020; DDIM: Song et al. 2021; as a policy: Chi et al. 2023).

A normalised chunk x and noise e ~ N(0, I) are mixed at step k of T: x_k = sqrt(a_k) x + sqrt(1 - a_k) e, with
a_k = cos^2(((k + 1) / T + 0.008) / 1.008 * pi / 2), up to a constant (Nichol & Dhariwal 2021). The network learns e.
Noise schedules and samplers are those of diffusers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Generator, Tensor, nn

from robot_rl.policies.chunks import draw_noise, hold_last, initial_noise, masked_mean
from robot_rl.policies.guidance import Guide
from robot_rl.policies.networks.denoiser import DenoiserConfig
from robot_rl.policies.networks.dispersive import with_dispersion

Sampler = Literal["ddim", "ddpm"]


@dataclass(frozen=True)
class DiffusionConfig(DenoiserConfig):
    """A diffusion head that predicts the noise."""

    name: ClassVar[str] = "diffusion"

    training_steps: int = 100
    """Levels of noise, T."""
    sampler: Sampler = "ddim"
    """`ddim`: deterministic given its first noise; `ddpm`: draws more noise in each step, and visits all T."""
    sampling_steps: int = 10
    """Steps of DDIM from noise to a chunk."""
    clip: float = 1.0
    """Largest magnitude of a chunk estimated on the way, in normalised units. Right for actions scaled to
    [-1, 1]; it would truncate others, so it must be 0 (no clipping) with them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._at_least_one("training_steps", "sampling_steps")
        if self.sampling_steps > self.training_steps:
            raise ValueError(
                f"diffusion head: sampling_steps is {self.sampling_steps}, above training_steps, {self.training_steps}"
            )
        if self.clip < 0:
            raise ValueError(f"diffusion head: clip is {self.clip}; it must be positive, or 0 for none")

    @property
    def bounded(self) -> bool:
        """Samples never leave [-clip, clip], so actions must be scaled to [-1, 1]."""
        return self.clip > 0

    def build(self, action_size: int, horizon: int, context_size: int, goal_size: int = 0) -> DiffusionHead:
        return DiffusionHead(self, action_size, horizon, context_size)


def schedule(config: DiffusionConfig) -> Any:
    """The diffusers scheduler that the configuration describes, set to its sampling steps."""
    from diffusers import DDIMScheduler, DDPMScheduler

    options = {
        "num_train_timesteps": config.training_steps,
        "beta_schedule": "squaredcos_cap_v2",
        "prediction_type": "epsilon",
        "clip_sample": config.clip > 0,
        "clip_sample_range": config.clip or 1.0,
    }
    if config.sampler == "ddpm":
        return DDPMScheduler(variance_type="fixed_small", **options)
    scheduler = DDIMScheduler(set_alpha_to_one=True, **options)
    scheduler.set_timesteps(config.sampling_steps)
    return scheduler


class DiffusionHead(nn.Module):
    """Learns and samples chunks (B, horizon, A) given a context (B, C)."""

    def __init__(self, config: DiffusionConfig, action_size: int, horizon: int, context_size: int) -> None:
        super().__init__()
        self.config = config
        self.shape = (horizon, action_size)
        self.network = config.network(action_size, horizon, context_size)
        self.scheduler = schedule(config)

    def loss(self, chunk: Tensor, mask: Tensor, context: Tensor, generator: Generator | None = None) -> Tensor:
        """Mean squared error of the predicted noise over valid steps, at one random level of noise a chunk."""
        x = hold_last(chunk, mask)
        noise = draw_noise(x, generator)
        k = torch.randint(self.config.training_steps, (len(x),), generator=generator, device=x.device)
        predicted, dispersion = self._dispersed(self.scheduler.add_noise(x, noise, k), k, context)
        return masked_mean((predicted - noise).square(), mask) + dispersion

    def sample(self, context: Tensor, noise: Tensor | None = None, generator: Generator | None = None) -> Tensor:
        """Denoise `noise`, or a draw of the generator. DDIM is deterministic given noise; DDPM draws on the way."""
        x = initial_noise(noise, context, self.shape, generator)
        return self._denoise(x, lambda x, k: self._noise(x, k, context), generator)

    def sample_guided(
        self, context: Tensor, guide: Guide, noise: Tensor | None = None, generator: Generator | None = None
    ) -> Tensor:
        """As `sample`, with each estimate of the chunk drawn to the guide's target."""

        def pulled(x: Tensor, k: Tensor) -> Tensor:
            a = self.scheduler.alphas_cumprod.to(x.device)[k][:, None, None]
            gain = min(guide.strength, float(a[0]) ** -0.5)
            clean = guide.clean(lambda x: (x - (1 - a).sqrt() * self._noise(x, k, context)) / a.sqrt(), x, gain)
            return (x - a.sqrt() * clean) / (1 - a).sqrt()

        x = initial_noise(noise, context, self.shape, generator)
        return self._denoise(x, pulled, generator)

    def _denoise(self, x: Tensor, noise: Callable[[Tensor, Tensor], Tensor], generator: Generator | None) -> Tensor:
        options = {"generator": generator} if self.config.sampler == "ddpm" else {}
        for k in self.scheduler.timesteps.tolist():
            predicted = noise(x, torch.full((len(x),), k, device=x.device))
            x = self.scheduler.step(predicted, k, x, **options).prev_sample
        return x

    def _dispersed(self, x: Tensor, k: Tensor, context: Tensor) -> tuple[Tensor, Tensor | float]:
        if not self.config.dispersive:
            return self._noise(x, k, context), 0.0
        return with_dispersion(self.network, self.config.dispersive, x, k / self.config.training_steps, context)

    def _noise(self, x: Tensor, k: Tensor, context: Tensor) -> Tensor:
        out: Tensor = self.network(x, k / self.config.training_steps, context)
        return out
