"""Sequences to fewer or more steps, and which of the fewer count where the end is padding."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def down(x: Tensor, length: int) -> Tensor:
    """(B, T, D) averaged to (B, length, D): token j is the mean over the steps that lie in its share of time."""
    return functional.adaptive_avg_pool1d(x.transpose(1, 2), length).transpose(1, 2)


def up(x: Tensor, length: int) -> Tensor:
    """(B, L, D) interpolated to (B, length, D), linearly between the middles of tokens, constant beyond them."""
    return functional.interpolate(x.transpose(1, 2), size=length, mode="linear").transpose(1, 2)


def token_mask(mask: Tensor, length: int) -> Tensor:
    """Which of `length` tokens cover a valid step: (B, T) bool to (B, length) bool. Valid steps come first, so a
    token counts when its first step does."""
    first = torch.arange(length, device=mask.device) * mask.shape[1] // length
    return mask[:, first]
