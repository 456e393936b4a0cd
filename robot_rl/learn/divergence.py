"""Noticing that a training run has diverged, and when that began."""

from __future__ import annotations

import math
from typing import Any

from robot_rl.learn.config import TrainingError

STATE = ("smoothed", "scatter", "best", "best_step", "limit")


RISING = 0.1
"""Of the way from the best smoothed loss to the limit: from there on it may be diverging."""


class Divergence:
    """Watches the loss: stops a run whose loss is not finite or far above its best.

    The smoothed loss may rise above its best by `factor - 1` times that best, as a squared error may reach `factor`
    times its best. A likelihood passes through zero and below; there the measure is the best's size, or how much single
    losses differed from the smoothed one when it was reached, whichever is more.

    Args:
        factor: how many times its best the smoothed loss may reach.
        warmup: updates before the comparison begins.
    """

    def __init__(self, factor: float, warmup: int, smoothing: float = 0.98) -> None:
        self.factor, self.warmup, self.smoothing = factor, warmup, smoothing
        self.smoothed, self.scatter = math.nan, 0.0
        self.best, self.best_step, self.limit = math.inf, 0, math.inf

    def check(self, step: int, loss: float, norm: float) -> None:
        """Take in one update's loss and gradient norm. Raises TrainingError when the run has diverged."""
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise TrainingError(
                f"training diverged at step {step}: loss {loss}, gradient norm {norm}; {self._before(step)}"
            )
        if math.isnan(self.smoothed):
            self.smoothed = loss
        self.scatter += (1 - self.smoothing) * (abs(loss - self.smoothed) - self.scatter)
        self.smoothed += (1 - self.smoothing) * (loss - self.smoothed)
        if step < self.warmup:
            return
        if self.smoothed < self.best:
            self.best, self.best_step = self.smoothed, step
            self.limit = self.best + (self.factor - 1) * max(abs(self.best), self.scatter)
        elif self.smoothed > self.limit:
            raise TrainingError(
                f"training diverged: at step {step} the smoothed loss is {self.smoothed:.3g}, its best was "
                f"{self.best:.3g}, from which `divergence: {self.factor:g}` lets it rise to {self.limit:.3g}; it began "
                f"to rise after step {self.best_step}"
            )

    @property
    def rising(self) -> bool:
        """The smoothed loss has gone a good part of the way to where the run is stopped."""
        return self.smoothed > self.best + RISING * (self.limit - self.best)

    def state(self) -> dict[str, Any]:
        """What `restore` takes."""
        return {name: getattr(self, name) for name in STATE}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on watching."""
        for name in STATE:
            setattr(self, name, state.get(name, getattr(self, name)))

    def _before(self, step: int) -> str:
        if math.isnan(self.smoothed):
            return "it was never finite"
        if not math.isfinite(self.best):
            return f"the smoothed loss before was {self.smoothed:.3g}"
        risen = "and had not risen" if self.best_step >= step - 1 else f"and rose after step {self.best_step}"
        return f"the smoothed loss before was {self.smoothed:.3g}, its best {self.best:.3g}, {risen}"
