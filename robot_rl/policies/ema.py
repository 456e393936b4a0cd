"""Exponential moving average of weights, the version that is saved for inference."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


def power_decay(step: int, power: float = 0.75, maximum: float = 0.9999, inverse_gamma: float = 1.0) -> float:
    """Decay after `step` updates: 1 - (1 + step / inverse_gamma)^-power, at most `maximum`; 0 at step 0.

    The schedule of Karras' EMA notes used by diffusion policies (Chi et al. 2023).
    """
    return min(maximum, 1.0 - (1.0 + step / inverse_gamma) ** -power)


class Ema:
    """Averages of the given parameters, started at their present values."""

    def __init__(self, parameters: Iterable[Tensor], power: float = 0.75, maximum: float = 0.9999) -> None:
        self.power, self.maximum = power, maximum
        self.averages = [p.detach().clone() for p in parameters]

    @torch.no_grad()
    def update(self, parameters: Iterable[Tensor], step: int) -> None:
        """average <- decay average + (1 - decay) parameter, after optimiser update number `step` (from 1)."""
        weight = 1.0 - power_decay(step, self.power, self.maximum)
        torch._foreach_lerp_(self.averages, [p.detach() for p in parameters], weight)

    @torch.no_grad()
    def copy_to(self, parameters: Iterable[Tensor]) -> None:
        """Overwrite the parameters with the averages."""
        for p, average in zip(parameters, self.averages, strict=True):
            p.copy_(average)
