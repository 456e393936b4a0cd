"""Diffusion steering: the noise that a frozen sampler starts from is the action (Wagenmaker et al., DSRL, 2025).

A policy pi(w | s) chooses w in [-b, b]; the base turns it into a chunk, which is played. `critic: noise` learns
Q(s, w) from the answers given (plain DSRL); it cannot use demonstrations, of which no noise is known. `critic:
action` learns Q(s, a) from every executed chunk, demonstrations included, and distils it into Q_w(s, w), which the
policy climbs (the paper's noise-aliased variant, DSRL-NA).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Generator, Tensor

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.actors import Actor
from robot_rl.learn.online.base import Base, required
from robot_rl.learn.online.batch import Batch
from robot_rl.learn.online.features import Features
from robot_rl.learn.online.improvers.actor_critic import ActorCritic
from robot_rl.learn.online.improvers.improver import Answer, Mode, Observation, Parts, UseOfBase
from robot_rl.learn.online.replay import Replay
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.scale import ActionScale

NOISE = "noise"
"""The field of the noise answered with, w / b (H A,)."""


@dataclass(frozen=True)
class DsrlConfig:
    """The paper's settings for low-dimensional tasks, with smaller networks."""

    name: ClassVar[str] = "dsrl"
    base: ClassVar[UseOfBase] = "sampled"

    sac: SacConfig = field(default_factory=lambda: SacConfig(gamma=0.99, utd=4, target_entropy=0.0))
    bound: float = 1.5
    """b: the largest noise; the base was trained with standard normal noise."""
    critic: Literal["noise", "action"] = "noise"
    """Whether values are learnt of noises or of actions (DSRL-NA)."""
    steps: int = 0
    """Actions of a chunk that are played; 0 takes the base's own."""

    def __post_init__(self) -> None:
        if not 0 < self.bound < np.inf:
            raise TrainingError(f"dsrl: bound is {self.bound}; it must be above 0")
        if self.sac.imitation > 0:
            raise TrainingError("dsrl: sac.imitation must be 0; of a human's action no noise is known")

    def build(self, parts: Parts) -> ActorCritic:
        if self.critic == "action":
            from robot_rl.learn.online.improvers.dsrl_na import DsrlNa

            return DsrlNa(self, parts)
        return Dsrl(self, parts)


class NoiseActor(Actor):
    """w = b pi(s); answers with the first steps of the base's chunk from w."""

    def __init__(self, features: Features, scale: ActionScale, hidden: Sequence[int], base: Base, bound: float) -> None:
        horizon, actions = base.noise_shape
        super().__init__(features, scale, hidden, horizon * actions)
        self.base, self.bound = base, bound
        self.notes = {NOISE: ((self.size,), "float32")}

    def act(self, observation: Observation, mode: Mode, generator: Generator) -> Answer:
        """Warming up, the noise is the base's own, standard normal, clipped to the bound."""
        if mode != "warmup":
            return super().act(observation, mode, generator)
        batch, device = len(next(iter(observation.values()))), next(self.parameters()).device
        noise = torch.randn((batch, self.size), generator=generator, device=device)
        return self.answer(observation, (noise / self.bound).clamp(-1.0, 1.0))

    def answer(self, observation: Observation, action: Tensor) -> Answer:
        return Answer(self.chunk(observation, action), {NOISE: action})

    def chunk(self, observation: Observation, action: Tensor) -> Tensor:
        """What the base does (B, steps, A) from noise b action, action (B, H A) in [-1, 1]."""
        return self.base.chunks(observation, (self.bound * action).unflatten(1, self.base.noise_shape))

    def executed(self, batch: Batch) -> Tensor:
        return batch.observation[NOISE]


class SteeredBase(ActorCritic):
    """What both variants share: the actor, and a base whose noise decides its chunk."""

    actor_class: ClassVar[type[NoiseActor]] = NoiseActor

    def __init__(self, config: DsrlConfig, parts: Parts) -> None:
        self.base = Base(required(parts.base, config.name), config.steps)
        scale = ActionScale(parts.spec.action)

        def actor(features: Features) -> Actor:
            return self.actor_class(features, scale, config.sac.hidden, self.base, config.bound)

        super().__init__(config.sac, parts, actor)
        self.span = self.base.steps

    def begin(self, replay: Replay) -> None:
        super().begin(replay)
        self.base.require_steerable(
            {
                name: torch.zeros((1, *shape), dtype=getattr(torch, dtype), device=self.parts.device)
                for name, (shape, dtype) in self.parts.fields.items()
            }
        )


class Dsrl(SteeredBase):
    """Values of noises, from the answers given."""

    def update(self, replay: Replay, rng: np.random.Generator) -> dict[str, float]:
        if len(replay.views["decisions"]) == 0:
            return {}
        return super().update(replay, rng)

    def draw(self, replay: Replay, rng: np.random.Generator) -> Batch:
        c = self.config
        return self.parts.sampling.draw(
            replay, rng, c.batch, c.gamma, self.agent.scale, self.parts.device, {"decisions": 1.0}, answers=True
        )
