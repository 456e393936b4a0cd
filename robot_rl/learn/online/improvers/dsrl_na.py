"""DSRL with values of actions (noise-aliased): every executed chunk teaches, whoever chose it.

Q(s, a) <- R + gamma^k min Q'(s', base(s', w')),  w' ~ pi(s')
Q_w(s, w) <- mean_e Q_e(s, base(s, w)),           w ~ pi(s) in one half, the base's own noise in the other
pi climbs alpha H(pi) + Q_w(s, w)
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Generator, Tensor, nn

from robot_rl.learn.online.batch import Batch
from robot_rl.learn.online.chunks import executed_chunk
from robot_rl.learn.online.improvers.dsrl import NoiseActor, SteeredBase
from robot_rl.learn.online.improvers.improver import Observation
from robot_rl.learn.online.networks import Critics
from robot_rl.learn.online.sac import Sac, SacConfig


class AliasedActor(NoiseActor):
    """A noise actor whose critics see the chunk that comes of the noise."""

    @property
    def critic_size(self) -> int:
        return self.base.size

    def executed(self, batch: Batch) -> Tensor:
        return executed_chunk(batch, self.base.steps)

    def next_action(self, observation: Observation, critics: Critics, generator: Generator) -> tuple[Tensor, Tensor]:
        noise, log_density = self.sample(observation, generator)
        return self.chunk(observation, noise).flatten(1), log_density


class AliasedSac(Sac):
    """Soft actor-critic of actions, with a critic of noises distilled from it for the policy to climb."""

    actor: AliasedActor

    def __init__(self, config: SacConfig, actor: AliasedActor, device: torch.device, seed: int) -> None:
        super().__init__(config, actor, device, seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + 1)
            inputs = actor.features.size + actor.size
            noise_critic = Critics(1, inputs, config.hidden, layer_norm=config.layer_norm)
        self.noise_critic = noise_critic.to(device)
        self.optimizers["noise_critic"] = torch.optim.Adam(noise_critic.parameters(), lr=config.critic_lr, fused=True)

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        return {**super().modules, "noise_critic": self.noise_critic}

    def actor_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """mean_b alpha log pi(w | s) - Q_w(s, w), after a step of Q_w to the critics' mean."""
        self._step("noise_critic", self.distillation_loss(batch))
        self.noise_critic.requires_grad_(False)
        noise, log_density = self.actor.sample(batch.observation, self.generator)
        value = self.noise_critic(self.actor.features(batch.observation), noise)[0]
        self.noise_critic.requires_grad_(True)
        return (self.log_alpha.exp().detach() * log_density - value).mean(), log_density.detach()

    def distillation_loss(self, batch: Batch) -> Tensor:
        """mean_b (Q_w(s, w) - mean_e Q_e(s, base(s, w)))^2."""
        with torch.no_grad():
            noise, _ = self.actor.sample(batch.observation, self.generator)
            own = torch.randn(noise.shape, generator=self.generator, device=self.device) / self.actor.bound
            half = torch.arange(len(noise), device=self.device)[:, None] % 2 == 0
            noise = torch.where(half, noise, own.clamp(-1.0, 1.0))
            features = self.actor.features(batch.observation)
            value = self.critics(features, self.actor.chunk(batch.observation, noise).flatten(1)).mean(dim=0)
        return (self.noise_critic(features, noise)[0] - value).square().mean()


class DsrlNa(SteeredBase):
    """Values of executed actions, demonstrations among them."""

    actor_class = AliasedActor

    def _sac(self) -> Sac:
        return AliasedSac(self.config, self.agent, self.parts.device, self.parts.seed)  # type: ignore[arg-type]
