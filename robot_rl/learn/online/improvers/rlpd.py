"""Soft actor-critic from demonstrations (Ball et al., RLPD, 2023), with HIL-SERL's interventions (Luo et al., 2024).

With the session's reward `rlif` it is RLIF (Luo et al., 2023): the intervention is the only reward.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.actors import Actor
from robot_rl.learn.online.improvers.actor_critic import ActorCritic
from robot_rl.learn.online.improvers.improver import Parts, UseOfBase
from robot_rl.learn.online.replay import Replay
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.scale import ActionScale


@dataclass(frozen=True)
class RlpdConfig:
    """Soft actor-critic, half of every batch demonstrations."""

    name: ClassVar[str] = "rlpd"
    base: ClassVar[UseOfBase] = "none"

    sac: SacConfig = field(default_factory=SacConfig)

    def build(self, parts: Parts) -> Rlpd:
        return Rlpd(self.sac, parts, lambda features: Actor(features, ActionScale(parts.spec.action), self.sac.hidden))


class Rlpd(ActorCritic):
    """Refuses demonstrations that hold no success, where success is the reward."""

    def begin(self, replay: Replay) -> None:
        if self.parts.sampling.demo_share > 0 and self.parts.sampling.reward != "rlif":
            human = replay.views["demonstrations"].rows
            if not replay.columns["success"][human].any():
                raise TrainingError(
                    f"there is no success in {len(human)} steps of demonstrations: RLPD learns nothing from a reward "
                    "that never comes. Record successes, or set demo_share to 0"
                )
        super().begin(replay)
