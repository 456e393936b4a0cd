"""Transitions as tensors, actions in units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from robot_rl.learn.online.replay import Transitions
from robot_rl.learn.online.scale import ActionScale


@dataclass(frozen=True)
class Batch:
    """B transitions of up to n steps each."""

    observation: dict[str, Tensor]  # (B, *shape) by field
    actions: Tensor  # (B, n, A) executed, in units; of steps beyond `mask` anything
    mask: Tensor  # (B, n) bool, the k steps that were executed
    reward: Tensor  # (B,) summed over the steps executed, discounted
    bootstrap: Tensor  # (B,) gamma^k, 0 where the task terminated
    next_observation: dict[str, Tensor]  # (B, *shape) k steps on
    weight: Tensor  # (B,)
    human: Tensor  # (B,) bool, a human acted in the first step

    @property
    def action(self) -> Tensor:
        """(B, A) the first action executed."""
        return self.actions[:, 0]

    def __len__(self) -> int:
        return len(self.reward)


def to_batch(transitions: Transitions, scale: ActionScale, device: torch.device) -> Batch:
    """Tensors on `device`."""

    def tensor(values: np.ndarray) -> Tensor:
        out = torch.from_numpy(values).to(device)
        return out.float() if out.dtype == torch.float64 else out

    return Batch(
        observation={n: tensor(v) for n, v in transitions.observation.items()},
        actions=scale.to_unit(tensor(transitions.action)),
        mask=tensor(transitions.returns.mask),
        reward=tensor(transitions.returns.reward),
        bootstrap=tensor(transitions.returns.bootstrap),
        next_observation={n: tensor(v) for n, v in transitions.next_observation.items()},
        weight=tensor(transitions.weight),
        human=tensor(transitions.human),
    )
