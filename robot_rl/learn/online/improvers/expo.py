"""Expressive policy, edited (Dong et al., EXPO, 2025): choose by value among a base's actions and edits of them.

The base proposes N chunks; a Gaussian edit policy, bounded by beta and learnt by soft actor-critic, changes each; the
best of all 2 N by the critics' mean is executed, and the same choice forms the TD target. Edits never enter an
imitation loss. With `edits: false` the base's own chunks are all there is to choose from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from torch import Generator, Tensor

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.base import Base, required
from robot_rl.learn.online.features import Features
from robot_rl.learn.online.improvers.actor_critic import ActorCritic
from robot_rl.learn.online.improvers.improver import Observation, Parts, UseOfBase
from robot_rl.learn.online.improvers.proposals import CANDIDATES, ProposalActor, check
from robot_rl.learn.online.networks import Critics, TanhGaussian
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.scale import ActionScale


@dataclass(frozen=True)
class ExpoConfig:
    """The paper's settings, with fewer critics and updates."""

    name: ClassVar[str] = "expo"
    base: ClassVar[UseOfBase] = "sampled"

    sac: SacConfig = field(default_factory=lambda: SacConfig(utd=4))
    candidates: int = 8
    """N, of the base's chunks to choose from."""
    edits: bool = True
    """Whether each is also edited."""
    beta: float = 0.3
    """The largest edit, in halves of each action's range (.05 to .7 in the paper)."""
    steps: int = 1
    """Actions of a chunk that are played before the next choice; 0 takes the base's own."""

    def __post_init__(self) -> None:
        if self.candidates < 1 or not 0 < self.beta < np.inf:
            raise TrainingError(
                f"expo: candidates is {self.candidates} and beta {self.beta}; at least 1 and above 0 are needed"
            )
        check(self.sac, self.name, self.steps)

    def build(self, parts: Parts) -> Expo:
        return Expo(self, parts)


class EditingActor(ProposalActor):
    """The best of the base's chunks and their edits."""

    def __init__(self, features: Features, scale: ActionScale, config: ExpoConfig, base: Base) -> None:
        super().__init__(features, scale, config.sac.hidden, base, config.candidates)
        self.config = config

    def pool(self, observation: Observation, critics: Critics, generator: Generator | None) -> Tensor:
        candidates = observation[CANDIDATES]
        if not self.config.edits:
            return candidates
        edited, _ = self._edited(self.features(observation), candidates, generator)
        return torch.cat([candidates, edited], dim=1)

    def sample(self, observation: Observation, generator: Generator | None = None) -> tuple[Tensor, Tensor]:
        """An edited candidate (B, D) that gradients pass through, and the log-density (B,) of the edit."""
        candidates = observation[CANDIDATES]
        index = torch.randint(self.count, (len(candidates), 1), generator=generator, device=candidates.device)
        one = candidates.gather(1, index[..., None].expand(-1, -1, self.size))
        edited, log_density = self._edited(self.features(observation), one, generator)
        return edited[:, 0], log_density[:, 0]

    def _network(self, hidden: Sequence[int]) -> TanhGaussian:
        return TanhGaussian(self.features.size + self.size, self.size, hidden, zero_output=True)

    def _edited(self, features: Tensor, candidates: Tensor, generator: Generator | None) -> tuple[Tensor, Tensor]:
        """Candidates (B, M, D), each with an edit of its own, and the edits' log-densities (B, M)."""
        count = candidates.shape[1]
        x = torch.cat([features.repeat_interleave(count, dim=0), candidates.flatten(0, 1)], dim=1)
        if generator is None:
            edit, log_density = self.network.mode(x), torch.zeros(len(x), device=x.device)
        else:
            edit, log_density = self.network.sample(x, generator)
        edited = (candidates.flatten(0, 1) + self.config.beta * edit).clamp(-1.0, 1.0)
        return edited.unflatten(0, (-1, count)), log_density.unflatten(0, (-1, count))


class Expo(ActorCritic):
    """Soft actor-critic of edits, acting and bootstrapping by the choice."""

    def __init__(self, config: ExpoConfig, parts: Parts) -> None:
        base = Base(required(parts.base, config.name), config.steps)
        scale = ActionScale(parts.spec.action)
        super().__init__(config.sac, parts, lambda features: EditingActor(features, scale, config, base))
        self.span = max(config.sac.n_step, base.steps)
