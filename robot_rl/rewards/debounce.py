"""k of the last n: one picture in which something looks like success is not success."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robot_rl.rewards.errors import RewardError


@dataclass(frozen=True)
class Rule:
    """Success is said when at least `k` of the last `n` pictures are above the threshold."""

    k: int = 3
    n: int = 4

    def __post_init__(self) -> None:
        if not 1 <= self.k <= self.n:
            raise RewardError(f"debounce {self.k} of {self.n}: 1 <= k <= n is needed, e.g. 3 of 4")

    def __str__(self) -> str:
        return f"{self.k} of {self.n}"


def debounced(above: NDArray[np.bool_], rule: Rule) -> NDArray[np.bool_]:
    """Where success is said, (T,), given which pictures of an episode are above the threshold (T,)."""
    sums = np.concatenate([[0], np.cumsum(above)])
    first = np.maximum(np.arange(1, len(above) + 1) - rule.n, 0)
    return np.asarray(sums[1:] - sums[first] >= rule.k)


class Debounce:
    """The same, one picture at a time."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._recent: deque[bool] = deque(maxlen=rule.n)

    def reset(self) -> None:
        """A new episode: what was seen before does not count."""
        self._recent.clear()

    def step(self, above: bool) -> bool:
        """Take in the next picture; whether success is said now."""
        self._recent.append(above)
        return sum(self._recent) >= self.rule.k
