"""A recurrent mixture of Gaussians, after robomimic's BC-RNN-GMM (Mandlekar et al. 2021).

robomimic's network runs over past observations and gives one action; here an LSTM runs over the chunk, each step
reading the context and the action before, so that the chunk stays with the mode it began. With `encoder.temporal:
lstm`, `n_obs: 10` and `horizon: 1` it is their arrangement.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor, nn

from robot_rl.policies.chunks import hold_last
from robot_rl.policies.gaussian import negative_log_likelihood


@dataclass(frozen=True)
class GmmRnnConfig:
    """A recurrent mixture head."""

    name: ClassVar[str] = "gmm_rnn"

    width: int = 256
    """Units of each LSTM layer."""
    depth: int = 2
    """LSTM layers."""
    modes: int = 5
    """Components of the mixture at each step; their dimensions are independent within a component."""
    min_deviation: float = 0.03
    """Least deviation, in normalised units. robomimic's 0.0001 lets single windows dominate the likelihood."""
    low_noise: bool = True
    """At run time a mode is drawn, and its mean returned, as in robomimic's evaluation."""

    def __post_init__(self) -> None:
        for key in ("width", "depth", "modes"):
            if getattr(self, key) < 1:
                raise ValueError(f"gmm_rnn head: {key} is {getattr(self, key)}; it must be at least 1")
        if self.min_deviation <= 0:
            raise ValueError(f"gmm_rnn head: min_deviation is {self.min_deviation}; it must be positive")

    def build(self, action_size: int, horizon: int, context_size: int, goal_size: int = 0) -> GmmRnnHead:
        return GmmRnnHead(self, action_size, horizon, context_size)


def mixture_nll(x: Tensor, logits: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """-ln sum_m w_m N(x; mean_m, deviation_m^2) in nats; x (..., A), logits (..., M), the others (..., M, A)."""
    per_mode = -negative_log_likelihood(x[..., None, :].expand_as(mean), mean, deviation).sum(-1)
    return -(logits.log_softmax(-1) + per_mode).logsumexp(-1)


class GmmRnnHead(nn.Module):
    """Learns and samples chunks (B, horizon, A) given a context (B, C)."""

    def __init__(self, config: GmmRnnConfig, action_size: int, horizon: int, context_size: int) -> None:
        super().__init__()
        self.config = config
        self.shape = (horizon, action_size)
        self.rnn = nn.LSTM(context_size + action_size, config.width, config.depth, batch_first=True)
        self.output = nn.Linear(config.width, config.modes * (1 + 2 * action_size))

    def loss(self, chunk: Tensor, mask: Tensor, context: Tensor, generator: Generator | None = None) -> Tensor:
        """Mean negative log-likelihood of an action over valid steps, each given the true actions before it."""
        x = hold_last(chunk, mask)
        before = torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], dim=1)
        inputs = torch.cat([context[:, None].expand(-1, x.shape[1], -1), before], dim=-1)
        nll = mixture_nll(x, *self._mixture(self.rnn(inputs)[0]))
        return (nll * mask).sum() / mask.sum().clamp_min(1) / x.shape[-1]

    def sample(self, context: Tensor, noise: Tensor | None = None, generator: Generator | None = None) -> Tensor:
        """Action after action, each fed back; `noise` has no use here."""
        action = context.new_zeros(len(context), self.shape[1])
        state = None
        chunk = []
        for _ in range(self.shape[0]):
            h, state = self.rnn(torch.cat([context, action], dim=-1)[:, None], state)
            action = self._draw(*self._mixture(h[:, 0]), generator)
            chunk.append(action)
        return torch.stack(chunk, dim=1)

    def _mixture(self, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """h (..., width) to logits (..., M), means and deviations (..., M, A)."""
        modes, size = self.config.modes, self.shape[1]
        logits, mean, spread = self.output(h).split([modes, modes * size, modes * size], dim=-1)
        # softplus(ln(e - 1)) = 1: deviations begin at the spread of normalised actions
        deviation = nn.functional.softplus(spread + math.log(math.e - 1)) + self.config.min_deviation
        return logits, mean.unflatten(-1, (modes, size)), deviation.unflatten(-1, (modes, size))

    def _draw(self, logits: Tensor, mean: Tensor, deviation: Tensor, generator: Generator | None) -> Tensor:
        mode = torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, :, None].expand(-1, -1, self.shape[1])
        chosen = mean.gather(1, mode)[:, 0]
        if self.config.low_noise:
            return chosen
        noise = torch.randn(chosen.shape, generator=generator, device=chosen.device)
        return chosen + deviation.gather(1, mode)[:, 0] * noise
