"""A scripted person who wipes a surface by feel: presses by the force measured, moves on when it is right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robot_rl.hardware.config import RobotConfig
from robot_rl.hardware.human import AXES, DeviceInput
from robot_rl.hardware.robot import Reading
from robot_rl.sim.operators.axes import full_axis
from robot_rl.sim.operators.skill import check_sees, skill_of

Array = NDArray[np.float64]

_DRIVEN = ("x", "z")
FORCE = 5.0
"""What the operator presses with [N]."""
BAND = 2.0
"""They stop moving on where they are off by this [N], and step in where a policy is."""


@dataclass(frozen=True)
class Skill:
    """How well the operator feels and drives."""

    speed: tuple[float, float] = (0.028, 0.032)
    """Along the path [m/s], drawn for each episode."""
    gain: tuple[float, float] = (0.0055, 0.0065)
    """From an error of force to the rate of the reference in z [m/s per N], drawn for each episode."""
    noise: float = 0.03
    """Standard deviation of each stick as a share of its travel."""
    approach: float = 0.02
    """Greatest speed downwards [m/s]."""
    patience: int = 4
    """Watching: so many steps in a row out of the band before the operator steps in."""
    correction: int = 24
    """How many steps a correction lasts."""


QUALITIES = {
    "expert": Skill(),
    "mixed": Skill(speed=(0.022, 0.038), gain=(0.003, 0.0065), noise=0.08),
    "poor": Skill(speed=(0.03, 0.045), gain=(0.001, 0.004), noise=0.15),
}


class WipingOperator:
    """Operator of `sim_wiping`; sees `tip`, `lead` and `force`, as a policy does.

    Demonstrating, it holds the clutch throughout. Watching, it keeps off until the tool, once it has touched, is out
    of the band for `patience` steps in a row, then holds the clutch for `correction` steps and hands back.

    Args:
        config: of the robot; the teleop section says how fast each full axis moves the reference.
        quality: one of `QUALITIES`.
        seed: of the noise and of what is drawn for each episode.

    Raises:
        ConfigError: no such quality, or an axis the operator needs drives nothing.
    """

    def __init__(self, config: RobotConfig, *, quality: str = "expert", seed: int = 0) -> None:
        self._skill = skill_of(quality, QUALITIES)
        check_sees(config, "force")
        self._full = np.array([full_axis(config, axis, "x and z") for axis in _DRIVEN])  # (2,) [m/s]
        self._seed = seed
        self.reset(seed)

    def reset(self, seed: int | None = None) -> None:
        """A new episode: draws how it will be done; hands off until asked."""
        self._rng = np.random.default_rng(self._seed if seed is None else seed)
        self._speed = float(self._rng.uniform(*self._skill.speed))
        self._gain = float(self._rng.uniform(*self._skill.gain))
        self._touched, self._off, self._left = False, 0, 0

    def input(self, reading: Reading, *, policy_active: bool) -> DeviceInput:
        """The device at this moment; called once a control period."""
        force = float(reading.values["force"][1])
        self._touched |= force > FORCE - BAND
        if policy_active and not self._correcting(force):
            return DeviceInput(reading.stamp, np.zeros(len(AXES)), frozenset())
        axes = np.zeros(len(AXES))
        axes[[AXES.index(a) for a in _DRIVEN]] = self._sticks(force)
        return DeviceInput(reading.stamp, axes, frozenset({"clutch"}))

    def _sticks(self, force: float) -> Array:
        """Axes x z (2,) in [-1, 1]: press until the force is right, and move on the faster the better it is."""
        error = force - FORCE
        along = self._speed * max(1.0 - abs(error) / BAND, 0.0) ** 0.5 if self._touched else 0.0
        wanted = np.array([along, max(self._gain * error, -self._skill.approach)])
        noise = self._skill.noise * self._rng.standard_normal(2)
        return np.clip(wanted / self._full + noise, -1.0, 1.0)

    def _correcting(self, force: float) -> bool:
        """Whether the clutch is held now."""
        self._off = self._off + 1 if self._touched and abs(force - FORCE) > BAND else 0
        if self._left > 0:
            self._left -= 1
            return True
        if self._off < self._skill.patience:
            return False
        self._off, self._left = 0, self._skill.correction - 1
        return True
