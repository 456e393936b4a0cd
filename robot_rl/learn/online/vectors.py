"""The vector observations as networks see them: poses without the two signs of a quaternion, all else normalised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from robot_rl.learn.config import TrainingError
from robot_rl.policies.encoders.pose_difference import PoseDifference, related
from robot_rl.policies.normalization import Normalizer, Statistics
from robot_rl.policies.rotations import rotation_columns

FARTHEST = 10.0
"""Normalised observations are clipped here: a reading far from all demonstrations does not blow up a network."""
_POSE, _POSITION, _COLUMNS = 7, 3, 6


class VectorState(nn.Module):
    """(B, S) in physical units to (B, size), each number of about size 1.

    A quaternion becomes the first two columns of its rotation matrix (Zhou et al. 2019), which are the same for q and
    -q and need no scale: by the spread of a hand that hardly turned in the demonstrations, a knocked object would lie
    ten deviations off. The rest is scaled by mean and deviation.

    Args:
        width: S.
        poses: where poses (position, then quaternion x y z w) begin in it, and the frame that each is given in.
    """

    def __init__(self, width: int, poses: Mapping[int, str] | None = None) -> None:
        super().__init__()
        poses = poses or {}
        if any(not 0 <= p <= width - _POSE for p in poses):
            raise TrainingError(f"poses begin at {list(poses)} in {width} numbers; each takes {_POSE}")
        turning = [i for p in poses for i in range(p + _POSITION, p + _POSE)]
        self._plain = [i for i in range(width) if i not in turning]
        self._quaternions = [list(range(p + _POSITION, p + _POSE)) for p in poses]
        self.normalizer = Normalizer(len(self._plain))
        self._pairs = [(slice(a, a + _POSE), slice(b, b + _POSE)) for a, b in related(poses)]
        self.differences = nn.ModuleList(PoseDifference() for _ in self._pairs)
        self.size = len(self._plain) + _COLUMNS * len(self._quaternions) + PoseDifference.size * len(self._pairs)

    def fit(self, rows: NDArray[np.float32]) -> None:
        """Take the scale from observations (N, S)."""
        if self._plain:
            self.normalizer.fit(Statistics.of(rows[:, self._plain]), "mean_std")
        for (a, b), difference in zip(self._pairs, self.differences, strict=True):
            shift = (rows[:, b] - rows[:, a])[:, :_POSITION]
            difference.fit(torch.from_numpy(shift.std(axis=0)))  # type: ignore[operator]

    def forward(self, state: Tensor) -> Tensor:
        plain = self.normalizer(state[:, self._plain] if self._quaternions else state).clamp(-FARTHEST, FARTHEST)
        columns = [rotation_columns(state[:, q]) for q in self._quaternions]
        columns += [d(state[:, a], state[:, b]) for (a, b), d in zip(self._pairs, self.differences, strict=True)]
        return torch.cat([plain, *columns], dim=1) if columns else cast(Tensor, plain)
