"""A residual on a frozen base policy, learnt off-policy."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from robot_rl.learn.online.actor import Observation, StateActor
from robot_rl.learn.online.networks import TanhGaussian
from robot_rl.spec import Layout

BASE_ACTION = "base_action"
"""The replay's field of what the base would have done (A,), physical units: a_b at a row, and the next a_b after."""


class ResidualActor(StateActor):
    """a = clip(a_base + scale pi(s, a_base), -1, 1): ResFiT (arXiv 2509.19301); pi begins at 0, so a at a_base.

    The sum is clipped, not its parts, and the critics see the sum.

    Args:
        residual_scale: the largest correction, in units.
    """

    def __init__(self, state_size: int, action: Layout, hidden: Sequence[int], residual_scale: float) -> None:
        super().__init__(state_size, action, hidden)
        self.residual_scale = residual_scale

    def combine(self, observation: Observation, raw: Tensor) -> Tensor:
        return (self._base(observation) + self.residual_scale * raw).clamp(-1.0, 1.0)

    def _network(self, state_size: int, action_size: int, hidden: Sequence[int]) -> TanhGaussian:
        return TanhGaussian(state_size + action_size, action_size, hidden, zero_output=True)

    def _input(self, observation: Observation) -> Tensor:
        return torch.cat([self.state(observation), self._base(observation)], dim=1)

    def _separate(self, observation: Observation, action: Tensor) -> Tensor:
        return ((action - self._base(observation)) / self.residual_scale).clamp(-1.0, 1.0)

    def _base(self, observation: Observation) -> Tensor:
        return self.scale.to_unit(observation[BASE_ACTION])
