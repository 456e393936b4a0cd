"""Soft actor-critic with an ensemble: one update reads as the paper's equations.

Haarnoja et al., "Soft actor-critic algorithms and applications", 2018; the subset minimum in targets from REDQ
(Chen et al., 2021), the actor on the ensemble's mean and the entropy-free targets from RLPD (Ball et al., 2023).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from torch import Generator, Tensor, nn

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.actors import Actor
from robot_rl.learn.online.batch import Batch
from robot_rl.learn.online.bins import ValueBins
from robot_rl.learn.online.features import ENCODED, Features, FeaturesConfig
from robot_rl.learn.online.networks import Critics, pairs
from robot_rl.learn.online.steady import Steady
from robot_rl.policies.options import require_at_least


@dataclass(frozen=True)
class SacConfig:
    """Soft actor-critic (Haarnoja et al., 2018) with the choices of RLPD (Ball et al., 2023)."""

    critics: int = 10
    """Members of the ensemble."""
    subset: int = 2
    """Members drawn for each target, of which the least counts."""
    hidden: tuple[int, ...] = (256, 256)
    layer_norm: bool = True
    """In the critics."""
    bfloat16: bool = False
    """The critics' matrix products in half precision: quicker where the processor has it, with coarser values."""
    features: FeaturesConfig = field(default_factory=FeaturesConfig)
    """Of vectors and pictures."""
    bins: int = 0
    """Critics give distributions over this many bins of `value_range`, by classification; 0 regresses values."""
    value_range: tuple[float, float] = (-0.1, 1.1)
    """Returns beyond it cannot be told apart."""
    gamma: float = 0.97
    n_step: int = 1
    """Steps of reward before the bootstrap."""
    tau: float = 0.005
    """How far the targets move with each critic update."""
    actor_lr: float = 3e-4
    critic_lr: float = 3e-4
    temperature_lr: float = 3e-4
    temperature: float = 0.1
    """At the start."""
    target_entropy: float | None = None
    """None: minus half the number of actions (HIL-SERL)."""
    backup_entropy: bool = False
    """Whether targets hold the entropy bonus."""
    imitation: float = 0.0
    """Weight of -log pi(a | s) of the human's steps in the actor's loss; 0 for none."""
    batch: int = 256
    utd: int = 2
    """Critic updates for each robot step, followed by one of the actor."""
    actor_delay: int = 1
    """Robot steps between updates of actor and temperature."""
    averaging: float = 0.0
    """Decay, with each robot step, of an average of the agent's weights that acts when it is deployed or evaluated,
    while the newest weights explore; 0 deploys the newest."""
    critics_first: int = 0
    """Robot steps in which the critics alone learn, before the actor's first update: values that know little lead an
    actor away from its base at once."""

    def __post_init__(self) -> None:
        if not 1 <= self.subset <= self.critics:
            raise TrainingError(f"subset is {self.subset}; it must lie in 1..{self.critics}, the number of critics")
        low, high = self.value_range
        if self.bfloat16 and not self.layer_norm:
            raise TrainingError("bfloat16 is for critics with layer_norm: without it their values are not bounded")
        if self.bins < 0 or self.bins == 1 or not -math.inf < low < high < math.inf:
            raise TrainingError(
                f"bins is {self.bins} and value_range {self.value_range}; bins must be 0 or at least 2, the range "
                "finite and rising"
            )
        require_at_least(1, self, ("n_step", "batch", "utd", "actor_delay"), error=TrainingError)
        require_at_least(0, self, ("critics_first",), error=TrainingError)
        if not 0 <= self.averaging < 1:
            raise TrainingError(f"averaging is {self.averaging}; a decay must lie in [0, 1), 0 for no average")
        if not (0 < self.gamma < 1 and 0 < self.tau <= 1 and self.temperature > 0):
            raise TrainingError(
                f"gamma is {self.gamma}, tau {self.tau}, temperature {self.temperature}; gamma must lie in (0, 1), "
                "tau in (0, 1], the temperature above 0"
            )


class Sac:
    """Actor, critics, their targets, temperature and optimisers; `update` improves them.

    Args:
        actor: on `device`.
        seed: of all noise drawn here, and of the critics' first weights.
    """

    def __init__(self, config: SacConfig, actor: Actor, device: torch.device, seed: int) -> None:
        self.config, self.actor, self.device = config, actor, device
        inputs = actor.features.size + actor.critic_size
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            bins = ValueBins(config.bins, *config.value_range) if config.bins else None
            norm, half = config.layer_norm, config.bfloat16
            critics = Critics(config.critics, inputs, config.hidden, layer_norm=norm, bins=bins, bfloat16=half)
        self.critics = critics.to(device)
        self.targets = copy.deepcopy(self.critics).requires_grad_(False)
        encoder = [p for _, p in actor.features.trained()]
        self.target_features: Features = actor.features.lagged() if encoder else actor.features
        """Features that targets are made of, those of the next action included."""
        actor.follow(self.critics)
        self.log_alpha = nn.Parameter(torch.tensor(math.log(config.temperature), device=device))
        self.target_entropy = -actor.size / 2 if config.target_entropy is None else config.target_entropy
        self.optimizers = {
            "critics": torch.optim.Adam([*self.critics.parameters(), *encoder], lr=config.critic_lr, fused=True),
            "temperature": torch.optim.Adam([self.log_alpha], lr=config.temperature_lr),
        }
        if trained := list(actor.trained()):
            self.optimizers["actor"] = torch.optim.Adam(trained, lr=config.actor_lr, fused=True)
        self.generator = Generator(device).manual_seed(seed)
        if config.averaging:
            actor.steady = Steady(actor, config.averaging)
        self.updates = 0
        """Critic updates so far."""
        self.groups = 0
        """Calls of `update` so far."""

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """Everything with weights, by name."""
        out: dict[str, nn.Module] = {"actor": self.actor, "critics": self.critics, "targets": self.targets}
        return out if self.target_features is self.actor.features else {**out, "target_features": self.target_features}

    @property
    def alpha(self) -> float:
        """The temperature."""
        return float(self.log_alpha.detach().exp())

    def update(self, batches: Sequence[Batch]) -> dict[str, float]:
        """A critic update for each batch, then one of actor and temperature on the last; returns the figures.

        An actor in which nothing is trained is left alone.

        Raises:
            TrainingError: a loss is not finite; nothing has been changed by that step.
        """
        figures: dict[str, float] = {}
        for batch in batches:
            seen = self.encoded(batch)
            figures |= self._update_critics(seen)
        self.groups += 1
        learnt = self.groups > self.config.critics_first and self.groups % self.config.actor_delay == 0
        if "actor" in self.optimizers and learnt:
            figures |= self._update_actor(self.detached(seen))
        if self.actor.steady is not None:
            self.actor.steady.follow(self.actor)
        return figures

    def encoded(self, batch: Batch) -> Batch:
        """The batch with its features, each computed once: of s by the encoder that the critics' loss trains, of s' by
        the lagged one. Pictures are shifted at random before."""
        features, lagged = self.actor.features, self.target_features
        now = features.shifted(batch.observation, self.generator)
        after = lagged.shifted(batch.next_observation, self.generator)
        with torch.no_grad():
            after[ENCODED] = lagged.encode(after)
        now[ENCODED] = features.encode(now)
        return replace(batch, observation=now, next_observation=after)

    @torch.no_grad()
    def target(self, batch: Batch) -> Tensor:
        """y = R + bootstrap min_{e in subset} Q'_e(s', a'), a' of the policy at s'; perhaps less alpha log pi; (B,)."""
        action, log_density = self.actor.next_action(batch.next_observation, self.targets, self.generator)
        members = torch.randperm(self.config.critics, generator=self.generator, device=self.device)
        subset = members[: self.config.subset] if self.config.subset < self.config.critics else None
        value = self.targets(self.target_features(batch.next_observation), action, subset).min(dim=0).values
        if self.config.backup_entropy:
            value = value - self.log_alpha.exp() * log_density
        out: Tensor = batch.reward + batch.bootstrap * value
        return out

    def critic_loss(self, batch: Batch, target: Tensor) -> Tensor:
        """sum_e mean_b w (Q_e(s, a) - y)^2; with bins the cross-entropy in place of the square."""
        error = self.critics.error(self.actor.features(batch.observation), self.actor.executed(batch), target)
        out: Tensor = (batch.weight * error).mean(dim=1).sum()
        return out

    def actor_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """mean_b alpha log pi(a | s) - mean_e Q_e(s, a), a ~ pi(s), with the actor's own cost, and the log-densities
        (B,)."""
        action, log_density = self.actor.sample(batch.observation, self.generator)
        value = self.critics(self.actor.features(batch.observation), action).mean(dim=0)
        loss = (self.log_alpha.exp().detach() * log_density - value).mean() + self.actor.cost(batch.observation)
        if self.config.imitation > 0 and bool(batch.human.any()):
            imitated = self.actor.log_prob(batch.observation, self.actor.executed(batch))[batch.human]
            loss = loss - self.config.imitation * imitated.mean()
        return loss, log_density.detach()

    def temperature_loss(self, log_density: Tensor) -> Tensor:
        """-alpha (log pi + target entropy): alpha rises while the entropy lies below its target."""
        return -(self.log_alpha.exp() * (log_density + self.target_entropy)).mean()

    def _update_critics(self, batch: Batch) -> dict[str, float]:
        target = self.target(batch)
        loss = self.critic_loss(batch, target)
        self._step("critics", loss)
        self._follow()
        self.updates += 1
        figures = {"critic_loss": loss.item() / self.config.critics, "q": target.mean().item()}
        return figures if self.critics.bins is None else figures | {"q_outside": self.critics.bins.outside(target)}

    @staticmethod
    def detached(batch: Batch) -> Batch:
        """The batch with features that no gradient passes through: the actor's loss does not train the encoder."""
        return replace(batch, observation={**batch.observation, ENCODED: batch.observation[ENCODED].detach()})

    def lags(self) -> list[tuple[nn.Module, nn.Module]]:
        """Each lagged copy with what it follows."""
        out: list[tuple[nn.Module, nn.Module]] = [(self.targets, self.critics)]
        features = self.actor.features
        return out if self.target_features is features else [*out, (self.target_features, features)]

    @cached_property
    def _lagging(self) -> tuple[list[Tensor], list[Tensor]]:
        """All parameters of `lags`: found by name once, for that takes longer than to move them."""
        found = [pairs(lagged, source) for lagged, source in self.lags()]
        return [p for mine, _ in found for p in mine], [p for _, theirs in found for p in theirs]

    @torch.no_grad()
    def _follow(self) -> None:
        """lagged := (1 - tau) lagged + tau source."""
        torch._foreach_lerp_(*self._lagging, self.config.tau)

    def _update_actor(self, batch: Batch) -> dict[str, float]:
        self.critics.requires_grad_(False)
        loss, log_density = self.actor_loss(batch)
        self._step("actor", loss)
        self.critics.requires_grad_(True)
        if not self.actor.entropic:
            return {"actor_loss": loss.item()}
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
