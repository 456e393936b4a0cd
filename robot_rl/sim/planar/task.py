"""The task: put the peg into the slot, whose place is known only up to a bias that differs in each episode."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from robot_rl.sim.planar.contact import Vector


@dataclass(frozen=True)
class PegTask:
    """Where peg and slot start, how wrong the slot's measured place is, and when the attempt is over."""

    bias: float = 0.002
    """The slot's measured x is off by a constant drawn from +- this [m]."""
    slot_range: float = 0.02
    """The slot's x lies within +- this [m]."""
    offset: float = 0.01
    """The tip starts within +- this of the slot in x [m]."""
    height: tuple[float, float] = (0.015, 0.025)
    """It starts this high above the plate [m]."""
    tilt: float = 0.08
    """It starts turned by up to +- this [rad]."""
    inserted: float = 0.018
    """Success is the tip this far below the plate's surface [m]."""
    force_limit: float = math.inf
    """The attempt is aborted when |fz| exceeds this [N] ..."""
    force_steps: int = 3
    """... in so many control steps in a row."""

    def __post_init__(self) -> None:
        for name in ("bias", "slot_range", "offset", "tilt"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}: a finite number, 0 or more, is needed")
        if len(self.height) != 2 or not 0.0 < self.height[0] <= self.height[1] < math.inf:
            raise ValueError(f"height {self.height}: lowest and highest start [m] above 0 are needed")
        if not (self.inserted > 0.0 and self.force_limit > 0.0 and self.force_steps >= 1):
            raise ValueError(
                f"inserted {self.inserted}, force_limit {self.force_limit}, force_steps {self.force_steps}: "
                "all must be above 0"
            )

    def draw(self, rng: np.random.Generator) -> tuple[Vector, float, float]:
        """A start pose of the tip (x, z, theta), the slot's true x [m] and the bias of its measured x [m]."""
        slot = float(rng.uniform(-self.slot_range, self.slot_range))
        x = slot + float(rng.uniform(-self.offset, self.offset))
        z, theta = float(rng.uniform(*self.height)), float(rng.uniform(-self.tilt, self.tilt))
        return (x, z, theta), slot, float(rng.uniform(-self.bias, self.bias))

    def done(self, pose: Vector) -> bool:
        """The tip is deep enough: only the slot lets it below the surface at all."""
        return pose[1] <= -self.inserted
