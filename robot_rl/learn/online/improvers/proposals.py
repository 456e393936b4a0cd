"""Choosing by value among what a base proposes: what EXPO and PA-RL share.

The proposals for a row are drawn once, when the row comes in, and kept with it: the target's choice is among draws of
the same distribution as fresh ones would be, as long as the base stays as it is. An actor whose base changes draws
anew in `next_action`, as PA-RL's does.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.actors import Actor
from robot_rl.learn.online.base import Base
from robot_rl.learn.online.batch import Batch
from robot_rl.learn.online.chunks import executed_chunk
from robot_rl.learn.online.features import ENCODED, Features
from robot_rl.learn.online.improvers.improver import Answer, Mode, Observation
from robot_rl.learn.online.networks import Critics
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.scale import ActionScale

CANDIDATES = "candidates"
"""The field of what the base proposes, (N, D) in units."""


class ProposalActor(Actor):
    """Carries out the best by the critics' mean of what can be made of the base's chunks.

    Args:
        count: N, of chunks proposed.
    """

    critics: Critics

    def __init__(self, features: Features, scale: ActionScale, hidden: Sequence[int], base: Base, count: int) -> None:
        super().__init__(features, scale, hidden, base.size)
        self.base, self.count = base, count
        self.considered = {**self.considered, CANDIDATES: ((count, base.size), "float32")}

    def consider(self, observation: Observation, generator: Generator) -> dict[str, Tensor]:
        own = super().consider(observation, generator)
        return {**own, CANDIDATES: self.base.candidates(observation, self.count, generator)}

    def act(self, observation: Observation, mode: Mode, generator: Generator) -> Answer:
        """Warming up, the first of the base's chunks: what the base would do."""
        if mode == "warmup":
            return self.answer(observation, observation[CANDIDATES][:, 0])
        return self.answer(observation, self.choose(observation, self.critics, generator if mode == "sample" else None))

    def answer(self, observation: Observation, action: Tensor) -> Answer:
        return Answer(action.unflatten(1, (self.base.steps, self.scale.size)))

    def pool(self, observation: Observation, critics: Critics, generator: Generator | None) -> Tensor:
        """(B, M, D) to choose from; without a generator nothing is drawn."""
        raise NotImplementedError

    def choose(self, observation: Observation, critics: Critics, generator: Generator | None) -> Tensor:
        """argmax over the pool of the critics' mean, (B, D)."""
        features = self.features(observation)
        pool = self.pool({**observation, ENCODED: features}, critics, generator)
        return best(pool, mean_values(critics, features, pool), 1)[:, 0]

    def next_action(self, observation: Observation, critics: Critics, generator: Generator) -> tuple[Tensor, Tensor]:
        """The choice that acting makes: the target is of the policy that is deployed."""
        chosen = self.choose(observation, critics, generator)
        return chosen, torch.zeros(len(chosen), device=chosen.device)

    def executed(self, batch: Batch) -> Tensor:
        return executed_chunk(batch, self.base.steps)

    def follow(self, critics: Critics) -> None:
        self.critics = critics


def mean_values(critics: Critics, features: Tensor, pool: Tensor) -> Tensor:
    """Mean over the ensemble (B, M) of the values of a pool (B, M, D) at features (B, S)."""
    count = pool.shape[1]
    values = critics(features.repeat_interleave(count, dim=0), pool.flatten(0, 1)).mean(dim=0)
    return values.unflatten(0, (-1, count))


def best(pool: Tensor, values: Tensor, count: int) -> Tensor:
    """The `count` of a pool (B, M, D) with the highest values (B, M), best first: (B, count, D)."""
    index = values.topk(count, dim=1).indices
    return pool.gather(1, index[..., None].expand(-1, -1, pool.shape[2]))


def check(sac: SacConfig, improver: str, steps: int) -> None:
    """Raise TrainingError for settings that a choice by value has no meaning for."""
    if sac.backup_entropy:
        raise TrainingError(f"{improver}: the target is of the best action, which has no density: backup_entropy off")
    if sac.imitation > 0:
        raise TrainingError(f"{improver}: sac.imitation must be 0; edits stay out of imitation")
    if steps != 1 and sac.n_step != 1:
        raise TrainingError(f"{improver}: n_step is {sac.n_step}; with chunks of several steps it must be 1")
