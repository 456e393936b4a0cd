"""Actors over the replay's observations; `residual` has one on top of a base policy.

Actions here are in units: every number of `spec.action` scaled from its bounds to [-1, 1].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Generator, Tensor, nn

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.networks import TanhGaussian
from robot_rl.policies.normalization import Normalizer
from robot_rl.spec import Layout

STATE = "state"
"""The replay's field of all vector observations, one after the other."""
FARTHEST = 10.0
"""Normalised observations are clipped here: a reading far from all demonstrations does not blow up a network."""

Observation = Mapping[str, Tensor]


class ActionScale(nn.Module):
    """Physical actions to units and back. Raises TrainingError where an action has no bounds."""

    def __init__(self, action: Layout) -> None:
        super().__init__()
        low, high = torch.from_numpy(action.low).float(), torch.from_numpy(action.high).float()
        for i, name in enumerate(action.labels):
            if not (torch.isfinite(low[i]) and torch.isfinite(high[i]) and high[i] > low[i]):
                raise TrainingError(f"action '{name}' has bounds {low[i]} and {high[i]}; a finite range is needed")
        self.register_buffer("middle", (low + high) / 2)
        self.register_buffer("reach", (high - low) / 2)

    def to_unit(self, action: Tensor) -> Tensor:
        """(..., A) physical to [-1, 1], clipped."""
        return ((action - self.middle) / self.reach).clamp(-1.0, 1.0)

    def to_physical(self, action: Tensor) -> Tensor:
        """(..., A) in [-1, 1] to physical units."""
        return action * self.reach + self.middle


class StateActor(nn.Module):
    """a = pi(s). Observations are as the replay gives them, (B, *shape) by field."""

    def __init__(self, state_size: int, action: Layout, hidden: Sequence[int]) -> None:
        super().__init__()
        self.normalizer = Normalizer(state_size)
        self.scale = ActionScale(action)
        self.network = self._network(state_size, action.size, hidden)

    def state(self, observation: Observation) -> Tensor:
        """What the critics see of an observation: (B, S)."""
        return cast(Tensor, self.normalizer(observation[STATE])).clamp(-FARTHEST, FARTHEST)

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

    def _network(self, state_size: int, action_size: int, hidden: Sequence[int]) -> TanhGaussian:
        return TanhGaussian(state_size, action_size, hidden)

    def _input(self, observation: Observation) -> Tensor:
        return self.state(observation)

    def _separate(self, observation: Observation, action: Tensor) -> Tensor:
        """The network's output that stands for an action."""
        return action
