"""Networks of the actor-critic: critics of an ensemble in one batched product, actors with learnt or fixed noise."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from robot_rl.learn.online.bins import ValueBins
from robot_rl.learn.online.ensemble import EnsembleLayerNorm, EnsembleLinear, hidden_layer

LOG_STD = (-5.0, 2.0)
"""Bounds of the actor's logarithmic standard deviation, before the tanh."""
FIRST_LOG_STD = -1.0
"""Of an actor whose mean begins at 0 (ResiP's exploration)."""
NOISE_CUT = 2.0
"""The largest fixed noise, in deviations."""
EDGE = 1e-5
"""Actions of the record are kept this far inside (-1, 1): at the edge atanh is infinite."""


class Critics(nn.Module):
    """E action values Q_e(s, a), independent but computed together.

    Args:
        inputs: numbers of state and action together.
        layer_norm: after each hidden layer; bounds the values of actions never seen (Ball et al., RLPD, 2023).
        bins: values are the means of distributions over these; None regresses the value itself.
        bfloat16: matrix products of hidden layers in half precision; only with `layer_norm`.
    """

    def __init__(
        self,
        ensemble: int,
        inputs: int,
        hidden: Sequence[int],
        *,
        layer_norm: bool = True,
        bins: ValueBins | None = None,
        bfloat16: bool = False,
    ) -> None:
        super().__init__()
        self.ensemble, self.bins, self.layer_norm = ensemble, bins, layer_norm
        self.products = torch.bfloat16 if bfloat16 else None
        layers: list[nn.Module] = []
        for width in hidden:
            layers.append(EnsembleLinear(ensemble, inputs, width))
            layers += [EnsembleLayerNorm(ensemble, width)] if layer_norm else []
            layers.append(nn.ReLU())
            inputs = width
        self.layers = nn.Sequential(*layers, EnsembleLinear(ensemble, inputs, 1 if bins is None else bins.count))

    def forward(self, state: Tensor, action: Tensor, members: Tensor | None = None) -> Tensor:
        """state (B, S) and action (B, A) to values (E, B); of `members` (M,), indices, alone if given: (M, B)."""
        out = self._output(state, action, members)
        return out[..., 0] if self.bins is None else self.bins.mean(out)

    def error(self, state: Tensor, action: Tensor, target: Tensor) -> Tensor:
        """(E, B) how far the values are from `target` (B,): squared differences, or with bins cross-entropies."""
        out = self._output(state, action, None)
        if self.bins is None:
            return (out[..., 0] - target) ** 2
        return -(self.bins.project(target) * out.log_softmax(dim=-1)).sum(dim=-1)

    def _output(self, state: Tensor, action: Tensor, members: Tensor | None) -> Tensor:
        """(E or M, B, 1 or bins)."""
        *hidden, last = self.layers
        if self.layer_norm:
            parts: tuple[Tensor, ...] = (state, action)
            for linear, norm in zip(hidden[::3], hidden[1::3], strict=True):
                parts = (hidden_layer(linear, norm, parts, members, self.products),)
            x = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
        else:
            x = torch.cat([state, action], dim=1)
            for linear in hidden[::2]:
                x = torch.relu(linear(x, members))
        out: Tensor = last(x, members)
        return out


class TanhGaussian(nn.Module):
    """a = tanh(u), u normal with mean and deviation from a network; actions (B, A) in (-1, 1).

    Args:
        zero_output: the last layer begins at 0, so the mean action does, with deviation exp(FIRST_LOG_STD).
    """

    def __init__(self, inputs: int, action_size: int, hidden: Sequence[int], *, zero_output: bool = False) -> None:
        super().__init__()
        self.trunk, width = trunk(inputs, hidden)
        self.output = nn.Linear(width, 2 * action_size)
        if zero_output:
            _to_zero(self.output)
            nn.init.constant_(self.output.bias[action_size:], FIRST_LOG_STD)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithmic deviation (B, A), (B, A) of u."""
        mean, log_std = self.output(self.trunk(x)).chunk(2, dim=1)
        return mean, log_std.clamp(*LOG_STD)

    def mode(self, x: Tensor) -> Tensor:
        """tanh of the mean: what is deployed."""
        return torch.tanh(self(x)[0])

    def sample(self, x: Tensor, generator: Generator | None = None) -> tuple[Tensor, Tensor]:
        """Actions (B, A) that gradients pass through, and their log-densities (B,)."""
        mean, log_std = self(x)
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        u = mean + log_std.exp() * noise
        return torch.tanh(u), _log_density(u, mean, log_std)

    def log_prob(self, x: Tensor, action: Tensor) -> Tensor:
        """Log-densities (B,) of given actions (B, A), which are first brought inside (-1, 1) by EDGE."""
        mean, log_std = self(x)
        return _log_density(torch.atanh(action.clamp(EDGE - 1, 1 - EDGE)), mean, log_std)


class TanhNoise(nn.Module):
    """a = tanh(mu) + e, e normal with one fixed deviation: the policy of TD3 and DrQ-v2; actions (B, A) in [-1, 1].

    Noise is cut at NOISE_CUT deviations, the sum at the edges, through which gradients pass as if it were not. It has
    no entropy: log-densities of samples are given as 0. The last layer begins at 0, so the action does.

    Args:
        deviation: of e.
    """

    def __init__(self, inputs: int, action_size: int, hidden: Sequence[int], deviation: float) -> None:
        super().__init__()
        self.deviation = deviation
        self.trunk, width = trunk(inputs, hidden)
        self.output = nn.Linear(width, action_size)
        _to_zero(self.output)

    def mode(self, x: Tensor) -> Tensor:
        """What is deployed."""
        return torch.tanh(self.output(self.trunk(x)))

    def sample(self, x: Tensor, generator: Generator | None = None) -> tuple[Tensor, Tensor]:
        """Actions (B, A) that gradients pass through, and zeros (B,)."""
        mean = self.mode(x)
        noise = torch.randn(mean.shape, generator=generator, device=mean.device).clamp(-NOISE_CUT, NOISE_CUT)
        action = mean + self.deviation * noise
        return action + (action.clamp(-1.0, 1.0) - action).detach(), torch.zeros(len(x), device=x.device)

    def log_prob(self, x: Tensor, action: Tensor) -> Tensor:
        """Of given actions (B, A) under the noise before it is cut, up to a constant: (B,)."""
        return -0.5 * ((action - self.mode(x)) / self.deviation).square().sum(dim=1)


def _to_zero(layer: nn.Linear) -> None:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)


def trunk(inputs: int, hidden: Sequence[int]) -> tuple[nn.Sequential, int]:
    """An actor's hidden layers and their last width."""
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), nn.LayerNorm(width), nn.ReLU()]
        inputs = width
    return nn.Sequential(*layers), inputs


def _log_density(u: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    """log p(tanh u) = sum log N(u) - log(1 - tanh(u)^2), the latter as 2 (log 2 - u - softplus(-2 u)); (B,)."""
    normal = -0.5 * ((u - mean) / log_std.exp()) ** 2 - log_std - 0.5 * math.log(2 * math.pi)
    squash = 2 * (math.log(2) - u - functional.softplus(-2 * u))
    return (normal - squash).sum(dim=1)


def pairs(target: nn.Module, source: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """The parameters of the lagged copy, and those of `source` that they follow; what the copy lacks is left out."""
    mine, theirs = dict(target.named_parameters()), dict(source.named_parameters())
    return list(mine.values()), [theirs[name] for name in mine]


@torch.no_grad()
def follow(target: nn.Module, source: nn.Module, tau: float) -> None:
    """Move the lagged copy: target := (1 - tau) target + tau source; what the copy lacks is left out."""
    torch._foreach_lerp_(*pairs(target, source), tau)
