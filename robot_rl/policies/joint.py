"""Actions and what will be observed after them, denoised together (UWM, Zhu et al. 2025; PAD, Guo et al. 2024).

One network sees a chunk and the latent of the observation at its end, each mixed with noise of its own level, and
learns what is behind both (flow matching; time 0 is noise, 1 is data). The two times are drawn independently, so one
set of weights answers several questions: with the latent pure noise it is a policy p(chunk | context); with the chunk
given it predicts what follows (forward dynamics); with the latent given, which actions lead there (inverse dynamics).
Where the actions of an episode are not known, the chunk is pure noise and only the latent is learned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor, nn

from robot_rl.policies.chunks import draw_noise, hold_last, initial_noise, masked_mean
from robot_rl.policies.clean_chunk import Prediction, velocity_of, wanted
from robot_rl.policies.flow import euler, interpolate
from robot_rl.policies.networks.residual_mlp import ResidualMlp
from robot_rl.policies.options import require_at_least

STRETCH = 1.2
"""Times are uniform over an interval that much wider than [0, 1] and clamped, so that both ends, where the questions
above are asked, are trained themselves (each with 1/12 of the draws)."""


@dataclass(frozen=True)
class JointConfig:
    """A head that denoises actions and later observations together, with an MLP over both."""

    name: ClassVar[str] = "joint"
    needs_latents: ClassVar[bool] = True

    prediction: Prediction = "sample"
    """What the network predicts: the `sample`, that is chunk and latent behind the noise, or their `velocity`."""
    width: int = 256
    """Units of a hidden layer."""
    depth: int = 3
    """Layers."""
    condition: int = 64
    """Size of the vector made of times and context that modulates each layer."""
    sampling_steps: int = 8
    """Euler steps from noise."""
    latent_weight: float = 0.5
    """Weight of the latent's error beside the actions'."""
    momentum: float = 0.99
    """Share of itself that the encoder of later observations keeps in every optimiser step."""

    def __post_init__(self) -> None:
        require_at_least(1, self, ("width", "depth", "condition", "sampling_steps"), where="joint head: ")
        if self.latent_weight < 0:
            raise ValueError(f"joint head: latent_weight is {self.latent_weight}; it must not be negative")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"joint head: momentum is {self.momentum}; it must lie in [0, 1)")

    def build(
        self, action_size: int, horizon: int, context_size: int, goal_size: int = 0, latent_size: int = 0
    ) -> JointHead:
        return JointHead(self, action_size, horizon, context_size, latent_size)


def draw_times(n: int, generator: Generator | None, device: torch.device) -> Tensor:
    """n independent pairs (n, 2): of the chunk, and of the latent."""
    u = torch.rand(n, 2, generator=generator, device=device)
    return (0.5 + STRETCH * (u - 0.5)).clamp(0, 1)


class JointHead(nn.Module):
    """Learns chunks (B, horizon, A) and latents (B, Z) given a context (B, C)."""

    def __init__(
        self, config: JointConfig, action_size: int, horizon: int, context_size: int, latent_size: int
    ) -> None:
        super().__init__()
        self.config = config
        self.shape = (horizon, action_size)
        self.latent_size = latent_size
        size = horizon * action_size + latent_size
        self.network = ResidualMlp(config.width, config.depth, config.condition, size, 1, context_size, times=2)

    def loss(
        self,
        chunk: Tensor,
        mask: Tensor,
        context: Tensor,
        generator: Generator | None = None,
        *,
        latents: Tensor,
        known: Tensor | None = None,
    ) -> Tensor:
        """Mean squared errors of what is predicted of chunk and latent.

        Args:
            latents: (B, Z) of the observation at the chunk's end, or the last before the padding.
            known: (B,) bool, false where the chunk is not known and whatever stands there is not looked at.
        """
        if known is not None:
            mask = mask & known[:, None]
            chunk = torch.where(known[:, None, None], chunk, torch.zeros_like(chunk))
        x1 = hold_last(chunk, mask)
        x0, z0 = draw_noise(x1, generator), draw_noise(latents, generator)
        t = draw_times(len(x1), generator, x1.device)
        if known is not None:
            t = torch.stack([torch.where(known, t[:, 0], torch.zeros_like(t[:, 0])), t[:, 1]], dim=1)
        x, velocity = interpolate(x0, x1, t[:, 0])
        z, drift = interpolate(z0, latents, t[:, 1])
        predicted, later = self._predict(x, z, t, context)
        actions = masked_mean((predicted - wanted(self.config.prediction, x1, velocity)).square(), mask)
        rest = (later - wanted(self.config.prediction, latents, drift)).square().mean()
        return actions + self.config.latent_weight * rest

    def sample(self, context: Tensor, noise: Tensor | None = None, generator: Generator | None = None) -> Tensor:
        """The policy: a chunk, with nothing known of what follows."""
        x0 = initial_noise(noise, context, self.shape, generator)
        z = torch.randn(len(context), self.latent_size, generator=generator, device=context.device)
        return self._chunk(context, x0, z, 0.0)

    def chunk_towards(self, context: Tensor, latents: Tensor, generator: Generator | None = None) -> Tensor:
        """Inverse dynamics: a chunk (B, horizon, A) after which `latents` (B, Z) are observed."""
        return self._chunk(context, initial_noise(None, context, self.shape, generator), latents, 1.0)

    def latents_after(self, context: Tensor, chunk: Tensor, generator: Generator | None = None) -> Tensor:
        """Forward dynamics: the latents (B, Z) that are observed after a chunk (B, horizon, A)."""
        z0 = torch.randn(len(context), self.latent_size, generator=generator, device=context.device)
        given = torch.ones(len(context), device=context.device)

        def drift(z: Tensor, t: Tensor) -> Tensor:
            return self._velocities(chunk, z, torch.stack([given, t], dim=1), context)[1]

        return euler(drift, z0, self.config.sampling_steps)

    def _chunk(self, context: Tensor, x0: Tensor, z: Tensor, level: float) -> Tensor:
        held = torch.full((len(context),), level, device=context.device)

        def velocity(x: Tensor, t: Tensor) -> Tensor:
            return self._velocities(x, z, torch.stack([t, held], dim=1), context)[0]

        return euler(velocity, x0, self.config.sampling_steps)

    def _velocities(self, x: Tensor, z: Tensor, t: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        chunk, latent = self._predict(x, z, t, context)
        kind = self.config.prediction
        return velocity_of(kind, chunk, x, t[:, 0]), velocity_of(kind, latent, z, t[:, 1])

    def _predict(self, x: Tensor, z: Tensor, t: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        out = self.network(torch.cat([x.flatten(1), z], dim=1)[:, None], t, context)[:, 0]
        chunk, latent = out.split([x[0].numel(), self.latent_size], dim=1)
        return chunk.view_as(x), latent
