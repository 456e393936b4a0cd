"""Vector observations: normalised numbers, and poses as position and rotation columns.

A pose enters as position and the first two columns of its rotation matrix (Zhou et al. 2019), which is
continuous and the same for q and -q.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robot_rl.policies.normalization import Normalization, Normalizer, Statistics
from robot_rl.policies.rotations import rotation_columns
from robot_rl.spec import Field

OBSERVATION_LIMIT = 5.0
"""Normalised observations are clipped to this magnitude: a reading far outside the data saturates."""


class VectorFeatures(nn.Module):
    """One vector field (..., n) in physical units to normalised features (..., size)."""

    def __init__(self, field: Field) -> None:
        super().__init__()
        self.is_pose = field.kind == "pose"
        self.size = 9 if self.is_pose else field.size
        self.normalizer = Normalizer(3 if self.is_pose else field.size)

    def fit(self, statistics: Statistics, mode: Normalization) -> None:
        """Take the scaling from the field's statistics; rotations need none."""
        self.normalizer.fit(statistics.first(3) if self.is_pose else statistics, mode)

    def forward(self, x: Tensor) -> Tensor:
        if self.is_pose:
            return torch.cat([self._scaled(x[..., :3]), rotation_columns(x[..., 3:])], dim=-1)
        return self._scaled(x)

    def _scaled(self, x: Tensor) -> Tensor:
        y: Tensor = self.normalizer(x)
        return y.clamp(-OBSERVATION_LIMIT, OBSERVATION_LIMIT)
