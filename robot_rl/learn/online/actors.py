"""A tanh-Gaussian actor; `improvers.residual` has one on top of a base policy. Actions are in units (see `scale`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn

from robot_rl.learn.online.batch import Batch
from robot_rl.learn.online.features import Features
from robot_rl.learn.online.improvers.improver import Agent, Answer, Mode, Observation
from robot_rl.learn.online.networks import Critics, TanhGaussian
from robot_rl.learn.online.scale import ActionScale


class Actor(Agent):
    """a = pi(s), one action at a time. Observations are as the replay gives them, (B, *shape) by field.

    Args:
        size: numbers D that the network gives; by default the robot's A.
    """

    entropic = True
    """Whether its noise is learnt, against an entropy bonus; fixed noise has no temperature."""

    def __init__(self, features: Features, scale: ActionScale, hidden: Sequence[int], size: int | None = None) -> None:
        super().__init__(scale)
        self.features, self.size = features, scale.size if size is None else size
        self.considered, self.spared = features.considered, features.spared
        self.network = self._network(hidden)

    def consider(self, observation: Observation, generator: Generator) -> dict[str, Tensor]:
        return self.features.consider(observation)

    @property
    def critic_size(self) -> int:
        """Numbers in an action as the critics see it."""
        return self.size

    def act(self, observation: Observation, mode: Mode, generator: Generator) -> Answer:
        """The mean action, one drawn from the policy, or, warming up, a uniform output of the network."""
        if mode == "mode":
            unit = self.mode(observation)
        elif mode == "sample":
            unit = self.sample(observation, generator)[0]
        else:
            batch = len(next(iter(observation.values())))
            device = next(self.parameters()).device
            raw = 2 * torch.rand((batch, self.size), generator=generator, device=device) - 1
            unit = self.combine(observation, raw)
        return self.answer(observation, unit)

    def answer(self, observation: Observation, action: Tensor) -> Answer:
        """What the robot is to do for an action (B, D)."""
        return Answer(action[:, None])

    def executed(self, batch: Batch) -> Tensor:
        """The actions (B, D) that a batch's transitions were of, as the critics see them."""
        return batch.action

    def next_action(self, observation: Observation, critics: Critics, generator: Generator) -> tuple[Tensor, Tensor]:
        """Actions (B, D) of the policy that the critics are to evaluate, and log-densities (B,).

        Args:
            critics: those that targets are made with; for policies that choose by value.
        """
        return self.sample(observation, generator)

    def follow(self, critics: Critics) -> None:
        """The critics learnt beside it, for an actor that acts by their values."""

    def trained(self) -> Iterator[nn.Parameter]:
        """What the actor's loss trains."""
        return self.network.parameters()

    def combine(self, observation: Observation, raw: Tensor) -> Tensor:
        """The action (B, D) that the network's output (B, D) stands for."""
        return raw

    def cost(self, observation: Observation) -> Tensor | float:
        """What the actor's loss holds beside values and entropy."""
        return 0.0

    def mode(self, observation: Observation) -> Tensor:
        """The action (B, D) to deploy."""
        return self.combine(observation, self.network.mode(self._input(observation)))

    def sample(self, observation: Observation, generator: Generator | None = None) -> tuple[Tensor, Tensor]:
        """Actions (B, D) that gradients pass through, and log-densities (B,) of the network's output."""
        raw, log_density = self.network.sample(self._input(observation), generator)
        return self.combine(observation, raw), log_density

    def log_prob(self, observation: Observation, action: Tensor) -> Tensor:
        """Log-densities (B,) of the output that stands for `action` (B, D)."""
        return self.network.log_prob(self._input(observation), self._separate(observation, action))

    def _network(self, hidden: Sequence[int]) -> Any:
        return TanhGaussian(self.features.size, self.size, hidden)

    def _input(self, observation: Observation) -> Tensor:
        out: Tensor = self.features(observation)
        return out

    def _separate(self, observation: Observation, action: Tensor) -> Tensor:
        """The network's output that stands for an action."""
        return action
