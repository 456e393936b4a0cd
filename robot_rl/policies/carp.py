"""Coarse-to-fine autoregressive chunks (CARP; Gong et al. 2024, "Visuomotor Policy Learning via Coarse-to-Fine
Autoregressive Prediction").

An auto-encoder turns a chunk into codes at several scales, from one token for the whole chunk to one an action; a
transformer predicts the codes of a scale from the context and the coarser scales, all tokens of a scale at once. A
chunk thus takes as many passes of the transformer as there are scales, and the first token settles the mode.

Both parts learn together, by the sum of their losses: no gradient of the transformer's reaches the auto-encoder, since
codes are whole numbers and its inputs are detached, so the auto-encoder learns as it would alone, and the transformer
follows it. The paper trains one after the other; together, the loss needs no schedule and no state but the weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from robot_rl.policies.chunks import draw_choice, hold_last, masked_mean
from robot_rl.policies.networks.next_scale import NextScale
from robot_rl.policies.networks.resampling import down, token_mask
from robot_rl.policies.networks.residual_quantizer import Quantized, ResidualQuantizer
from robot_rl.policies.options import require_at_least


@dataclass(frozen=True)
class CarpConfig:
    """A coarse-to-fine autoregressive head."""

    name: ClassVar[str] = "carp"

    width: int = 128
    """Size of a transformer's token."""
    depth: int = 3
    """Blocks of the transformer."""
    attention_heads: int = 4
    condition: int = 64
    """Size of the vector made of the context that modulates each block."""
    scales: tuple[int, ...] = ()
    """Tokens at each scale, increasing, the last one the horizon; empty takes 1, 2, 4, ... and the horizon."""
    codes: int = 128
    """In the code book, which all scales share."""
    code_size: int = 8
    """Numbers in a code."""
    channels: int = 64
    """Of the convolutions that encode and decode chunks."""
    commitment: float = 0.25
    """Weight of the loss that keeps the encoder near the codes."""
    temperature: float = 0.3
    """Of the draw of codes at run time; 0 takes the likeliest, 1 draws as learnt: of so many codes some will be odd."""

    def __post_init__(self) -> None:
        require_at_least(
            1, self, ("width", "depth", "attention_heads", "condition", "code_size", "channels"), where="carp head: "
        )
        if self.codes < 2:
            raise ValueError(f"carp head: codes is {self.codes}; at least 2 are needed")
        if self.width % self.attention_heads:
            raise ValueError(f"carp head: width {self.width} does not divide into {self.attention_heads} heads")
        if list(self.scales) != sorted(set(self.scales)) or any(s < 1 for s in self.scales):
            raise ValueError(f"carp head: scales are {self.scales}; they must increase from at least 1")
        if self.commitment < 0 or self.temperature < 0:
            raise ValueError(
                f"carp head: commitment is {self.commitment}, temperature {self.temperature}; neither may be negative"
            )

    def scales_of(self, horizon: int) -> tuple[int, ...]:
        """Tokens at each scale. Raises ValueError when the configured scales do not end with the horizon."""
        if not self.scales:
            return (*(2**i for i in range((horizon - 1).bit_length())), horizon)
        if self.scales[-1] != horizon:
            raise ValueError(f"carp head: scales are {self.scales}; the last one must be the horizon, {horizon}")
        return self.scales

    @property
    def one_answer(self) -> bool:
        """Whether all chunks drawn for one observation are the same."""
        return self.temperature == 0

    def build(self, action_size: int, horizon: int, context_size: int, goal_size: int = 0) -> CarpHead:
        return CarpHead(self, action_size, horizon, context_size)


class CarpHead(nn.Module):
    """Learns and samples chunks (B, horizon, A) given a context (B, C)."""

    def __init__(self, config: CarpConfig, action_size: int, horizon: int, context_size: int) -> None:
        super().__init__()
        self.config = config
        self.shape = (horizon, action_size)
        self.scales = config.scales_of(horizon)
        self.encoder = convolutions(action_size, config.channels, config.code_size)
        self.decoder = convolutions(config.code_size, config.channels, action_size)
        self.quantizer = ResidualQuantizer(self.scales, config.codes, config.code_size, horizon)
        self.transformer = NextScale(
            self.scales,
            config.codes,
            config.code_size,
            context_size,
            config.width,
            config.depth,
            config.attention_heads,
            config.condition,
        )

    def encode(self, chunk: Tensor) -> Tensor:
        """What is quantised of chunks (B, horizon, A): features (B, horizon, code_size)."""
        out: Tensor = self.encoder(chunk.transpose(1, 2)).transpose(1, 2)
        return out

    def decode(self, features: Tensor) -> Tensor:
        """Chunks (B, horizon, A) from features (B, horizon, code_size)."""
        out: Tensor = self.decoder(features.transpose(1, 2)).transpose(1, 2)
        return out

    def loss(self, chunk: Tensor, mask: Tensor, context: Tensor, generator: Generator | None = None) -> Tensor:
        """Squared error of the rebuilt chunk, plus the quantiser's loss, plus the mean cross-entropy of the codes in
        nats, over valid steps and tokens that cover one. Gradients pass the quantiser straight through."""
        x = hold_last(chunk, mask)
        features = self.encode(x)
        quantized = self.quantizer.encode(features)
        through = features + (quantized.partial[-1] - features).detach()
        error = masked_mean((self.decode(through) - x).square(), mask)
        commit = self.quantizer.loss(features, quantized, mask, self.config.commitment)
        return error + commit + self.code_loss(quantized, mask, context)

    def code_loss(self, quantized: Quantized, mask: Tensor, context: Tensor) -> Tensor:
        """Mean cross-entropy [nats] of the true codes, each scale given the true coarser ones."""
        before = (torch.zeros_like(quantized.partial[0]), *quantized.partial[:-1])
        explained = torch.cat([down(q.detach(), scale) for q, scale in zip(before, self.scales, strict=True)], dim=1)
        logits = self.transformer(explained, context)
        valid = torch.cat([token_mask(mask, scale) for scale in self.scales], dim=1)
        nats = functional.cross_entropy(logits.flatten(0, 1), torch.cat(quantized.codes, 1).flatten(), reduction="none")
        return (nats * valid.flatten()).sum() / valid.sum().clamp_min(1)

    def sample(self, context: Tensor, noise: Tensor | None = None, generator: Generator | None = None) -> Tensor:
        """Scale after scale, each drawn given the coarser ones; `noise` has no use here."""
        features = context.new_zeros(len(context), self.shape[0], self.config.code_size)
        explained = features[:, :0]
        for scale in self.scales:
            explained = torch.cat([explained, down(features, scale)], dim=1)
            logits = self.transformer(explained, context)[:, -scale:]
            features = features + self.quantizer.spread(draw_choice(logits, self.config.temperature, generator))
        return self.decode(features)


def convolutions(size_in: int, channels: int, size_out: int) -> nn.Sequential:
    """Over time, each step seeing two to either side; (B, size_in, T) to (B, size_out, T)."""
    return nn.Sequential(
        nn.Conv1d(size_in, channels, 3, padding=1),
        nn.SiLU(),
        nn.Conv1d(channels, channels, 3, padding=1),
        nn.SiLU(),
        nn.Conv1d(channels, size_out, 1),
    )
