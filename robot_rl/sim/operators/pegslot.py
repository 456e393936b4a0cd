"""A scripted person with a gamepad who puts a peg into a slot, or watches a policy and corrects it for a moment."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robot_rl.hardware.config import RobotConfig
from robot_rl.hardware.human import AXES, DeviceInput
from robot_rl.hardware.robot import Reading
from robot_rl.sim.operators.axes import full_axis
from robot_rl.sim.operators.skill import check_sees, skill_of

Array = NDArray[np.float64]

_DRIVEN = ("x", "z", "pitch")


@dataclass(frozen=True)
class Skill:
    """How well the operator drives and when they step in."""

    gain: tuple[float, float] = (5.0, 5.0)
    """Error to the rate asked for [1/s], drawn for each episode."""
    noise: float = 0.04
    """Standard deviation of each stick as a share of its travel."""
    misjudged: float = 0.0
    """Standard deviation of the error in x at which the operator first aims [m]; felt and put right on contact."""
    push: float = 0.003
    """How far the reference is kept ahead of a tip that is held up [m]: 2 N per mm."""
    patience: int = 4
    """Watching: so many steps without getting on before the operator steps in."""
    correction: int = 7
    """How many steps a correction lasts."""


QUALITIES = {
    "expert": Skill(misjudged=0.0003),
    "sparing": Skill(misjudged=0.0003, patience=10, correction=4),
    "mixed": Skill(gain=(2.5, 5.0), noise=0.12, misjudged=0.0012, push=0.0045),
    "poor": Skill(gain=(2.0, 4.0), noise=0.25, misjudged=0.0025),
}
_HOVER = 0.003
"""The tip is aligned this far above the plate before it goes down [m]."""
_PROGRESS = 0.001
"""Getting on is at least this much closer [m]."""


class PegSlotOperator:
    """Operator of `sim_pegslot`; sees `tip`, `lead`, `force` and, as only a demonstrator may, `privileged_slot`.

    Demonstrating, it holds the clutch throughout: align above the slot, then down with a gentle push. Watching, it
    keeps off the clutch until the policy gets no nearer for `patience` steps, then takes the clutch for
    `correction` steps and hands back: short corrections, as many as are needed.

    Args:
        config: of the robot; the teleop section says how fast each full axis moves the reference.
        quality: one of `QUALITIES`.
        seed: of the noise and of what is drawn for each episode.

    Raises:
        ConfigError: no such quality, or an axis the operator needs drives nothing.
    """

    def __init__(self, config: RobotConfig, *, quality: str = "expert", seed: int = 0) -> None:
        self._skill = skill_of(quality, QUALITIES)
        check_sees(config, "tip", "lead", "privileged_slot")
        self._full = np.array([full_axis(config, axis, "x, z and pitch") for axis in _DRIVEN])  # (3,) [m/s, m/s, rad/s]
        self._seed = seed
        self.reset(seed)

    def reset(self, seed: int | None = None) -> None:
        """A new episode: draws how well it will be done; hands off until asked."""
        self._rng = np.random.default_rng(self._seed if seed is None else seed)
        self._gain = float(self._rng.uniform(*self._skill.gain))
        self._aim = float(self._rng.normal(0.0, self._skill.misjudged))
        self._nearest, self._idle, self._left = math.inf, 0, 0

    def input(self, reading: Reading, *, policy_active: bool) -> DeviceInput:
        """The device at this moment; called once a control period."""
        tip, slot = reading.values["tip"], float(reading.values["privileged_slot"][0])
        if policy_active and not self._correcting(tip, slot):
            return DeviceInput(reading.stamp, np.zeros(len(AXES)), frozenset())
        axes = np.zeros(len(AXES))
        axes[[AXES.index(a) for a in _DRIVEN]] = self._sticks(tip, reading.values["lead"], slot)
        return DeviceInput(reading.stamp, axes, frozenset({"clutch"}))

    def _sticks(self, tip: Array, lead: Array, slot: float) -> Array:
        """Axes x z pitch (3,) in [-1, 1]: of the reference, towards where it is wanted."""
        if abs(lead[1]) > 0.5 * self._skill.push:  # held up by the plate: feel for the slot
            self._aim *= 0.6
        x, z, theta = tip
        off = slot + self._aim - x
        aligned = z < 0.0 or (abs(off) < 0.001 and abs(theta) < 0.02)
        down = -0.02 if aligned else _HOVER
        wanted = np.array([off, down - z, -theta])
        if aligned:
            wanted[1] = max(wanted[1], -self._skill.push - float(lead[1])) if lead[1] < -1e-3 else wanted[1]
        noise = self._skill.noise * self._rng.standard_normal(3)
        return np.clip(self._gain * wanted / self._full + noise, -1.0, 1.0)

    def _correcting(self, tip: Array, slot: float) -> bool:
        """Whether the clutch is held now; counts the policy's idle steps and the correction's remaining ones."""
        distance = abs(slot - tip[0]) + max(float(tip[1]) + 0.02, 0.0)
        if distance < self._nearest - _PROGRESS:
            self._nearest, self._idle = distance, 0
        if self._left > 0:
            self._left -= 1
            return True
        self._idle += 1
        if self._idle <= self._skill.patience:
            return False
        self._idle, self._left = 0, self._skill.correction - 1
        return True
