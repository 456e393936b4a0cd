"""An improver made of soft actor-critic and a kind of actor; what differs between its kinds is the actor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from robot_rl.learn.online import checkpoint
from robot_rl.learn.online.actors import Actor
from robot_rl.learn.online.batch import Batch
from robot_rl.learn.online.features import Features
from robot_rl.learn.online.improvers.improver import Parts
from robot_rl.learn.online.replay import Replay
from robot_rl.learn.online.sac import Sac, SacConfig


class ActorCritic:
    """`utd` critic updates after each robot step, each with the same share of demonstrations, then one of the actor.

    Args:
        make: the actor on top of features.
    """

    def __init__(self, config: SacConfig, parts: Parts, make: Callable[[Features], Actor]) -> None:
        self.config, self.parts = config, parts
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(parts.seed)
            actor = make(Features.of(parts, config.features))
        self.agent = actor.to(parts.device)
        self.sac = self._sac()
        self.span = config.n_step

    def _sac(self) -> Sac:
        return Sac(self.config, self.agent, self.parts.device, self.parts.seed)

    @property
    def updates(self) -> int:
        return self.sac.updates

    @property
    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        """By name; their learning rates may be changed."""
        return self.sac.optimizers

    def begin(self, replay: Replay) -> None:
        """Fit the observations' scale to the demonstrations, for good."""
        self.agent.features.fit(replay)

    def prepare(self, replay: Replay, rng: np.random.Generator) -> float:
        return 1.0

    def update(self, replay: Replay, rng: np.random.Generator) -> dict[str, float]:
        return self.sac.update([self.draw(replay, rng) for _ in range(self.config.utd)])

    def draw(self, replay: Replay, rng: np.random.Generator) -> Batch:
        """The batch of one critic update."""
        c = self.config
        return self.parts.sampling.draw(replay, rng, c.batch, c.gamma, self.agent.scale, self.parts.device)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        sac = self.sac
        tensors = {"log_alpha": sac.log_alpha.detach(), "noise": sac.generator.get_state()}
        tensors |= checkpoint.module_state(sac.modules) | checkpoint.optimizer_state(sac.optimizers)
        return tensors, {"updates": sac.updates, "groups": sac.groups}

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> None:
        sac = self.sac
        sac.log_alpha.copy_(tensors["log_alpha"])
        sac.generator.set_state(tensors["noise"])
        checkpoint.restore_modules(sac.modules, tensors)
        checkpoint.restore_optimizers(sac.optimizers, tensors)
        sac.updates, sac.groups = int(document["updates"]), int(document["groups"])
