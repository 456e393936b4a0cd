"""Networks of the actor-critic: critics of an ensemble in one batched product, and a tanh-Gaussian actor."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from robot_rl.learn.online.bins import ValueBins

LOG_STD = (-5.0, 2.0)
"""Bounds of the actor's logarithmic standard deviation, before the tanh."""
FIRST_LOG_STD = -1.0
"""Of an actor whose mean begins at 0 (ResiP's exploration)."""
EDGE = 1e-5
"""Actions of the record are kept this far inside (-1, 1): at the edge atanh is infinite."""


class EnsembleLinear(nn.Module):
    """E affine maps side by side: (E, B, in) to (E, B, out) in one `baddbmm`; of `members` (M,) alone if given."""

    def __init__(self, ensemble: int, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = 1.0 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(ensemble, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(ensemble, 1, outputs).uniform_(-bound, bound))

    def forward(self, x: Tensor, members: Tensor | None = None) -> Tensor:
        if members is None:
            return torch.baddbmm(self.bias, x, self.weight)
        return torch.baddbmm(self.bias[members], x, self.weight[members])


class EnsembleLayerNorm(nn.Module):
    """Layer normalisation of each member with its own gain and offset: (E, B, width)."""

    def __init__(self, ensemble: int, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(ensemble, 1, width))
        self.offset = nn.Parameter(torch.zeros(ensemble, 1, width))

    def forward(self, x: Tensor, members: Tensor | None = None) -> Tensor:
        gain, offset = (self.gain, self.offset) if members is None else (self.gain[members], self.offset[members])
        return torch.addcmul(offset, functional.layer_norm(x, x.shape[-1:]), gain)


class Critics(nn.Module):
    """E action values Q_e(s, a), independent but computed together.

    Args:
        inputs: numbers of state and action together.
        layer_norm: after each hidden layer; bounds the values of actions never seen (Ball et al., RLPD, 2023).
        bins: values are the means of distributions over these; None regresses the value itself.
    """

    def __init__(
        self,
        ensemble: int,
        inputs: int,
        hidden: Sequence[int],
        *,
        layer_norm: bool = True,
        bins: ValueBins | None = None,
    ) -> None:
        super().__init__()
        self.ensemble, self.bins = ensemble, bins
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
        x = torch.cat([state, action], dim=1)
        x = x.expand(self.ensemble if members is None else len(members), *x.shape)
        for layer in self.layers:
            x = layer(x) if isinstance(layer, nn.ReLU) else layer(x, members)
        return x


class TanhGaussian(nn.Module):
    """a = tanh(u), u normal with mean and deviation from a network; actions (B, A) in (-1, 1).

    Args:
        zero_output: the last layer begins at 0, so the mean action does, with deviation exp(FIRST_LOG_STD).
    """

    def __init__(self, inputs: int, action_size: int, hidden: Sequence[int], *, zero_output: bool = False) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in hidden:
            layers += [nn.Linear(inputs, width), nn.LayerNorm(width), nn.ReLU()]
            inputs = width
        self.trunk = nn.Sequential(*layers)
        self.output = nn.Linear(inputs, 2 * action_size)
        if zero_output:
            nn.init.zeros_(self.output.weight)
            nn.init.zeros_(self.output.bias[:action_size])
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


def _log_density(u: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    """log p(tanh u) = sum log N(u) - log(1 - tanh(u)^2), the latter as 2 (log 2 - u - softplus(-2 u)); (B,)."""
    normal = -0.5 * ((u - mean) / log_std.exp()) ** 2 - log_std - 0.5 * math.log(2 * math.pi)
    squash = 2 * (math.log(2) - u - functional.softplus(-2 * u))
    return (normal - squash).sum(dim=1)


@torch.no_grad()
def follow(target: nn.Module, source: nn.Module, tau: float) -> None:
    """Move the lagged copy: target := (1 - tau) target + tau source; what the copy lacks is left out."""
    mine, theirs = dict(target.named_parameters()), dict(source.named_parameters())
    torch._foreach_lerp_(list(mine.values()), [theirs[name] for name in mine], tau)
