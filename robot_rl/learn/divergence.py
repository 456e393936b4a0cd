"""Noticing that a training run has diverged, and when that began."""

from __future__ import annotations

import math
from typing import Any

from robot_rl.learn.config import TrainingError


class Divergence:
    """Watches the loss: stops a run whose loss is not finite or far above its best.

    Args:
        factor: how many times its best the smoothed loss may reach.
        warmup: updates before the comparison begins.
    """

    def __init__(self, factor: float, warmup: int, smoothing: float = 0.98) -> None:
        self.factor, self.warmup, self.smoothing = factor, warmup, smoothing
        self.smoothed = math.nan
        self.best, self.best_step = math.inf, 0

    def check(self, step: int, loss: float, norm: float) -> None:
        """Take in one update's loss and gradient norm. Raises TrainingError when the run has diverged."""
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise TrainingError(
                f"training diverged at step {step}: loss {loss}, gradient norm {norm}; {self._before(step)}"
            )
        first = math.isnan(self.smoothed)
        self.smoothed = loss if first else self.smoothing * self.smoothed + (1 - self.smoothing) * loss
        if step < self.warmup:
            return
        if self.smoothed < self.best:
            self.best, self.best_step = self.smoothed, step
        elif self.smoothed > self.factor * self.best:
            raise TrainingError(
                f"training diverged: at step {step} the smoothed loss is {self.smoothed:.3g}, more than "
                f"{self.factor:g} times its best, {self.best:.3g}; it began to rise after step {self.best_step}"
            )

    def state(self) -> dict[str, Any]:
        """What `restore` takes."""
        return {"smoothed": self.smoothed, "best": self.best, "best_step": self.best_step}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on watching."""
        self.smoothed, self.best, self.best_step = state["smoothed"], state["best"], state["best_step"]

    def _before(self, step: int) -> str:
        if math.isnan(self.smoothed):
            return "it was never finite"
        if not math.isfinite(self.best):
            return f"the smoothed loss before was {self.smoothed:.3g}"
        risen = "and had not risen" if self.best_step >= step - 1 else f"and rose after step {self.best_step}"
        return f"the smoothed loss before was {self.smoothed:.3g}, its best {self.best:.3g}, {risen}"
