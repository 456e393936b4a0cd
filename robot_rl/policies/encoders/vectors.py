"""Vector observations: normalised numbers, poses as position and rotation columns, headings as cosine and sine.

A pose enters as position and the first two columns of its rotation matrix (Zhou et al. 2019), which is
continuous and the same for q and -q; a heading (a field that `wraps`) as a point of the unit circle, which is
continuous through pi.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robot_rl.policies.headings import to_circle
from robot_rl.policies.normalization import Normalization, Normalizer, Statistics
from robot_rl.policies.rotations import rotation_columns
from robot_rl.spec import Field

OBSERVATION_LIMIT = 5.0
"""Normalised observations are clipped to this magnitude: a reading far outside the data saturates."""


def saturated(y: Tensor) -> Tensor:
    """Normalised numbers within OBSERVATION_LIMIT. One that is not finite is no reading: it becomes NaN, and with it
    whatever is made of it."""
    return torch.where(y.isfinite(), y.clamp(-OBSERVATION_LIMIT, OBSERVATION_LIMIT), torch.nan)


class VectorFeatures(nn.Module):
    """One vector field (..., n) in physical units to normalised features (..., size)."""

    def __init__(self, field: Field) -> None:
        super().__init__()
        self.is_pose, self.wraps = field.kind == "pose", field.wraps
        self.size = 9 if self.is_pose else 2 * field.size if self.wraps else field.size
        self.scaled = 3 if self.is_pose else 0 if self.wraps else field.size
        """How many numbers are scaled, the first ones; rotations and headings need no scaling."""
        self.normalizer = Normalizer(self.scaled)

    def fit(self, statistics: Statistics, mode: Normalization) -> None:
        """Take the scaling from the field's statistics."""
        self.normalizer.fit(statistics.first(self.scaled), mode)

    def forward(self, x: Tensor) -> Tensor:
        if self.wraps:
            return to_circle(x)
        position = saturated(self.normalizer(x[..., : self.scaled]))
        return torch.cat([position, rotation_columns(x[..., 3:])], dim=-1) if self.is_pose else position
