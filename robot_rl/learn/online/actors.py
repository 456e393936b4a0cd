"""A tanh-Gaussian actor; `improvers.residual` has one on top of a base policy. Actions are in units (see `scale`)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from robot_rl.learn.online.features import Features
from robot_rl.learn.online.improvers.improver import Agent, Answer, Mode, Observation
from robot_rl.learn.online.networks import TanhGaussian
from robot_rl.learn.online.scale import ActionScale


class Actor(Agent):
    """a = pi(s), one action at a time. Observations are as the replay gives them, (B, *shape) by field."""

    def __init__(self, features: Features, scale: ActionScale, hidden: Sequence[int]) -> None:
        super().__init__(scale)
        self.features = features
        self.network = self._network(features.size, scale.size, hidden)

    def act(self, observation: Observation, mode: Mode, generator: Generator) -> Answer:
        """The mean action, one drawn from the policy, or, warming up, a uniform output of the network."""
        if mode == "mode":
            unit = self.mode(observation)
        elif mode == "sample":
            unit = self.sample(observation, generator)[0]
        else:
            batch = len(next(iter(observation.values())))
            device = next(self.parameters()).device
            raw = 2 * torch.rand((batch, self.scale.size), generator=generator, device=device) - 1
            unit = self.combine(observation, raw)
        return Answer(unit[:, None])

    def combine(self, observation: Observation, raw: Tensor) -> Tensor:
        """The action (B, A) that the network's output (B, A) stands for."""
        return raw

    def mode(self, observation: Observation) -> Tensor:
        """The action (B, A) to deploy."""
        return self.combine(observation, self.network.mode(self._input(observation)))

    def sample(self, observation: Observation, generator: Generator | None = None) -> tuple[Tensor, Tensor]:
        """Actions (B, A) that gradients pass through, and log-densities (B,) of the network's output."""
        raw, log_density = self.network.sample(self._input(observation), generator)
        return self.combine(observation, raw), log_density

    def log_prob(self, observation: Observation, action: Tensor) -> Tensor:
        """Log-densities (B,) of the output that stands for `action` (B, A)."""
        return self.network.log_prob(self._input(observation), self._separate(observation, action))

    def _network(self, features: int, action_size: int, hidden: Sequence[int]) -> TanhGaussian:
        return TanhGaussian(features, action_size, hidden)

    def _input(self, observation: Observation) -> Tensor:
        out: Tensor = self.features(observation)
        return out

    def _separate(self, observation: Observation, action: Tensor) -> Tensor:
        """The network's output that stands for an action."""
        return action
