"""Returns of several steps, as far as they were really executed. Pure arrays."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Returns(NamedTuple):
    """What follows B starting steps."""

    reward: NDArray[np.float64]
    """(B,) sum of gamma^i r_i over the steps executed."""
    length: NDArray[np.int64]
    """(B,) k, how many steps those are, 1 to n."""
    bootstrap: NDArray[np.float64]
    """(B,) factor of the value after step k: gamma^k, or 0 where the task terminated."""
    mask: NDArray[np.bool_]
    """(B, n) True in the k steps executed."""


def n_step_returns(
    reward: NDArray[Any], ended: NDArray[np.bool_], terminated: NDArray[np.bool_], gamma: float
) -> Returns:
    """Sum rewards until the episode's end or n steps, whichever comes first.

    Truncation and time limits end the sum and keep the bootstrap; termination alone sets it to 0 (Pardo et
    al., "Time limits in reinforcement learning", 2018).

    Args:
        reward: (B, n) of each step; what lies after the end is not looked at.
        ended: (B, n) the episode ends with this step, in whichever way.
        terminated: (B, n) it ends for good; counts only where `ended`.
    """
    n = reward.shape[1]
    length = np.where(ended.any(axis=1), ended.argmax(axis=1) + 1, n)
    mask = np.arange(n) < length[:, None]
    discounts = gamma ** np.arange(n)
    total = np.where(mask, reward * discounts, 0.0).sum(axis=1)
    over = np.take_along_axis(ended & terminated, length[:, None] - 1, axis=1)[:, 0]
    return Returns(total, length, np.where(over, 0.0, gamma**length), mask)
