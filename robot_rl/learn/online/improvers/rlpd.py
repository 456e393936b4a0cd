"""Soft actor-critic from demonstrations (Ball et al., RLPD, 2023), with HIL-SERL's interventions (Luo et al., 2024).

With the session's reward `rlif` it is RLIF (Luo et al., 2023): the intervention is the only reward.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.actors import Actor
from robot_rl.learn.online.features import Features
from robot_rl.learn.online.gripper import GripperActor, GripperConfig, GripperSac
from robot_rl.learn.online.improvers.actor_critic import ActorCritic
from robot_rl.learn.online.improvers.improver import Parts, UseOfBase
from robot_rl.learn.online.replay import Replay
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.scale import ActionScale
from robot_rl.spec import Layout


@dataclass(frozen=True)
class RlpdConfig:
    """Soft actor-critic, half of every batch demonstrations."""

    name: ClassVar[str] = "rlpd"
    base: ClassVar[UseOfBase] = "none"

    sac: SacConfig = field(default_factory=SacConfig)
    gripper: GripperConfig = field(default_factory=GripperConfig)
    """A gripper that is opened, closed or left as it is, by values of its own."""

    def build(self, parts: Parts) -> Rlpd:
        if self.gripper.action:
            return GripperRlpd(self, parts)
        return Rlpd(self.sac, parts, lambda features: Actor(features, ActionScale(parts.spec.action), self.sac.hidden))

    def first_action(self, action: Layout) -> NDArray[np.float64] | None:
        """What counts as executed (A,) before an episode's first step, where rows are to tell; else None. Raises
        TrainingError."""
        return self.gripper.first_action(action) if self.gripper.action else None


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


class GripperRlpd(Rlpd):
    """With a gripper that is a choice (see `gripper`)."""

    def __init__(self, options: RlpdConfig, parts: Parts) -> None:
        self.options = options
        super().__init__(options.sac, parts, self._actor)

    def _actor(self, features: Features) -> GripperActor:
        action = self.parts.spec.action
        return GripperActor(features, ActionScale(action), self.config.hidden, self.options.gripper, action)

    def _sac(self) -> GripperSac:
        c, parts = self.options, self.parts
        return GripperSac(self.config, cast(GripperActor, self.agent), parts.device, parts.seed, c.gripper.penalty)
