"""Potential-based shaping: a denser reward that leaves the best policy what it was (pure)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robot_rl.rewards.errors import RewardError


def shaped(
    reward: ArrayLike, phi: ArrayLike, next_phi: ArrayLike, terminated: ArrayLike, gamma: float
) -> NDArray[np.float64]:
    """r + gamma phi(s') - phi(s), with phi 0 in a terminal state (Ng, Harada & Russell 1999, theorem 1).

    A time limit is no terminal state: there phi(s') counts as anywhere (Grzes 2017, "Reward Shaping in Episodic RL").
    With phi(s') left in at the end, going to a state of high potential and dying there would pay.

    Args:
        reward, phi, next_phi, terminated: (T,).
        gamma: the learner's own discount; another one changes which policy is best.
    """
    if not 0.0 < gamma <= 1.0:
        raise RewardError(f"gamma is {gamma}; the learner's discount lies in (0, 1]")
    r, before, after = (np.asarray(v, dtype=np.float64) for v in (reward, phi, next_phi))
    out = r + gamma * np.where(np.asarray(terminated, dtype=bool), 0.0, after) - before
    if not np.isfinite(out).all():
        raise RewardError("a reward or a potential is not finite")
    return np.asarray(out)
