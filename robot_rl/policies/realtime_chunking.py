"""Real-time chunking: a new chunk is made to agree with the actions that are already committed.

While a chunk is computed the robot plays the one before. The rows that will have passed when the new chunk
arrives are frozen: the new chunk reproduces them. The rows after them, as far as the old chunk reaches, draw
the new one towards the old, the less the later they are. Black, Galliker and Levine 2025, "Real-Time Execution of
Action Chunking Flow Policies". Numbers only; what the head does with them is in `guidance`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from robot_rl.policies.policy import Policy

Array = NDArray[np.float64]


@runtime_checkable
class ContinuingPolicy(Policy, Protocol):
    """A policy that can make a chunk agree with committed actions."""

    @property
    def can_continue(self) -> bool:
        """Whether it really can (it may depend on the head, or on the server behind it)."""
        ...

    def predict_onto(
        self, observation: Mapping[str, NDArray[Any]], committed: Array, weights: Array, frozen: int
    ) -> Array:
        """A chunk (horizon, A) as `predict`, that agrees with `committed` (horizon, A) row by row as `weights`
        (horizon,) say, and reproduces its first `frozen` rows."""
        ...


def soft_mask(horizon: int, overlap: int, frozen: int) -> Array:
    """How much each row of a new chunk is to agree with the old one: (horizon,) in [0, 1].

    1 for i < frozen; c (e^c - 1) / (e - 1) with c = (overlap - i) / (overlap - frozen + 1) for
    frozen <= i < overlap; 0 from `overlap` on (equation 5 of the paper, overlap = H - s).

    Args:
        overlap: rows that the old chunk still has.
        frozen: rows that will have been carried out before the new chunk arrives; at most `overlap`.
    """
    i = np.arange(horizon)
    c = (overlap - i) / (overlap - frozen + 1)
    soft = c * np.expm1(c) / np.expm1(1.0)
    out: Array = np.where(i < frozen, 1.0, np.where(i < overlap, soft, 0.0))
    return out


def committed(chunk: Array, row: int) -> Array:
    """What is left of a chunk (H, A) from `row` on, moved to the front; the rows after it are zero."""
    out = np.zeros_like(chunk)
    out[: len(chunk) - row] = chunk[row:]
    return out
