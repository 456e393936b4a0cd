"""Implicit Q-learning (Kostrikov et al., "Offline reinforcement learning with implicit Q-learning", 2021).

No action is ever evaluated that is not in the data: V is an upper expectile of Q over the data's actions, Q bootstraps
from V, and the policy imitates the data's actions by their advantage. The paper's settings: expectile .9 and
temperature 10 where routes must be put together (antmaze), .7 and .5 for few human demonstrations (adroit), .7 and 3
for locomotion. Online the same updates go on.

Here the policy is a tanh-Gaussian (the paper's has one deviation for all states), and Q is the least of `subset` of the
lagged critics: of both, in the paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.actors import Actor
from robot_rl.learn.online.batch import Batch
from robot_rl.learn.online.improvers.improver import Parts, UseOfBase
from robot_rl.learn.online.improvers.offline import Offline, OfflineConfig
from robot_rl.learn.online.networks import Critics
from robot_rl.learn.online.sac import Sac, SacConfig


@dataclass(frozen=True)
class Implicit:
    """What implicit Q-learning adds to critics and an actor."""

    expectile: float = 0.9
    """tau, in (0, 1): .5 gives the data's value, towards 1 that of its best actions."""
    temperature: float = 10.0
    """beta: 0 imitates everything alike, large values the best alone."""
    most: float = 100.0
    """Largest weight of an action in the policy's loss."""

    def __post_init__(self) -> None:
        if not (0 < self.expectile < 1 and self.temperature >= 0 and self.most > 0):
            raise TrainingError(
                f"implicit: expectile is {self.expectile}, temperature {self.temperature}, most {self.most}; expectile "
                "must lie in (0, 1), temperature at or above 0, most above 0"
            )


@dataclass(frozen=True)
class IqlConfig:
    """Implicit Q-learning, offline and then online."""

    name: ClassVar[str] = "iql"
    base: ClassVar[UseOfBase] = "none"

    sac: SacConfig = field(default_factory=lambda: SacConfig(critics=2, subset=2, utd=1))
    """Networks, rates, discount; its temperature and entropy are not used."""
    implicit: Implicit = field(default_factory=Implicit)
    offline: OfflineConfig = field(default_factory=OfflineConfig)

    def build(self, parts: Parts) -> Iql:
        return Iql(self, parts)


class StateValue(nn.Module):
    """V(s)."""

    def __init__(self, inputs: int, hidden: Sequence[int], *, layer_norm: bool) -> None:
        super().__init__()
        self.network = Critics(1, inputs, hidden, layer_norm=layer_norm)

    def forward(self, state: Tensor) -> Tensor:
        """(B, S) to (B,)."""
        out: Tensor = self.network(state, state[:, :0])[0]
        return out


def expectile_loss(difference: Tensor, expectile: float) -> Tensor:
    """mean |tau - 1(u < 0)| u^2 over u (B,): its minimum is the tau-expectile."""
    weight = torch.where(difference < 0, 1.0 - expectile, expectile)
    return (weight * difference.square()).mean()


def advantage_weights(advantage: Tensor, temperature: float, most: float) -> Tensor:
    """min(exp(beta A), most) of advantages (B,)."""
    return (temperature * advantage).exp().clamp_max(most)


class ImplicitQ(Sac):
    """One update: V towards an expectile of Q, Q towards r + gamma V(s'), the policy towards actions of advantage."""

    def __init__(self, config: SacConfig, implicit: Implicit, actor: Actor, device: torch.device, seed: int) -> None:
        super().__init__(config, actor, device, seed)
        self.implicit = implicit
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + 1)
            value = StateValue(actor.features.size, config.hidden, layer_norm=config.layer_norm)
        self.value = value.to(device)
        self.optimizers["value"] = torch.optim.Adam(self.value.parameters(), lr=config.critic_lr, fused=True)
        del self.optimizers["temperature"]

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        return {**super().modules, "value": self.value}

    @torch.no_grad()
    def target(self, batch: Batch) -> Tensor:
        """y = R + bootstrap V(s'), (B,)."""
        out: Tensor = batch.reward + batch.bootstrap * self.value(self.actor.features(batch.next_observation))
        return out

    def value_loss(self, batch: Batch) -> Tensor:
        """E L2_tau(Q'(s, a) - V(s)) over the data's actions."""
        value = self.value(self.actor.features(batch.observation).detach())
        return expectile_loss(self._lagged(batch) - value, self.implicit.expectile)

    def actor_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """-E min(exp(beta (Q'(s, a) - V(s))), most) log pi(a | s), and the log-densities (B,) of the data's actions."""
        with torch.no_grad():
            advantage = self._lagged(batch) - self.value(self.actor.features(batch.observation))
            weight = advantage_weights(advantage, self.implicit.temperature, self.implicit.most)
        log_density = self.actor.log_prob(batch.observation, self.actor.executed(batch))
        return -(weight * log_density).mean(), log_density.detach()

    def _update_critics(self, batch: Batch) -> dict[str, float]:
        loss = self.value_loss(batch)
        self._step("value", loss)
        return super()._update_critics(batch) | {"value_loss": loss.item()}

    def _update_actor(self, batch: Batch) -> dict[str, float]:
        loss, log_density = self.actor_loss(batch)
        self._step("actor", loss)
        return {"actor_loss": loss.item(), "log_density": log_density.mean().item()}

    @torch.no_grad()
    def _lagged(self, batch: Batch) -> Tensor:
        """Q'(s, a), the least of a subset of the lagged critics, (B,)."""
        members = torch.randperm(self.config.critics, generator=self.generator, device=self.device)
        values = self.targets(self.actor.features(batch.observation), self.actor.executed(batch))
        return values[members[: self.config.subset]].min(dim=0).values


class Iql(Offline):
    """Implicit Q-learning on what is recorded, then with every robot step."""

    def __init__(self, config: IqlConfig, parts: Parts) -> None:
        self.implicit = config.implicit
        super().__init__(config.offline, config.sac, parts)

    def _sac(self) -> Sac:
        return ImplicitQ(self.config, self.implicit, self.agent, self.parts.device, self.parts.seed)
