"""Slow and fast (Reactive Diffusion Policy; Xue et al. 2025, "Reactive Diffusion Policy: Slow-Fast Visual-Tactile
Policy Learning for Contact-Rich Manipulation"): a plan in a latent space at a low rate, and a decoder that turns it
into actions at the control rate, looking at force as it goes.

The latent is that of an auto-encoder whose encoder sees actions alone and whose decoder also sees the `fast` fields at
every step. A flow learns to draw latents given the context. Both learn together: the flow's target is detached, so the
auto-encoder learns as it would alone. The paper trains one after the other, with a divergence of weight 1e-6 and
latents normalised from the data; here latents are of unit size by construction, and noise of a set size is added before
decoding, which says plainly how much a latent can tell and makes the decoder bear the flow's errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor, nn

from robot_rl.policies.chunks import draw_noise, hold_last, masked_mean
from robot_rl.policies.clean_chunk import Prediction, velocity_of, wanted
from robot_rl.policies.flow import euler, interpolate
from robot_rl.policies.networks.denoiser import DenoiserConfig
from robot_rl.policies.networks.dispersive import with_dispersion
from robot_rl.policies.networks.resampling import token_mask
from robot_rl.policies.networks.tokenizer import ActionTokenizer


@dataclass(frozen=True)
class SlowFastConfig(DenoiserConfig):
    """A slow-fast head; the options of the network inside are those of the latent flow."""

    name: ClassVar[str] = "slow_fast"
    one_answer: ClassVar[bool] = True
    """A plan is one; what is decoded from it follows the force."""

    fast: tuple[str, ...] = ()
    """Vector fields of the observation that the decoder sees at every step; none leaves a plain latent policy."""
    prediction: Prediction = "sample"
    """What the latent flow predicts: the `sample`, that is the latent behind the noise, or the `velocity`."""
    stride: int = 4
    """Steps to a token of the latent."""
    latent: int = 4
    """Numbers in a token."""
    latent_noise: float = 0.3
    """Deviation of the noise on latents before decoding in training; latents have unit mean square."""
    channels: int = 64
    """Of the encoder's convolutions."""
    decoder_width: int = 64
    """Units of the decoder's GRU."""
    sampling_steps: int = 5
    """Euler steps of the latent flow."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._at_least_one("stride", "latent", "channels", "decoder_width", "sampling_steps")
        if not self.latent_noise >= 0:
            raise ValueError(f"slow_fast head: latent_noise is {self.latent_noise}; it must not be negative")
        if len(set(self.fast)) != len(self.fast):
            raise ValueError(f"slow_fast head: fast fields {', '.join(self.fast)} repeat themselves")

    def build(
        self, action_size: int, horizon: int, context_size: int, goal_size: int = 0, fast_size: int = 0
    ) -> SlowFastHead:
        """A new head; `fast_size` numbers are sensed at each step."""
        return SlowFastHead(self, action_size, horizon, context_size, fast_size)


class SlowFastHead(nn.Module):
    """Learns and samples chunks (B, horizon, A) given a context (B, C) and the fast fields (B, horizon, F)."""

    def __init__(
        self, config: SlowFastConfig, action_size: int, horizon: int, context_size: int, fast_size: int = 0
    ) -> None:
        super().__init__()
        self.config = config
        self.shape = (horizon, action_size)
        self.latent_shape = (-(-horizon // config.stride), config.latent)
        self.fast_size = fast_size
        self.tokenizer = ActionTokenizer(
            action_size, horizon, *self.latent_shape, config.channels, config.decoder_width, fast_size
        )
        self.network = config.network(config.latent, self.latent_shape[0], context_size)

    def loss(
        self,
        chunk: Tensor,
        mask: Tensor,
        context: Tensor,
        generator: Generator | None = None,
        fast: Tensor | None = None,
    ) -> Tensor:
        """Squared error of the rebuilt actions over valid steps, plus the latent flow's over tokens that cover a
        valid step."""
        x, sensed = hold_last(chunk, mask), hold_last(self._fast(fast, len(chunk)), mask)
        latent = self.tokenizer.encode(x)
        noisy = latent + self.config.latent_noise * draw_noise(latent, generator)
        rebuilt = masked_mean((self.tokenizer.decode(noisy, sensed) - x).square(), mask)
        goal = latent.detach()
        t = torch.rand(len(goal), generator=generator, device=goal.device)
        point, velocity = interpolate(draw_noise(goal, generator), goal, t)
        predicted, dispersion = with_dispersion(self.network, self.config.dispersive, point, t, context)
        error = (predicted - wanted(self.config.prediction, goal, velocity)).square()
        return rebuilt + masked_mean(error, token_mask(mask, self.latent_shape[0])) + dispersion

    def plan(self, context: Tensor, generator: Generator | None = None) -> Tensor:
        """A latent (B, tokens, size) for each context: the slow part."""
        start = torch.randn((len(context), *self.latent_shape), generator=generator, device=context.device)
        return euler(lambda x, t: self._velocity(x, t, context), start, self.config.sampling_steps)

    def react(self, latent: Tensor, fast: Tensor) -> Tensor:
        """The first T actions (B, T, A) of a plan, fast (B, T, F) sensed from its first step on: the fast part."""
        return self.tokenizer.decode(latent, fast)

    def sample(
        self,
        context: Tensor,
        noise: Tensor | None = None,
        generator: Generator | None = None,
        fast: Tensor | None = None,
    ) -> Tensor:
        """Whole chunks, decoded with `fast` (B, horizon, F); `noise` in the shape of a chunk has no use here."""
        return self.tokenizer.decode(self.plan(context, generator), self._fast(fast, len(context)))

    def _velocity(self, x: Tensor, t: Tensor, context: Tensor) -> Tensor:
        return velocity_of(self.config.prediction, self.network(x, t, context), x, t)

    def _fast(self, fast: Tensor | None, count: int) -> Tensor:
        """What is sensed (B, horizon, F), checked. Raises ValueError where it is missing or of another size."""
        device = next(self.parameters()).device
        fast = torch.zeros(count, self.shape[0], 0, device=device) if fast is None else fast
        if fast.shape != (count, self.shape[0], self.fast_size):
            raise ValueError(
                f"slow_fast head: fast is of shape {tuple(fast.shape)}; {(count, self.shape[0], self.fast_size)} is "
                "needed, the fast fields at each step of the chunk"
            )
        return fast
