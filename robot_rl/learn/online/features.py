"""What actors and critics see of an observation."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from robot_rl.learn.online.improvers.improver import Observation
from robot_rl.learn.online.observe import STATE
from robot_rl.learn.online.replay import Replay
from robot_rl.policies.normalization import Normalizer, Statistics

FARTHEST = 10.0
"""Normalised observations are clipped here: a reading far from all demonstrations does not blow up a network."""


class Features(nn.Module):
    """The vector observations, normalised: (B, S). Nothing in it is learnt; its scale is fitted once.

    Args:
        size: of the replay's field STATE.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.normalizer = Normalizer(size)

    def fit(self, replay: Replay) -> None:
        """Take the scale from every transition that the replay holds, for good; nothing changes without any."""
        if len(replay):
            rows = replay.observation[STATE][replay.views["all"].rows]
            self.normalizer.fit(Statistics.of(rows), "mean_std")

    def forward(self, observation: Observation) -> Tensor:
        return cast(Tensor, self.normalizer(observation[STATE])).clamp(-FARTHEST, FARTHEST)
