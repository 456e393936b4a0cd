"""Denoising diffusion over action chunks (Ho et al. 2020; DDIM: Song et al. 2021; as a policy: Chi et al. 2023).

A normalised chunk x and noise e ~ N(0, I) are mixed at step k of T: x_k = sqrt(a_k) x + sqrt(1 - a_k) e, with
a_k = cos^2(((k + 1) / T + 0.008) / 1.008 * pi / 2), up to a constant (Nichol & Dhariwal 2021). The network learns e, x
or the velocity v = sqrt(a_k) e - sqrt(1 - a_k) x (Salimans & Ho 2022). Noise schedules and samplers are those of
diffusers.
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
Prediction = Literal["noise", "sample", "velocity"]
DIFFUSERS_NAME = {"noise": "epsilon", "sample": "sample", "velocity": "v_prediction"}


@dataclass(frozen=True)
class DiffusionConfig(DenoiserConfig):
    """A diffusion head that predicts the noise, the chunk or a mixture of both."""

    name: ClassVar[str] = "diffusion"

    training_steps: int = 100
    """Levels of noise, T."""
    prediction: Prediction = "noise"
    """What the network learns. `noise`, as in Diffusion Policy; with it, a chunk estimated at much noise is off by the
    network's error times sqrt((1 - a) / a), so sampling leaves the noisiest levels out. `velocity` and `sample` have
    no such factor, and are sampled from level T - 1 on, pure noise (Lin et al. 2024); small networks want them."""
    sampler: Sampler = "ddim"
    """`ddim`: deterministic given its first noise; `ddpm`: draws more noise in each step, and visits all T."""
    sampling_steps: int = 10
    """Steps of DDIM from noise to a chunk. They divide the training steps, so that all are equally long; of `noise` it
    is enough that they begin less than a step below the noisiest level."""
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
        self._check_stride()
        if self.clip < 0:
            raise ValueError(f"diffusion head: clip is {self.clip}; it must be positive, or 0 for none")

    def _check_stride(self) -> None:
        """DDIM's steps meet, and begin where there is little but noise."""
        total, n = self.training_steps, self.sampling_steps
        beside = total % n if self.prediction != "noise" else total % n >= total // n
        if self.sampler == "ddim" and beside:
            divisors = [k for k in range(1, total + 1) if total % k == 0]
            below, above = max(k for k in divisors if k < n), min(k for k in divisors if k > n)
            raise ValueError(
                f"diffusion head: sampling_steps is {n}, which does not divide training_steps, {total}; DDIM's steps "
                f"would not lead from noise to a chunk. Take {below} or {above}"
            )

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
        "prediction_type": DIFFUSERS_NAME[config.prediction],
        "clip_sample": config.clip > 0,
        "clip_sample_range": config.clip or 1.0,
    }
    if config.sampler == "ddpm":
        return DDPMScheduler(variance_type="fixed_small", **options)
    spacing = "leading" if config.prediction == "noise" else "trailing"
    scheduler = DDIMScheduler(set_alpha_to_one=True, timestep_spacing=spacing, **options)
    scheduler.set_timesteps(config.sampling_steps)
    return scheduler


def target(prediction: Prediction, x: Tensor, noise: Tensor, share: Tensor) -> Tensor:
    """What the network learns of chunks x (B, H, A) mixed with noise; share: a_k, (B, 1, 1)."""
    if prediction == "noise":
        return noise
    return x if prediction == "sample" else share.sqrt() * noise - (1 - share).sqrt() * x


def estimate(prediction: Prediction, predicted: Tensor, noisy: Tensor, share: Tensor) -> Tensor:
    """The clean chunks (B, H, A) that a prediction for noisy ones implies: the inverse of `target`."""
    if prediction == "noise":
        return (noisy - (1 - share).sqrt() * predicted) / share.sqrt()
    return predicted if prediction == "sample" else share.sqrt() * noisy - (1 - share).sqrt() * predicted


class DiffusionHead(nn.Module):
    """Learns and samples chunks (B, horizon, A) given a context (B, C)."""

    def __init__(self, config: DiffusionConfig, action_size: int, horizon: int, context_size: int) -> None:
        super().__init__()
        self.config = config
        self.shape = (horizon, action_size)
        self.network = config.network(action_size, horizon, context_size)
        self.scheduler = schedule(config)

    def loss(self, chunk: Tensor, mask: Tensor, context: Tensor, generator: Generator | None = None) -> Tensor:
        """Mean squared error of the prediction over valid steps, at one random level of noise a chunk."""
        x = hold_last(chunk, mask)
        noise = draw_noise(x, generator)
        k = torch.randint(self.config.training_steps, (len(x),), generator=generator, device=x.device)
        predicted, dispersion = self._dispersed(self.scheduler.add_noise(x, noise, k), k, context)
        wanted = target(self.config.prediction, x, noise, self._share(k))
        return masked_mean((predicted - wanted).square(), mask) + dispersion

    def sample(self, context: Tensor, noise: Tensor | None = None, generator: Generator | None = None) -> Tensor:
        """Denoise `noise`, or a draw of the generator. DDIM is deterministic given noise; DDPM draws on the way."""
        x = initial_noise(noise, context, self.shape, generator)
        return self._denoise(x, lambda x, k: self._predict(x, k, context), generator)

    def sample_guided(
        self, context: Tensor, guide: Guide, noise: Tensor | None = None, generator: Generator | None = None
    ) -> Tensor:
        """As `sample`, with each estimate of the chunk drawn to the guide's target."""

        def pulled(x: Tensor, k: Tensor) -> Tensor:
            a, kind = self._share(k), self.config.prediction
            gain = min(guide.strength, float(a[0]) ** -0.5)
            clean = guide.clean(lambda x: estimate(kind, self._predict(x, k, context), x, a), x, gain)
            return target(kind, clean, (x - a.sqrt() * clean) / (1 - a).sqrt(), a)

        x = initial_noise(noise, context, self.shape, generator)
        return self._denoise(x, pulled, generator)

    def _denoise(self, x: Tensor, predict: Callable[[Tensor, Tensor], Tensor], generator: Generator | None) -> Tensor:
        options = {"generator": generator} if self.config.sampler == "ddpm" else {}
        for k in self.scheduler.timesteps.tolist():
            predicted = predict(x, torch.full((len(x),), k, device=x.device))
            predicted = torch.where(predicted.isfinite(), predicted, torch.nan)  # infinity would be clipped to 1
            x = self.scheduler.step(predicted, k, x, **options).prev_sample
        return x

    def _dispersed(self, x: Tensor, k: Tensor, context: Tensor) -> tuple[Tensor, Tensor | float]:
        if not self.config.dispersive:
            return self._predict(x, k, context), 0.0
        return with_dispersion(self.network, self.config.dispersive, x, k / self.config.training_steps, context)

    def _share(self, k: Tensor) -> Tensor:
        """a_k, the share of the chunk's variance at each level (B,), as (B, 1, 1)."""
        out: Tensor = self.scheduler.alphas_cumprod.to(k.device)[k][:, None, None]
        return out

    def _predict(self, x: Tensor, k: Tensor, context: Tensor) -> Tensor:
        out: Tensor = self.network(x, k / self.config.training_steps, context)
        return out
