"""How one pose lies from another: what a network would else have to find by subtracting two large numbers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import TypeVar, cast

import torch
from torch import Tensor, nn

from robot_rl.policies.encoders.vectors import saturated
from robot_rl.policies.rotations import conjugate, multiply, rotation_columns

FINE = 8.0
"""How much finer than the first the second view of a difference of positions is."""
LEAST = 0.01
"""Smallest scale of a difference of positions [m]: what hardly varied in the data is not blown up."""
T = TypeVar("T")


def related(frames: Mapping[T, str]) -> list[tuple[T, T]]:
    """Every two poses that are given in one frame, in their order; `frames` has the frame of each."""
    return [(a, b) for a, b in combinations(frames, 2) if frames[a] == frames[b]]


class PoseDifference(nn.Module):
    """Two poses (..., 7) in one frame to how the second lies from the first, (..., size).

    The difference of positions in that frame, once over the width of the data and once FINE times finer through a
    tanh, so that millimetres show where the two meet; and the first two columns of the rotation between them, in the
    first one's frame. Poses are position [m] and quaternion x y z w.
    """

    size = 12

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(3))

    def fit(self, spread: Tensor) -> None:
        """Take the scale: what a difference usually is at most (3,) [m]."""
        cast(Tensor, self.scale).copy_(spread.clamp_min(LEAST))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        shift = (second[..., :3] - first[..., :3]) / self.scale
        turn = multiply(conjugate(first[..., 3:]), second[..., 3:])
        return torch.cat([saturated(shift), torch.tanh(FINE * shift), rotation_columns(turn)], dim=-1)
