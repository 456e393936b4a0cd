"""Headings as tensors: angles [rad] as points of the unit circle, which a network can regress.

Near pi a heading is about pi or about -pi, and the mean of the two is 0: the opposite direction. Cosine and sine are
continuous there.
"""

from __future__ import annotations

import torch
from torch import Tensor


def to_circle(angles: Tensor) -> Tensor:
    """Angles (..., n) as their n cosines and then their n sines, (..., 2 n)."""
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


def from_circle(points: Tensor) -> Tensor:
    """The angles (..., n) in [-pi, pi] of n cosines and n sines (..., 2 n), which need not lie on the circle.

    One that is not finite gives an angle that is not a number.
    """
    cosine, sine = points.chunk(2, dim=-1)
    return torch.where(cosine.isfinite() & sine.isfinite(), torch.atan2(sine, cosine), torch.nan)
