"""Soft actor-critic with an ensemble: one update reads as the paper's equations.

Haarnoja et al., "Soft actor-critic algorithms and applications", 2018; the subset minimum in targets from REDQ
(Chen et al., 2021), the actor on the ensemble's mean and the entropy-free targets from RLPD (Ball et al., 2023).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor, nn

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.actor import StateActor
from robot_rl.learn.online.config import SacConfig
from robot_rl.learn.online.networks import Critics, follow
from robot_rl.learn.online.replay import Transitions


@dataclass(frozen=True)
class Batch:
    """Transitions as tensors; actions in units."""

    observation: dict[str, Tensor]  # (B, *shape) by field
    action: Tensor  # (B, A) the first action executed
    reward: Tensor  # (B,) summed over the steps executed, discounted
    bootstrap: Tensor  # (B,) gamma^k, 0 where the task terminated
    next_observation: dict[str, Tensor]  # (B, *shape) k steps on
    weight: Tensor  # (B,)
    human: Tensor  # (B,) bool


def to_batch(transitions: Transitions, actor: StateActor, device: torch.device) -> Batch:
    """Tensors on `device`; actions in the actor's units."""

    def tensor(values: np.ndarray) -> Tensor:
        out = torch.from_numpy(values).to(device)
        return out.float() if out.dtype == torch.float64 else out

    return Batch(
        observation={n: tensor(v) for n, v in transitions.observation.items()},
        action=actor.scale.to_unit(tensor(transitions.action[:, 0])),
        reward=tensor(transitions.returns.reward),
        bootstrap=tensor(transitions.returns.bootstrap),
        next_observation={n: tensor(v) for n, v in transitions.next_observation.items()},
        weight=tensor(transitions.weight),
        human=tensor(transitions.human),
    )


class Sac:
    """Actor, critics, their targets, temperature and optimisers; `update` improves them.

    Args:
        actor: on `device`.
        state_size: what the critics see of an observation.
        seed: of all noise drawn here, and of the critics' first weights.
    """

    def __init__(
        self, config: SacConfig, actor: StateActor, state_size: int, action_size: int, device: torch.device, seed: int
    ) -> None:
        self.config, self.actor, self.device = config, actor, device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            critics = Critics(config.critics, state_size + action_size, config.hidden, layer_norm=config.layer_norm)
        self.critics = critics.to(device)
        self.targets = copy.deepcopy(self.critics).requires_grad_(False)
        self.log_alpha = nn.Parameter(torch.tensor(math.log(config.temperature), device=device))
        self.target_entropy = -action_size / 2 if config.target_entropy is None else config.target_entropy
        self.optimizers = {
            "actor": torch.optim.Adam(actor.parameters(), lr=config.actor_lr, fused=True),
            "critics": torch.optim.Adam(self.critics.parameters(), lr=config.critic_lr, fused=True),
            "temperature": torch.optim.Adam([self.log_alpha], lr=config.temperature_lr),
        }
        self.generator = Generator(device).manual_seed(seed)
        self.updates = 0
        """Critic updates so far."""
        self.groups = 0
        """Calls of `update` so far."""

    @property
    def alpha(self) -> float:
        """The temperature."""
        return float(self.log_alpha.detach().exp())

    def update(self, batches: Sequence[Batch]) -> dict[str, float]:
        """A critic update for each batch, then one of actor and temperature on the last; returns the figures.

        Raises:
            TrainingError: a loss is not finite; nothing has been changed by that step.
        """
        figures: dict[str, float] = {}
        for batch in batches:
            figures |= self._update_critics(batch)
        self.groups += 1
        if self.groups % self.config.actor_delay == 0:
            figures |= self._update_actor(batches[-1])
        return figures

    @torch.no_grad()
    def target(self, batch: Batch) -> Tensor:
        """y = R + bootstrap min_{e in subset} Q'_e(s', a'), a' ~ pi(s'); optionally less alpha log pi; (B,)."""
        action, log_density = self.actor.sample(batch.next_observation, self.generator)
        members = torch.randperm(self.config.critics, generator=self.generator, device=self.device)
        values = self.targets(self.actor.state(batch.next_observation), action)[members[: self.config.subset]]
        value = values.min(dim=0).values
        if self.config.backup_entropy:
            value = value - self.log_alpha.exp() * log_density
        out: Tensor = batch.reward + batch.bootstrap * value
        return out

    def critic_loss(self, batch: Batch, target: Tensor) -> Tensor:
        """sum_e mean_b w (Q_e(s, a) - y)^2."""
        values = self.critics(self.actor.state(batch.observation), batch.action)
        out: Tensor = (batch.weight * (values - target) ** 2).mean(dim=1).sum()
        return out

    def actor_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """mean_b alpha log pi(a | s) - mean_e Q_e(s, a), a ~ pi(s), and the log-densities (B,)."""
        action, log_density = self.actor.sample(batch.observation, self.generator)
        value = self.critics(self.actor.state(batch.observation), action).mean(dim=0)
        loss = (self.log_alpha.exp().detach() * log_density - value).mean()
        if self.config.imitation > 0 and bool(batch.human.any()):
            imitated = self.actor.log_prob(batch.observation, batch.action)[batch.human]
            loss = loss - self.config.imitation * imitated.mean()
        return loss, log_density.detach()

    def temperature_loss(self, log_density: Tensor) -> Tensor:
        """-alpha (log pi + target entropy): alpha rises while the entropy lies below its target."""
        return -(self.log_alpha.exp() * (log_density + self.target_entropy)).mean()

    def _update_critics(self, batch: Batch) -> dict[str, float]:
        target = self.target(batch)
        loss = self.critic_loss(batch, target)
        self._step("critics", loss)
        follow(self.targets, self.critics, self.config.tau)
        self.updates += 1
        return {"critic_loss": loss.item() / self.config.critics, "q": target.mean().item()}

    def _update_actor(self, batch: Batch) -> dict[str, float]:
        self.critics.requires_grad_(False)
        loss, log_density = self.actor_loss(batch)
        self._step("actor", loss)
        self.critics.requires_grad_(True)
        self._step("temperature", self.temperature_loss(log_density))
        return {"actor_loss": loss.item(), "entropy": -log_density.mean().item(), "alpha": self.alpha}

    def _step(self, name: str, loss: Tensor) -> None:
        if not math.isfinite(loss.item()):
            raise TrainingError(
                f"the {name} loss is {loss.item()} after {self.updates} updates; go back to the last session saved, "
                "with a lower learning rate"
            )
        optimizer = self.optimizers[name]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
