"""An asymmetric auto-encoder of chunks: actions alone are encoded, and what is sensed on the way helps to decode.

What the code leaves out the decoder takes from its senses, so the less the code can say, the more the decoder reacts.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robot_rl.policies.networks.resampling import down, up


class ActionTokenizer(nn.Module):
    """Chunks (B, horizon, A) to latents (B, tokens, size) by convolutions, and back by a GRU, step by step.

    Args:
        horizon: steps in a chunk.
        tokens: of a latent, spread evenly over the horizon.
        size: numbers in a token.
        channels: of the convolutions.
        width: units of the GRU.
        fast_size: F, numbers sensed at each step.
    """

    def __init__(
        self, action_size: int, horizon: int, tokens: int, size: int, channels: int, width: int, fast_size: int
    ) -> None:
        super().__init__()
        self.horizon, self.tokens = horizon, tokens
        self.features = nn.Sequential(
            nn.Conv1d(action_size, channels, 5, padding=2),
            nn.SiLU(),
            nn.Conv1d(channels, channels, 5, padding=2),
            nn.SiLU(),
        )
        self.summary = nn.Linear(channels, size)
        self.rnn = nn.GRU(size + fast_size, width, batch_first=True)
        self.output = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, action_size))

    def encode(self, chunk: Tensor) -> Tensor:
        """The latent (B, tokens, size) of a chunk, scaled to a mean square of 1: it cannot shout down noise."""
        z: Tensor = self.summary(down(self.features(chunk.transpose(1, 2)).transpose(1, 2), self.tokens))
        return z * z.square().mean((1, 2), keepdim=True).clamp_min(1e-8).rsqrt()

    def decode(self, latent: Tensor, fast: Tensor) -> Tensor:
        """The first T actions (B, T, A), T at most the horizon, each from the latent and from what has been sensed up
        to its own step: fast (B, T, F)."""
        steps = up(latent, self.horizon)[:, : fast.shape[1]]
        out: Tensor = self.output(self.rnn(torch.cat([steps, fast], dim=-1))[0])
        return out
