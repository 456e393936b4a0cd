"""Learning that diverges is rolled back to where it was sound, with a message, and goes on more slowly."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.config import GuardConfig
from robot_rl.learn.online.improvers.improver import Improver
from robot_rl.learn.online.noise_watch import NoiseWatch
from robot_rl.learn.online.replay import Replay

log = logging.getLogger(__name__)

SOUND = 0.1
"""Share of the limit below which all figures must lie for a snapshot to be taken."""


@runtime_checkable
class Tunable(Protocol):
    """An improver whose learning rates can be changed."""

    @property
    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]: ...


class Guard:
    """Updates an improver and watches its figures.

    A snapshot of the improver is kept every `config.every` updates while all is well. When a loss is not finite, or a
    figure passes `config.limit`, the last snapshot is put back; the replay stays, and the batches that follow are
    other ones.
    """

    def __init__(self, config: GuardConfig, improver: Improver) -> None:
        self.config, self.improver = config, improver
        self.rollbacks = 0
        self.lr = 1.0
        """Factor of all learning rates by now."""
        self._noise = NoiseWatch()
        self._calls, self._sound = 0, True
        self._snapshot: tuple[dict[str, Tensor], dict[str, Any]] | None = None

    def update(self, replay: Replay, rng: np.random.Generator) -> dict[str, float]:
        """One robot step's worth of learning; returns figures, none after a roll-back.

        Raises:
            TrainingError: `config.attempts` roll-backs did not help.
        """
        if self._calls % self.config.every == 0 and self._sound:
            self._keep()
        self._calls += 1
        try:
            figures = self.improver.update(replay, rng)
            self._check(figures)
        except TrainingError as error:
            self._roll_back(str(error))
            return {}
        if words := self._noise.look(figures):
            log.warning("%s", words)
        self._sound = all(abs(v) < SOUND * self.config.limit for v in figures.values())
        return figures

    def state(self) -> dict[str, Any]:
        """JSON-ready; `restore` takes it."""
        return {"rollbacks": self.rollbacks, "lr": self.lr}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on; what the improver is now is the next snapshot."""
        self.rollbacks = int(state["rollbacks"])
        self._slow_down(float(state["lr"]) / self.lr)
        self._calls, self._sound, self._snapshot = 0, True, None

    def _check(self, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            if not math.isfinite(value) or abs(value) > self.config.limit:
                raise TrainingError(f"{name} is {value:.3g}, above the limit of {self.config.limit:g}")

    def _keep(self) -> None:
        tensors, document = self.improver.state()
        self._snapshot = ({k: v.detach().clone() for k, v in tensors.items()}, copy.deepcopy(document))

    def _roll_back(self, reason: str) -> None:
        if self.rollbacks >= self.config.attempts or self._snapshot is None:
            raise TrainingError(
                f"learning diverged again after {self.rollbacks} roll-backs: {reason}. Lower the learning rates, "
                "check the rewards and the data, or raise guard.limit if such figures are right for this task"
            )
        at = self.improver.updates
        self.improver.restore(*self._snapshot)
        self.rollbacks += 1
        slower = self._slow_down(self.config.lr)
        log.warning(
            "learning diverged after %d updates (%s): rolled back to update %d%s",
            at,
            reason,
            self.improver.updates,
            f", learning rates times {self.config.lr:g}" if slower else "; its learning rates stay",
        )
        self._calls, self._sound = 1, True

    def _slow_down(self, factor: float) -> bool:
        """Multiply all learning rates; False where the improver does not show them, or nothing is to change."""
        if factor == 1 or not isinstance(self.improver, Tunable):
            return False
        self.lr *= factor
        for optimizer in self.improver.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] *= factor
        return True
