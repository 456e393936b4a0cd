"""A scripted person with a SpaceMouse who puts a peg into a hole by feel, or watches a policy and corrects it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robot_rl.control import poses
from robot_rl.hardware.config import RobotConfig
from robot_rl.hardware.human import AXES, DeviceInput
from robot_rl.hardware.robot import Reading
from robot_rl.sim.operators.axes import full_axis
from robot_rl.sim.operators.pick_view import heading, nearest
from robot_rl.sim.operators.skill import check_sees, skill_of

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Skill:
    """How well the operator drives and when they step in."""

    gain: tuple[float, float] = (5.0, 5.0)
    """Error to the rate asked for [1/s], drawn for each episode."""
    speed: tuple[float, float] = (0.9, 1.0)
    """Share of the full axis used, drawn for each episode."""
    noise: float = 0.0
    """Standard deviation of each stick as a share of its travel."""
    misjudged: float = 0.0005
    """Standard deviation along x and y of where the operator first takes the hole to be [m]."""
    pauses: float = 0.0
    """How often the sticks are let go for half a second [1/s]."""
    patience: float = 2.0
    """Watching: so long without getting on before the operator steps in [s]."""
    correction: float = 1.5
    """How long a correction lasts [s]."""


QUALITIES = {
    "expert": Skill(),
    "mixed": Skill(gain=(2.5, 5.0), speed=(0.5, 1.0), noise=0.05, misjudged=0.0012, pauses=0.2),
    "poor": Skill(gain=(2.0, 4.0), speed=(0.4, 0.8), noise=0.1, misjudged=0.002, pauses=0.4),
}

_HOVER = 0.006
"""The tip is aligned this far above the mouth before it goes down [m]."""
_GENTLY = 0.06
"""Nobody goes down onto a plate or into a hole faster [m/s]."""
_HELD_UP = 8.0
"""More than this pushes up on the tip: it stands on the plate [N]."""
_IN = -0.002
"""The tip is in the hole, this far below its mouth [m]."""
_PROGRESS = 0.003
"""Getting on is at least this much nearer [m]."""
_DOWN = -0.034
"""Where the operator takes the tip, past the depth that counts [m]."""
_PAUSE = 0.5
"""[s]"""


class PegOperator:
    """Operator of `sim_peg`; sees `object_pose`, `wrench` and, as only a demonstrator may, `privileged_goal_pose`.

    Demonstrating, it holds the clutch throughout: upright and over the hole, down, and when the plate holds the tip
    up, sideways along the plate towards where the hole must be. Watching, it keeps off the clutch until the policy
    gets no nearer for a while, then takes the clutch for a moment and hands back: short corrections.

    Args:
        config: of the robot; the teleop section says how fast each full axis moves the arm.
        quality: one of `QUALITIES`.
        seed: of the noise and of what is drawn for each episode.

    Raises:
        ConfigError: no such quality, a field it looks at is not sensed, or an axis drives nothing.
    """

    def __init__(self, config: RobotConfig, *, quality: str = "expert", seed: int = 0) -> None:
        self._skill = skill_of(quality, QUALITIES)
        check_sees(config, "object_pose", "wrench", "privileged_goal_pose")
        self._full = np.array([full_axis(config, axis, "all six axes") for axis in AXES])  # (6,) [m/s, rad/s]
        self._period = 1.0 / config.spec.rate
        self._seed = seed
        self.reset(seed)

    def reset(self, seed: int | None = None) -> None:
        """A new episode: draws how well it will be done; hands off until asked."""
        self._rng = np.random.default_rng(self._seed if seed is None else seed)
        skill = self._skill
        self._gain, self._share = float(self._rng.uniform(*skill.gain)), float(self._rng.uniform(*skill.speed))
        self._aim = self._rng.normal(0.0, skill.misjudged, 2)
        self._nearest, self._idle, self._left, self._pause = math.inf, 0.0, 0.0, 0.0

    def input(self, reading: Reading, *, policy_active: bool) -> DeviceInput:
        """The device at this moment; called once a control period."""
        off = self._offset(reading)
        if policy_active and not self._correcting(off):
            return DeviceInput(reading.stamp, np.zeros(len(AXES)), frozenset())
        return DeviceInput(reading.stamp, self._sticks(reading, off), frozenset({"clutch"}))

    def _offset(self, reading: Reading) -> Array:
        """From the mouth of the hole to the tip of the peg (3,), base axes [m]."""
        tip, hole = reading.values["object_pose"], reading.values["privileged_goal_pose"]
        return np.asarray(tip[:3] - hole[:3])

    def _sticks(self, reading: Reading, off: Array) -> Array:
        """Axes x y z roll pitch yaw (6,) in [-1, 1]."""
        held_up = reading.values["wrench"][2] > _HELD_UP and off[2] > _IN
        if held_up:  # feel for the hole
            self._aim *= 0.8
        aside = self._aim - off[:2]
        turn = self._turn(reading)
        inside = off[2] < _IN
        aligned = inside or (math.hypot(*aside) < 0.001 and float(np.abs(turn).max()) < 0.02)
        down = (_DOWN if aligned else _HOVER) - off[2]
        if not aligned and off[2] > _HOVER:  # a funnel: the nearer to the axis, the lower
            down += min(0.05, 2.0 * math.hypot(*aside))
        wanted = self._gain * np.array([*aside, down, *turn])
        wanted[2] = max(wanted[2], -_GENTLY) if off[2] < 2 * _HOVER else wanted[2]
        axes = wanted / self._full
        axes *= min(1.0, self._share / max(float(np.abs(axes).max()), 1e-9))
        noise = self._skill.noise * min(1.0, 0.2 + float(np.abs(axes).max())) * self._rng.standard_normal(6)
        return np.zeros(6) if self._resting() else np.clip(axes + noise, -1.0, 1.0)

    def _turn(self, reading: Reading) -> Array:
        """Rotation vector (3,) that makes the peg upright and parallel to the hole's sides, base axes [rad]."""
        peg, hole = reading.values["object_pose"][3:], reading.values["privileged_goal_pose"][3:]
        up = poses.rotate(peg, np.array([0.0, 0.0, 1.0]))
        yaw = nearest(heading(hole) - heading(peg), 0.5 * math.pi)
        return np.array([up[1], -up[0], yaw])

    def _resting(self) -> bool:
        """Whether the sticks are let go for a moment."""
        if self._pause <= 0.0 and self._rng.random() < self._skill.pauses * self._period:
            self._pause = _PAUSE
        self._pause -= self._period
        return self._pause > 0.0

    def _correcting(self, off: Array) -> bool:
        """Whether the clutch is held now; keeps the time without progress and the rest of a correction."""
        distance = math.hypot(*off[:2]) + max(float(off[2]) - _DOWN, 0.0)
        if distance < self._nearest - _PROGRESS:
            self._nearest, self._idle = distance, 0.0
        if self._left > 0.0:
            self._left -= self._period
            return True
        self._idle += self._period
        if self._idle <= self._skill.patience:
            return False
        self._idle, self._left = 0.0, self._skill.correction - self._period
        return True
