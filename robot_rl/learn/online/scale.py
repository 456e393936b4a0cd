"""Actions in units: every number of `spec.action` scaled from its bounds to [-1, 1]."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robot_rl.learn.config import TrainingError
from robot_rl.spec import Layout


class ActionScale(nn.Module):
    """Physical actions to units and back. Raises TrainingError where an action has no bounds."""

    def __init__(self, action: Layout) -> None:
        super().__init__()
        self.size = action.size
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
