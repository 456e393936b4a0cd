"""Chunks of executed actions as the critics see them."""

from __future__ import annotations

from torch import Tensor

from robot_rl.learn.online.batch import Batch


def executed_chunk(batch: Batch, steps: int) -> Tensor:
    """The first `steps` actions of each transition, one after the other (B, steps A); 0 where none was executed."""
    actions, mask = batch.actions[:, :steps], batch.mask[:, :steps]
    return (actions * mask[..., None]).flatten(1)
