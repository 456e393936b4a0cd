"""A recurrent mixture of Gaussians over chunks, after robomimic's BC-RNN-GMM (Mandlekar et al. 2021).

robomimic's network runs over past observations and gives a mixture for one action at a time. Here an LSTM runs over the
chunk, and the mixture is one of whole chunks: p(x | c) = sum_m w_m(c) prod_t N(x_t; mean_mt(c), deviation_mt(c)^2). A
chunk is of one mode, so no action has to be fed back to stay with it. With `encoder.temporal: lstm`, `n_obs: 10` and
`horizon: 1` it is robomimic's arrangement.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor, nn

from robot_rl.policies.chunks import draw_choice
from robot_rl.policies.gaussian import negative_log_likelihood
from robot_rl.policies.options import require_at_least


@dataclass(frozen=True)
class GmmRnnConfig:
    """A recurrent mixture head."""

    name: ClassVar[str] = "gmm_rnn"

    width: int = 256
    """Units of each LSTM layer."""
    depth: int = 2
    """LSTM layers."""
    gains: bool = True
    """Each step of the chunk weighs what is seen by gains of its own. Without, all steps see the same, and so does the
    LSTM, which soon says the same at every step."""
    modes: int = 5
    """Components of the mixture of chunks; within one, steps and dimensions are independent."""
    min_deviation: float = 0.1
    """Least deviation, in normalised units. With robomimic's 0.0001 the numbers that hardly vary, such as rates that
    are always zero, dominate the gradient, and the others are learnt late."""
    low_noise: bool = True
    """At run time a mode is drawn, and its mean returned, as in robomimic's evaluation."""
    temperature: float = 0.3
    """Of the draw of a mode at run time: 0 takes the likeliest, 1 draws as learnt, as robomimic does."""

    def __post_init__(self) -> None:
        require_at_least(1, self, ("width", "depth", "modes"), where="gmm_rnn head: ")
        if self.min_deviation <= 0:
            raise ValueError(f"gmm_rnn head: min_deviation is {self.min_deviation}; it must be positive")
        if not self.temperature >= 0:
            raise ValueError(f"gmm_rnn head: temperature is {self.temperature}; it must not be negative")

    @property
    def one_answer(self) -> bool:
        """Whether all chunks drawn for one observation are the same."""
        return self.low_noise and (self.temperature == 0 or self.modes == 1)

    def build(self, action_size: int, horizon: int, context_size: int, goal_size: int = 0) -> GmmRnnHead:
        return GmmRnnHead(self, action_size, horizon, context_size)


def mixture_nll(x: Tensor, mask: Tensor, logits: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """-ln sum_m w_m prod_t N(x_t; mean_mt, deviation_mt^2) of each chunk (B,) in nats, over valid steps t.

    Args:
        x, mask: chunks (B, H, A), and which of their steps are valid (B, H).
        logits: of the weights w (B, M).
        mean, deviation: (B, H, M, A).
    """
    x = torch.where(mask[..., None], x, torch.zeros_like(x))  # padding may hold anything
    per_step = -negative_log_likelihood(x[..., None, :].expand_as(mean), mean, deviation).sum(-1)
    return -(logits.log_softmax(-1) + (per_step * mask[..., None]).sum(1)).logsumexp(-1)


class GmmRnnHead(nn.Module):
    """Learns and samples chunks (B, horizon, A) given a context (B, C)."""

    def __init__(self, config: GmmRnnConfig, action_size: int, horizon: int, context_size: int) -> None:
        super().__init__()
        self.config = config
        self.shape = (horizon, action_size)
        self.rnn = nn.LSTM(context_size, config.width, config.depth, batch_first=True)
        self.seen = nn.Sequential(nn.Linear(context_size, config.width), nn.Mish(), nn.LayerNorm(config.width))
        self.gains = nn.Parameter(1 + 0.5 * torch.randn(horizon, config.width)) if config.gains else None
        self.weights = nn.Linear(config.width, config.modes)
        self.output = nn.Linear(2 * config.width, config.modes * 2 * action_size)

    def loss(self, chunk: Tensor, mask: Tensor, context: Tensor, generator: Generator | None = None) -> Tensor:
        """Mean negative log-likelihood of a number of a valid step [nats]."""
        nll = mixture_nll(chunk, mask, *self.mixture(context))
        return nll.sum() / (mask.sum().clamp_min(1) * chunk.shape[-1])

    def sample(self, context: Tensor, noise: Tensor | None = None, generator: Generator | None = None) -> Tensor:
        """A mode is drawn for each chunk; `noise` has no use here."""
        logits, mean, deviation = self.mixture(context)
        mode = draw_choice(logits, self.config.temperature, generator)
        index = mode[:, None, None, None].expand(-1, self.shape[0], -1, self.shape[1])
        chosen = mean.gather(2, index)[:, :, 0]
        if self.config.low_noise:
            return chosen
        drawn = torch.randn(chosen.shape, generator=generator, device=chosen.device)
        return chosen + deviation.gather(2, index)[:, :, 0] * drawn

    def mixture(self, context: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (B, M), means and deviations (B, horizon, M, A) of the chunks that follow contexts (B, C)."""
        steps, seen = self.rnn(context[:, None].expand(-1, self.shape[0], -1))[0], self.seen(context)
        # what is seen also goes past the recurrent layers, which at first let next to nothing of it through
        past = seen[:, None].expand_as(steps) if self.gains is None else seen[:, None] * self.gains
        steps = torch.cat([steps, past], dim=-1)
        mean, spread = self.output(steps).unflatten(-1, (2, self.config.modes, self.shape[1])).unbind(2)
        # softplus(ln(e - 1)) = 1: deviations begin at the spread of normalised actions
        deviation = nn.functional.softplus(spread + math.log(math.e - 1)) + self.config.min_deviation
        return self.weights(seen), mean, deviation
