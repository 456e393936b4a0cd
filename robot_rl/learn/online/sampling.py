"""What a batch is made of: which rows, with which rewards.

RLPD's data rule is the default: every batch is half demonstrations, half the robot's own steps (Ball et al.,
"Efficient online reinforcement learning with offline data", 2023), with HIL-SERL's interventions (Luo et al., 2024):
a human's step in a deployment counts as both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from robot_rl.learn.online.batch import Batch, to_batch
from robot_rl.learn.online.labels import LABELS, Label, charged
from robot_rl.learn.online.replay import Replay
from robot_rl.learn.online.scale import ActionScale
from robot_rl.learn.online.shaping import Shaping


@dataclass(frozen=True)
class Sampling:
    """Draws batches from the replay."""

    demo_share: float
    """Share of demonstrations and interventions in every batch."""
    reward: str
    """See `labels`."""
    shaping: Shaping | None = None
    """Makes rewards denser."""
    help_cost: float = 0.0
    """What a take-over costs."""

    def label(self, gamma: float) -> Label:
        """The rewards, as a learner with this discount gets them."""
        plain = LABELS[self.reward]
        if self.help_cost:
            plain = charged(plain, self.help_cost)
        return plain if self.shaping is None else self.shaping.label(plain, gamma)

    @property
    def shares(self) -> Mapping[str, float]:
        """Of each view of the replay."""
        return {"demonstrations": self.demo_share, "online": 1.0 - self.demo_share}

    def draw(
        self,
        replay: Replay,
        rng: np.random.Generator,
        size: int,
        gamma: float,
        scale: ActionScale,
        device: torch.device,
        shares: Mapping[str, float] | None = None,
        *,
        answers: bool = False,
    ) -> Batch:
        """A batch of `size` transitions.

        Args:
            shares: of the replay's views; by default demonstrations and the robot's own steps.
            answers: see `Replay.transitions`.

        Raises:
            ReplayError: there is nothing to draw.
        """
        rows = replay.draw(rng, size, self.shares if shares is None else shares)
        return to_batch(replay.transitions(rows, gamma, self.label(gamma), answers=answers), scale, device)
