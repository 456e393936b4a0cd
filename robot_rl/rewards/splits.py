"""Splits by episode: neighbouring pictures are nearly alike, so a split by picture would test on what was learned."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from robot_rl.rewards.errors import RewardError

PARTS = ("train", "choose", "test")
"""To learn the weights; to choose temperature and threshold; to say how good the whole is."""


def split(
    ids: Sequence[str], strata: Sequence[str], shares: tuple[float, float] = (0.2, 0.2), seed: int = 0
) -> list[str]:
    """The part of each episode, by a hash of its id, so that most stay where they were when more are collected.

    Args:
        ids: of the episodes.
        strata: the kind of each (with a success, without, ...); each kind is divided in the same proportion.
        shares: that are held out to `choose` and to `test`.

    Raises:
        RewardError: an episode twice, or shares that leave nothing.
    """
    if len(set(ids)) != len(ids):
        raise RewardError("an episode is given twice: its pictures would be learned from and tested on")
    if min(shares) <= 0.0 or sum(shares) >= 1.0:
        raise RewardError(f"shares {shares} for choosing and testing: both above 0 and together below 1")
    parts = ["train"] * len(ids)
    for kind in sorted(set(strata)):
        members = [i for i in range(len(ids)) if strata[i] == kind]
        members.sort(key=lambda i: hashlib.sha256(f"{seed}:{ids[i]}".encode()).digest())
        # at least one of each part where there are three or more
        choose = max(round(shares[0] * len(members)), 1 if len(members) >= 3 else 0)
        test = max(round(shares[1] * len(members)), 1 if len(members) >= 3 else 0)
        for rank, i in enumerate(members[: choose + test]):
            parts[i] = "choose" if rank < choose else "test"
    return parts


def rows_of(part: str, parts: Sequence[str], episodes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows (M,) of pictures whose episode (N,) lies in a part."""
    chosen = np.array([p == part for p in parts], dtype=bool)
    return np.flatnonzero(chosen[episodes])
