"""Values as distributions over bins: regression as classification (Farebrother et al., "Stop regressing", 2024)."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn


class ValueBins(nn.Module):
    """`count` bins of equal width over [low, high].

    A target becomes the share of a normal distribution around it that falls into each bin (HL-Gauss, Imani and
    White, 2018), its deviation `spread` bin widths; with spread 0 it is shared between the two bins next to it, by
    nearness (two-hot). Targets beyond the middles of the first and last bins are moved there.
    """

    def __init__(self, count: int, low: float, high: float, spread: float = 0.75) -> None:
        super().__init__()
        self.count, self.width, self.spread = count, (high - low) / count, spread
        edges = torch.linspace(low, high, count + 1)
        self.register_buffer("edges", edges, persistent=False)
        self.register_buffer("middles", (edges[1:] + edges[:-1]) / 2, persistent=False)

    def project(self, target: Tensor) -> Tensor:
        """Probabilities (B, count) of targets (B,)."""
        middles = cast(Tensor, self.middles)
        y = target.clamp(middles[0], middles[-1])[:, None]
        if self.spread == 0:
            return (1 - (y - middles).abs() / self.width).clamp_min(0.0)
        below = torch.erf((cast(Tensor, self.edges) - y) / (self.spread * self.width * math.sqrt(2)))
        return (below[:, 1:] - below[:, :-1]) / (below[:, -1:] - below[:, :1])

    def mean(self, logits: Tensor) -> Tensor:
        """Expected values (...,) of logits (..., count)."""
        out: Tensor = logits.softmax(dim=-1) @ cast(Tensor, self.middles)
        return out

    def outside(self, target: Tensor) -> float:
        """Share of targets (B,) that no bin holds: the range is too small."""
        edges = cast(Tensor, self.edges)
        return float(((target < edges[0]) | (target > edges[-1])).float().mean())
