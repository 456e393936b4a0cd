"""Conservative and calibrated Q-learning, offline and then online.

Kumar et al., "Conservative Q-learning for offline reinforcement learning" (CQL), 2020: values of actions that are not
in the data are pushed down. Nakamoto et al., "Cal-QL: calibrated offline RL pre-training for efficient online
fine-tuning", 2023: never below what the data's own policy got from there, so that the first steps online do not undo
what was learnt. Weight 5 for mazes (antmaze), 1 for few human demonstrations (adroit).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.actors import Actor
from robot_rl.learn.online.batch import Batch
from robot_rl.learn.online.improvers.improver import Parts, UseOfBase
from robot_rl.learn.online.improvers.offline import Offline, OfflineConfig
from robot_rl.learn.online.monte_carlo import MonteCarlo
from robot_rl.learn.online.observe import IMAGE
from robot_rl.learn.online.replay import Replay
from robot_rl.learn.online.sac import Sac, SacConfig


@dataclass(frozen=True)
class Conservative:
    """What conservative Q-learning adds to soft actor-critic."""

    weight: float = 5.0
    """Of the penalty: 5 (antmaze), 1 (adroit)."""
    samples: int = 10
    """Uniform actions, actions of pi(s) and actions of pi(s'), so many of each."""
    calibrated: bool = True
    """Cal-QL; without, CQL."""

    def __post_init__(self) -> None:
        if self.weight < 0 or self.samples < 1:
            raise TrainingError(
                f"conservative: weight is {self.weight}, samples {self.samples}; at least 0 and 1 are needed"
            )


@dataclass(frozen=True)
class CalQlConfig:
    """Cal-QL, offline and then online."""

    name: ClassVar[str] = "calql"
    base: ClassVar[UseOfBase] = "none"

    sac: SacConfig = field(default_factory=lambda: SacConfig(critics=2, subset=2, utd=1))
    conservative: Conservative = field(default_factory=Conservative)
    offline: OfflineConfig = field(default_factory=OfflineConfig)

    def build(self, parts: Parts) -> CalQl:
        return CalQl(self, parts)


@dataclass(frozen=True)
class FlooredBatch(Batch):
    """Transitions with what the data's own policy got."""

    floor: Tensor  # (B,) Monte-Carlo return from the observation on; -inf where it is not known

    @classmethod
    def of(cls, batch: Batch, floor: NDArray[np.float64]) -> FlooredBatch:
        own = {f.name: getattr(batch, f.name) for f in fields(batch)}
        return cls(**own, floor=torch.from_numpy(floor).to(batch.reward))


def penalty(unseen: Tensor, log_density: Tensor, seen: Tensor) -> Tensor:
    """log sum_i exp(Q(s, a_i) - log p(a_i)) - Q(s, a), (E, B): how far unseen actions are valued above the data's.

    Args:
        unseen: (E, B, N) values of the actions drawn.
        log_density: (B, N) of what each was drawn from.
        seen: (E, B) values of the data's actions.
    """
    return torch.logsumexp(unseen - log_density, dim=2) - seen


class ConservativeSac(Sac):
    """Soft actor-critic whose critics also minimise the penalty."""

    def __init__(
        self, config: SacConfig, conservative: Conservative, actor: Actor, device: torch.device, seed: int
    ) -> None:
        super().__init__(config, actor, device, seed)
        self.conservative = conservative

    def critic_loss(self, batch: Batch, target: Tensor) -> Tensor:
        """sum_e of the error in y, mean over the batch, + weight penalty_e."""
        values = self.critics(self.actor.features(batch.observation), self.actor.executed(batch))
        actions, log_density = self.proposals(batch)
        unseen = self.floored(self.values_of(batch, actions), batch)
        out: Tensor = (
            super().critic_loss(batch, target)
            + self.conservative.weight * penalty(unseen, log_density, values).mean(dim=1).sum()
        )
        return out

    @torch.no_grad()
    def proposals(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """`samples` each of uniform actions, of pi(s) and of pi(s'), all to be valued at s: (B, 3 n, D) in units, and
        the log-densities (B, 3 n) they were drawn with."""
        n, size = self.conservative.samples, self.actor.critic_size
        uniform = torch.rand((len(batch), n, size), generator=self.generator, device=self.device) * 2 - 1
        density = torch.full((len(batch), n), -size * math.log(2.0), device=self.device)
        actions, densities = [uniform], [density]
        for observation in (batch.observation, batch.next_observation):
            repeated = {k: v.repeat_interleave(n, dim=0) for k, v in observation.items() if not k.startswith(IMAGE)}
            action, log_density = self.actor.sample(repeated, self.generator)
            actions.append(action.unflatten(0, (-1, n)))
            densities.append(log_density.unflatten(0, (-1, n)))
        return torch.cat(actions, dim=1), torch.cat(densities, dim=1)

    def values_of(self, batch: Batch, actions: Tensor) -> Tensor:
        """(E, B, N) of actions (B, N, D)."""
        state = self.actor.features(batch.observation).repeat_interleave(actions.shape[1], dim=0)
        out: Tensor = self.critics(state, actions.flatten(0, 1)).unflatten(1, actions.shape[:2])
        return out

    def floored(self, values: Tensor, batch: Batch) -> Tensor:
        """The policy's actions are valued no lower than the return the data got from there; uniform ones as they are.
        Without gradient where the return is the higher: there is nothing left to push down."""
        if not isinstance(batch, FlooredBatch) or not self.conservative.calibrated:
            return values
        uniform, own = values.split([self.conservative.samples, 2 * self.conservative.samples], dim=2)
        return torch.cat([uniform, torch.maximum(own, batch.floor[None, :, None])], dim=2)


class WithReturns(Offline):
    """Batches with Monte-Carlo returns."""

    _returns: tuple[Replay, MonteCarlo] | None = None

    def at(self, replay: Replay, rows: NDArray[np.int64]) -> Batch:
        if self._returns is None or self._returns[0] is not replay:
            shaping, scale = self.parts.sampling.shaping, self.options.scale
            potential = None if shaping is None else lambda window: scale * shaping.of(window)
            self._returns = (replay, MonteCarlo(replay, self.label, self.config.gamma, self.options.offset, potential))
        return FlooredBatch.of(super().at(replay, rows), self._returns[1].at(rows))


class CalQl(WithReturns):
    """Cal-QL on what is recorded, then with every robot step."""

    def __init__(self, config: CalQlConfig, parts: Parts) -> None:
        self.conservative = config.conservative
        super().__init__(config.offline, config.sac, parts)

    def _sac(self) -> Sac:
        return ConservativeSac(self.config, self.conservative, self.agent, self.parts.device, self.parts.seed)
