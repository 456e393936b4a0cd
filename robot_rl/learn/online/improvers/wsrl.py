"""Warm-start reinforcement learning (Zhou et al., "Efficient online reinforcement learning fine-tuning need not retain
offline data", 2024).

Offline by Cal-QL, CQL or IQL; then the data are dropped (or kept: `keep_data`), the frozen policy fills the replay for
the session's `warmup` steps without any update, and soft actor-critic with many critics and updates goes on from the
weights. Without the warm-up the critics meet states of which they know only what the data's actions led to, and the
values collapse: keep `warmup` at some thousand steps (5000 in the paper).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from robot_rl.learn.online.batch import Batch
from robot_rl.learn.online.improvers.calql import Conservative, ConservativeSac, WithReturns
from robot_rl.learn.online.improvers.improver import Parts, UseOfBase
from robot_rl.learn.online.improvers.iql import Implicit, ImplicitQ
from robot_rl.learn.online.improvers.offline import OfflineConfig
from robot_rl.learn.online.replay import Replay
from robot_rl.learn.online.sac import Sac, SacConfig


@dataclass(frozen=True)
class WsrlConfig:
    """The paper's: ten critics, four updates of them for each robot step, an actor at a third of their rate."""

    name: ClassVar[str] = "wsrl"
    base: ClassVar[UseOfBase] = "none"

    sac: SacConfig = field(default_factory=lambda: SacConfig(critics=10, subset=2, utd=4, actor_lr=1e-4))
    """Of both phases."""
    method: Literal["calql", "iql"] = "calql"
    """How it learns offline; CQL is calql with `conservative: {calibrated: false}`."""
    conservative: Conservative = field(default_factory=Conservative)
    implicit: Implicit = field(default_factory=Implicit)
    offline: OfflineConfig = field(default_factory=OfflineConfig)
    keep_data: bool = False
    """Whether the recorded data stay, with the session's demo_share, once the robot acts."""

    def build(self, parts: Parts) -> Wsrl:
        return Wsrl(self, parts)


class Wsrl(WithReturns):
    """Offline learning, hand-over, soft actor-critic."""

    def __init__(self, config: WsrlConfig, parts: Parts) -> None:
        self.kind = config
        super().__init__(config.offline, config.sac, parts)
        self._learner: Sac | None = self._offline()

    @property
    def learner(self) -> Sac:
        """What learns: offline by its own rule, from the hand-over on by soft actor-critic."""
        return self.sac if self._learner is None else self._learner

    def prepare(self, replay: Replay, rng: np.random.Generator) -> float:
        """The offline phase, and at its end the hand-over."""
        share = super().prepare(replay, rng)
        if share >= 1.0 and self._learner is not None:
            self._hand_over(self._learner, replay)
        return share

    def batch(self, replay: Replay, rng: np.random.Generator, shares: Mapping[str, float]) -> Batch:
        """Online without the old data there are only the robot's own steps, whoever drove."""
        online = self._learner is None and not self.kind.keep_data
        return super().batch(replay, rng, {"online": 1.0} if online else shares)

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, Tensor], document: Mapping[str, Any]) -> None:
        """Only what comes after the hand-over is saved."""
        super().restore(tensors, document)
        self._learner = None

    def _offline(self) -> Sac:
        c, device, seed = self.kind, self.parts.device, self.parts.seed
        if c.method == "iql":
            return ImplicitQ(c.sac, c.implicit, self.agent, device, seed)
        return ConservativeSac(c.sac, c.conservative, self.agent, device, seed)

    @torch.no_grad()
    def _hand_over(self, learner: Sac, replay: Replay) -> None:
        """Critics, their targets and the temperature go on; the optimisers begin anew."""
        for name, module in self.sac.modules.items():
            module.load_state_dict(learner.modules[name].state_dict())
        self.sac.log_alpha.copy_(learner.log_alpha)
        self.sac.updates = learner.updates
        self._learner = None
        if not self.kind.keep_data:
            replay.retire()
