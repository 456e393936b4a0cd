"""A residual on a frozen base policy, learnt off-policy (ResFiT, arXiv 2509.19301).

With `deviation` the correction is explored by fixed noise, as in the paper; without it an entropy temperature decides,
which can grow the noise to the whole of `scale`. `growth` lets corrections become large only as the critics come to
know them (the progressive schedule of Policy Decorator, Yuan et al., arXiv 2412.13630, there of how often a correction
is applied). `restraint` is the behaviour-cloning term of TD3+BC (Fujimoto and Gu, arXiv 2106.06860, eq. 5) with the
base as the behaviour: a correction must be worth its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.actors import Actor
from robot_rl.learn.online.features import Features
from robot_rl.learn.online.improvers.actor_critic import ActorCritic
from robot_rl.learn.online.improvers.improver import Observation, Parts, UseOfBase
from robot_rl.learn.online.networks import TanhGaussian, TanhNoise
from robot_rl.learn.online.observe import BASE_ACTION
from robot_rl.learn.online.replay import Replay
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.scale import ActionScale
from robot_rl.policies.options import require_at_least

LEAST = 0.1
"""The smallest share of its scale that a growing correction begins with, and of its range that an action is held to
have been demonstrated in."""


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
    growth: int = 0
    """Robot steps, from the actor's first update on, over which the largest correction grows from a tenth of `scale`
    to all of it, noise with it; 0: all of it at once."""
    as_demonstrated: bool = False
    """Whether an action's `scale` and `deviation` are in halves of what the demonstrations use of its range (from the
    1 % to the 99 % quantile; at least a tenth of the range) in place of all of it: what was never turned is then
    hardly turned."""

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
        require_at_least(0, self, ("growth",), error=TrainingError)

    def build(self, parts: Parts) -> Residual:
        return Residual(self, parts)


class ResidualActor(Actor):
    """a = clip(a_base + scale pi(s, a_base), -1, 1); pi begins at 0, so a at a_base.

    The sum is clipped, not its parts, and the critics see the sum.

    Args:
        residual_scale: the largest correction, in units.
        deviation: of fixed noise, in units; 0 learns it.
        restraint: as `ResidualConfig` has it.
        varying: whether only a `share` of them may count; what decides it then travels with the weights.
    """

    used: Tensor
    """(A,) how much of its range each action was demonstrated in."""
    grown: Tensor
    """() how far the correction has grown, in 0..1."""

    def __init__(
        self,
        features: Features,
        scale: ActionScale,
        hidden: Sequence[int],
        residual_scale: float,
        deviation: float = 0.0,
        restraint: float = 0.0,
        *,
        varying: bool = False,
    ) -> None:
        self.residual_scale, self.deviation, self.restraint = residual_scale, deviation, restraint
        super().__init__(features, scale, hidden)
        self.entropic = deviation == 0
        self._varying = varying
        if varying:
            self.register_buffer("used", torch.ones(self.size))
            self.register_buffer("grown", torch.ones(()))

    @property
    def share(self) -> Tensor | float:
        """(A,) of `residual_scale` and `deviation` that counts."""
        return self.used * self.grown if self._varying else 1.0

    def cost(self, observation: Observation) -> Tensor | float:
        """restraint * mean pi(s, a_base)^2."""
        if not self.restraint:
            return 0.0
        return self.restraint * self.network.mode(self._input(observation)).square().mean()

    def combine(self, observation: Observation, raw: Tensor) -> Tensor:
        return (self._base(observation) + self.residual_scale * self.share * raw).clamp(-1.0, 1.0)

    def _network(self, hidden: Sequence[int]) -> TanhGaussian | TanhNoise:
        inputs = self.features.size + self.size
        if self.deviation:
            return TanhNoise(inputs, self.size, hidden, self.deviation / self.residual_scale)
        return TanhGaussian(inputs, self.size, hidden, zero_output=True)

    def _input(self, observation: Observation) -> Tensor:
        return torch.cat([self.features(observation), self._base(observation)], dim=1)

    def _separate(self, observation: Observation, action: Tensor) -> Tensor:
        return ((action - self._base(observation)) / (self.residual_scale * self.share)).clamp(-1.0, 1.0)

    def _base(self, observation: Observation) -> Tensor:
        return self.scale.to_unit(observation[BASE_ACTION])


class Residual(ActorCritic):
    """Soft actor-critic of a correction whose largest size may follow the demonstrations and the session's age."""

    agent: ResidualActor

    def __init__(self, config: ResidualConfig, parts: Parts) -> None:
        scale, varying = ActionScale(parts.spec.action), config.growth > 0 or config.as_demonstrated
        own, hidden = (config.scale, config.deviation, config.restraint), config.sac.hidden
        super().__init__(
            config.sac, parts, lambda features: ResidualActor(features, scale, hidden, *own, varying=varying)
        )
        self.options = config

    def begin(self, replay: Replay) -> None:
        super().begin(replay)
        if self.options.as_demonstrated:
            rows = replay.views["demonstrations"].rows
            self.agent.used.copy_(demonstrated(replay.columns["action"][rows], self.agent.scale))
        self._grow()

    def update(self, replay: Replay, rng: np.random.Generator) -> dict[str, float]:
        figures = super().update(replay, rng)
        self._grow()
        return figures

    def _grow(self) -> None:
        if self.options.growth:
            age = (self.sac.groups - self.config.critics_first) / self.options.growth
            self.agent.grown.fill_(LEAST + (1 - LEAST) * min(max(age, 0.0), 1.0))


def demonstrated(actions: NDArray[np.floating[Any]], scale: ActionScale) -> Tensor:
    """How much of its range each action was demonstrated in, from the 1 % to the 99 % quantile, LEAST or more: (A,).

    Args:
        actions: (N, A) physical; none leaves the whole range.
    """
    if not len(actions):
        return torch.ones(scale.size)
    units = scale.to_unit(torch.from_numpy(actions).float())
    low, high = torch.quantile(units, torch.tensor([0.01, 0.99]), dim=0)
    return ((high - low) / 2).clamp(LEAST, 1.0)
