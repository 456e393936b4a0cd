"""RLPD's data rule: every slice of an update is half demonstrations, half the robot's own steps.

Ball et al., "Efficient online reinforcement learning with offline data", 2023, with HIL-SERL's interventions (Luo et
al., 2024): a human's step in a deployment counts as both.
"""

from __future__ import annotations

import numpy as np

from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.labels import LABELS
from robot_rl.learn.online.replay import Replay
from robot_rl.learn.online.sac import Batch, Sac, to_batch


def slices(config: OnlineConfig, replay: Replay, sac: Sac, rng: np.random.Generator) -> list[Batch]:
    """The batches of one robot step's update: `utd` of them, each with the same share of demonstrations."""
    shares = {"demonstrations": config.demo_share, "online": 1.0 - config.demo_share}
    label = LABELS[config.reward]

    def one() -> Batch:
        rows = replay.draw(rng, config.sac.batch, shares)
        return to_batch(replay.transitions(rows, config.sac.gamma, label), sac.actor, sac.device)

    return [one() for _ in range(config.sac.utd)]


def update(config: OnlineConfig, replay: Replay, sac: Sac, rng: np.random.Generator) -> dict[str, float]:
    """One robot step's worth of learning; returns the figures of `Sac.update`."""
    return sac.update(slices(config, replay, sac, rng))
