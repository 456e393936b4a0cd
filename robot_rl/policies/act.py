"""Action chunking with transformers (ACT; Zhao et al. 2023): a conditional variational auto-encoder of chunks.

In training an encoder reads the true chunk and the context and gives a latent N(mean, exp(log variance)); the
decoder rebuilds the chunk from latent and context by cross-attention of one query an action. The loss is the mean
absolute error plus 10 times the divergence KL(latent || N(0, I)). At run time the latent is zero.

A latent that says nothing yet is noise as loud as the context, beside which the decoder learns slowly; so its way in
begins at zero, as ControlNet's do (Zhang et al. 2023).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor, nn

from robot_rl.policies.chunks import draw_noise, hold_last, masked_mean
from robot_rl.policies.options import require_at_least


@dataclass(frozen=True)
class ActConfig:
    """An ACT head. There is no dropout: a resumed run must draw the same numbers as an uninterrupted one."""

    name: ClassVar[str] = "act"

    width: int = 128
    """Size of a token."""
    encoder_depth: int = 2
    decoder_depth: int = 2
    """Transformer layers."""
    attention_heads: int = 4
    feed_forward: int = 512
    """Hidden units of each layer's feed-forward part."""
    latent: int = 32
    kl: float = 10.0
    """Weight of the divergence of the latent from N(0, I)."""
    sampled_latent: Literal["zero", "prior"] = "zero"
    """Latent at run time: its mean, as ACT; or a draw from N(0, I), which the small `kl` of a multimodal head needs."""

    def __post_init__(self) -> None:
        require_at_least(
            1,
            self,
            ("width", "encoder_depth", "decoder_depth", "attention_heads", "feed_forward", "latent"),
            where="act head: ",
        )
        if self.width % self.attention_heads:
            raise ValueError(f"act head: width {self.width} does not divide into {self.attention_heads} heads")
        if self.kl < 0:
            raise ValueError(f"act head: kl is {self.kl}; it must not be negative")

    @property
    def one_answer(self) -> bool:
        """Whether all chunks drawn for one observation are the same."""
        return self.sampled_latent == "zero"

    def build(self, action_size: int, horizon: int, context_size: int, goal_size: int = 0) -> ActHead:
        return ActHead(self, action_size, horizon, context_size)


def kl_to_standard(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, exp(log_variance)) || N(0, I)) in nats, summed over the last axis: (B, Z) to (B,)."""
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1) / 2


class ActHead(nn.Module):
    """Learns and samples chunks (B, horizon, A) given a context (B, C)."""

    def __init__(self, config: ActConfig, action_size: int, horizon: int, context_size: int) -> None:
        super().__init__()
        self.config = config
        self.shape = (horizon, action_size)
        width = config.width

        def encoder(depth: int) -> nn.TransformerEncoder:
            layer = nn.TransformerEncoderLayer(
                width, config.attention_heads, config.feed_forward, dropout=0.0, batch_first=True
            )
            return nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)

        self.summary = nn.Parameter(0.02 * torch.randn(width))
        self.context_in = nn.Linear(context_size, width)
        nn.init.normal_(self.context_in.weight, std=context_size**-0.5)  # a token as large as the context itself
        nn.init.zeros_(self.context_in.bias)
        self.action_in = nn.Linear(action_size, width)
        self.chunk_position = nn.Parameter(0.02 * torch.randn(horizon, width))
        self.posterior = encoder(config.encoder_depth)
        self.posterior_out = nn.Linear(width, 2 * config.latent)
        self.latent_in = nn.Linear(config.latent, width)
        nn.init.zeros_(self.latent_in.weight)
        self.memory_position = nn.Parameter(0.02 * torch.randn(2, width))
        self.memory = encoder(config.encoder_depth)
        self.queries = nn.Parameter(0.02 * torch.randn(horizon, width))
        layer = nn.TransformerDecoderLayer(
            width, config.attention_heads, config.feed_forward, dropout=0.0, batch_first=True
        )
        self.decoder = nn.TransformerDecoder(layer, config.decoder_depth, nn.LayerNorm(width))
        self.output = nn.Linear(width, action_size)

    def encode(self, chunk: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance (B, latent) of the latent behind a chunk (B, horizon, A)."""
        summary = self.summary.expand(len(chunk), 1, -1)
        actions = self.action_in(chunk) + self.chunk_position
        tokens = torch.cat([summary, self.context_in(context)[:, None], actions], dim=1)
        mean, log_variance = self.posterior_out(self.posterior(tokens)[:, 0]).chunk(2, dim=-1)
        return mean, log_variance

    def decode(self, latent: Tensor, context: Tensor) -> Tensor:
        """The chunk (B, horizon, A) of a latent (B, latent)."""
        tokens = torch.stack([self.latent_in(latent), self.context_in(context)], dim=1) + self.memory_position
        queries = self.queries.expand(len(latent), -1, -1)
        out: Tensor = self.output(self.decoder(queries, self.memory(tokens)))
        return out

    def loss(self, chunk: Tensor, mask: Tensor, context: Tensor, generator: Generator | None = None) -> Tensor:
        """Mean absolute error over valid steps, plus the weighed divergence of the latent."""
        x = hold_last(chunk, mask)
        mean, log_variance = self.encode(x, context)
        latent = mean + (log_variance / 2).exp() * draw_noise(mean, generator)
        error = masked_mean((self.decode(latent, context) - x).abs(), mask)
        return error + self.config.kl * kl_to_standard(mean, log_variance).mean()

    def sample(self, context: Tensor, noise: Tensor | None = None, generator: Generator | None = None) -> Tensor:
        """The chunk of the configured latent; `noise` in the shape of a chunk has no use here."""
        latent = context.new_zeros(len(context), self.config.latent)
        if self.config.sampled_latent == "prior":
            latent = draw_noise(latent, generator)
        return self.decode(latent, context)
