"""The mechanics of most planar tasks run at 200 Hz, in plain numbers and without a physics engine."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from robot_rl.sim.stepped import SteppedRobot

Array = NDArray[np.float64]

SUBSTEP_NS = 5_000_000
"""Period of the mechanics [ns]: 200 Hz."""


class PlanarRobot(SteppedRobot):
    """A SteppedRobot whose mechanics advance by 5 ms at a time."""

    @abstractmethod
    def _advance(self, command: Array, dt: float) -> None:
        """Mechanics for `dt` [s] under the command (A,)."""

    def _step(self) -> None:
        for _ in range(self.spec.period_ns // SUBSTEP_NS):
            self._advance(self._command, SUBSTEP_NS * 1e-9)
