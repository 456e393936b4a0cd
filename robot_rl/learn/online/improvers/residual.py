"""A residual on a frozen base policy, learnt off-policy (ResFiT, arXiv 2509.19301).

With `deviation` the correction is explored by fixed noise, as in the paper; without it an entropy temperature decides,
which can grow the noise to the whole of `scale`. `restraint` is the behaviour-cloning term of TD3+BC (Fujimoto and Gu,
arXiv 2106.06860, eq. 5) with the base as the behaviour: a correction must be worth its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.actors import Actor
from robot_rl.learn.online.features import Features
from robot_rl.learn.online.improvers.actor_critic import ActorCritic
from robot_rl.learn.online.improvers.improver import Observation, Parts, UseOfBase
from robot_rl.learn.online.networks import TanhGaussian, TanhNoise
from robot_rl.learn.online.observe import BASE_ACTION
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.scale import ActionScale


@dataclass(frozen=True)
class ResidualConfig:
    """The paper's settings: n-step 3, UTD 4, the actor delayed."""

    name: ClassVar[str] = "residual"
    base: ClassVar[UseOfBase] = "played"

    sac: SacConfig = field(default_factory=lambda: SacConfig(n_step=3, utd=4, actor_delay=2))
    scale: float = 0.5
    """The largest correction, in halves of each action's range; it must cover the base's error."""
    deviation: float = 0.0
    """Of fixed exploration noise, in halves of each action's range (.05 in the paper, with scale .1); 0: noise is
    learnt, by the entropy temperature."""

    restraint: float = 0.0
    """Weight of the mean square of the correction, 1 where it is as large as `scale`, beside the critics' values in the
    actor's loss: young critics then do not lead far away from the base."""

    def __post_init__(self) -> None:
        if not 0 <= self.restraint < np.inf:
            raise TrainingError(f"residual: restraint is {self.restraint}; it must be at least 0")
        if not 0 < self.scale < np.inf:
            raise TrainingError(f"residual: scale is {self.scale}; it must be above 0")
        if not 0 <= self.deviation <= self.scale:
            raise TrainingError(f"residual: deviation is {self.deviation}; it must lie in 0..{self.scale}, the scale")

    def build(self, parts: Parts) -> ActorCritic:
        scale = ActionScale(parts.spec.action)
        own, hidden = (self.scale, self.deviation, self.restraint), self.sac.hidden
        return ActorCritic(self.sac, parts, lambda features: ResidualActor(features, scale, hidden, *own))


class ResidualActor(Actor):
    """a = clip(a_base + scale pi(s, a_base), -1, 1); pi begins at 0, so a at a_base.

    The sum is clipped, not its parts, and the critics see the sum.


    Args:
        residual_scale: the largest correction, in units.
        deviation: of fixed noise, in units; 0 learns it.
        restraint: as `ResidualConfig` has it.
    """

    def __init__(
        self,
        features: Features,
        scale: ActionScale,
        hidden: Sequence[int],
        residual_scale: float,
        deviation: float = 0.0,
        restraint: float = 0.0,
    ) -> None:
        self.residual_scale, self.deviation, self.restraint = residual_scale, deviation, restraint
        super().__init__(features, scale, hidden)
        self.entropic = deviation == 0

    def cost(self, observation: Observation) -> Tensor | float:
        """restraint * mean pi(s, a_base)^2."""
        if not self.restraint:
            return 0.0
        return self.restraint * self.network.mode(self._input(observation)).square().mean()

    def combine(self, observation: Observation, raw: Tensor) -> Tensor:
        return (self._base(observation) + self.residual_scale * raw).clamp(-1.0, 1.0)

    def _network(self, hidden: Sequence[int]) -> TanhGaussian | TanhNoise:
        inputs = self.features.size + self.size
        if self.deviation:
            return TanhNoise(inputs, self.size, hidden, self.deviation / self.residual_scale)
        return TanhGaussian(inputs, self.size, hidden, zero_output=True)

    def _input(self, observation: Observation) -> Tensor:
        return torch.cat([self.features(observation), self._base(observation)], dim=1)

    def _separate(self, observation: Observation, action: Tensor) -> Tensor:
        return ((action - self._base(observation)) / self.residual_scale).clamp(-1.0, 1.0)

    def _base(self, observation: Observation) -> Tensor:
        return self.scale.to_unit(observation[BASE_ACTION])
