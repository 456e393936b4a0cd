"""How long the robot takes to succeed, and how many successes an hour that makes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from robot_rl.runtime.loop import EpisodeResult


@dataclass(frozen=True)
class CycleStatistics:
    """Over the episodes that are remembered; times in seconds, NaN where there is nothing to measure."""

    episodes: int
    successes: int
    median: float
    """Of the episodes that succeeded."""
    p90: float
    per_success: float
    """All time spent, failures and resets included, for one success: what production counts."""

    @property
    def per_hour(self) -> float:
        """Successes an hour."""
        return 3600.0 / self.per_success if self.per_success > 0.0 else float("nan")


class CycleTimes:
    """Remembers the newest episodes.

    Args:
        period: of a control step [s].
        window: how many episodes.
    """

    def __init__(self, period: float, window: int = 50) -> None:
        if not 0.0 < period < float("inf") or window < 1:
            raise ValueError(f"period is {period} s and window {window}; both must be above 0")
        self._period = period
        self._episodes: deque[tuple[float, float, bool]] = deque(maxlen=window)

    def add(self, result: EpisodeResult, reset: float = 0.0) -> None:
        """One more episode; a discarded one took its time too.

        Args:
            reset: what the reset before it took [s].
        """
        self._episodes.append((result.ending.steps * self._period, reset, result.success))

    def statistics(self) -> CycleStatistics:
        """Of what is remembered."""
        cycles = np.array([cycle for cycle, _, success in self._episodes if success])
        spent = sum(cycle + reset for cycle, reset, _ in self._episodes)
        n = len(cycles)
        return CycleStatistics(
            episodes=len(self._episodes),
            successes=n,
            median=float(np.median(cycles)) if n else float("nan"),
            p90=float(np.percentile(cycles, 90)) if n else float("nan"),
            per_success=spent / n if n else float("nan"),
        )
