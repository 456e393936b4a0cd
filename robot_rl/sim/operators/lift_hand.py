"""How a scripted person moves the sticks to lift a cube, well or badly."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robot_rl.sim.operators.lift_view import EMPTY, OPEN, View

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Skill:
    """How well the task is demonstrated. Ranges are drawn from once an episode."""

    gain: float = 5.0
    """Distance to the speed asked for [1/s]."""
    speed: tuple[float, float] = (0.95, 1.0)
    """Share of the full axis used."""
    noise: float = 0.0
    """Standard deviation of the sticks about where they are meant to be, as a share of their travel."""
    noise_time: float = 0.4
    """How long a stick stays off the same way [s]."""
    pauses: float = 0.0
    """How often the sticks are let go for a moment [1/s]."""
    pause_length: tuple[float, float] = (0.2, 0.7)
    """[s]"""
    misses: float = 0.0
    """Probability that the first grasp closes too high, on nothing, and is done again."""
    miss_height: tuple[float, float] = (0.04, 0.07)
    """Where a missing grasp closes, over the cube's centre [m]."""


@dataclass(frozen=True)
class _Geometry:
    """Where the motion changes, relative to the cube's centre [m, rad]."""

    hover: float = 0.08
    funnel: float = 2.5
    """Height allowed over the grasp for each metre beside it."""
    aligned: float = 0.012
    turned: float = 0.2
    lift: float = 0.13


_GEOMETRY = _Geometry()
_UP = np.array([0.0, 0.0, 1.0])


class Hand:
    """Decides, from what is seen, where the four sticks x y z yaw go and which way the gripper.

    Args:
        full: speeds at full deflection (4,) [m/s, m/s, m/s, rad/s].
        period: between two calls [s].
    """

    def __init__(self, skill: Skill, full: Array, period: float, rng: np.random.Generator) -> None:
        self._skill, self._full, self._period, self._rng = skill, full, period, rng
        self._share = float(rng.uniform(*skill.speed))
        self._grasp_height = float(rng.uniform(*skill.miss_height)) if rng.random() < skill.misses else 0.0
        self._noise = skill.noise
        self._wander = np.zeros(4)
        self._pause = 0.0
        self._stage = self._approach
        self._closing = 0.0
        self._last_opening = math.inf
        self._table: float | None = None

    def careful(self) -> None:
        """From now on no deliberate miss: who corrects pays attention."""
        self._grasp_height = 0.0

    def move(self, view: View) -> tuple[Array, str]:
        """Axes x y z yaw (4,) in [-1, 1], and the gripper button: `open` or `close`."""
        if self._table is None:
            self._table = float(view.object[2])
        velocity, grip = self._stage(view)
        self._last_opening = view.opening
        axes = np.array([*velocity, view.turn * self._skill.gain if grip == "open" else 0.0]) / self._full
        axes *= min(1.0, self._share / max(float(np.abs(axes).max()), 1e-9))
        return self._imperfect(axes), grip

    def _approach(self, view: View) -> tuple[Array, str]:
        """Down a funnel onto the cube: the nearer to its axis, the lower."""
        aim = view.object + self._grasp_height * _UP
        over = min(_GEOMETRY.hover, _GEOMETRY.funnel * max(0.0, view.beside - _GEOMETRY.aligned))
        aligned = view.beside < 1.5 * _GEOMETRY.aligned and abs(view.turn) < _GEOMETRY.turned
        if abs(view.turn) >= _GEOMETRY.turned:
            over = max(over, 0.04)
        if aligned and abs(aim[2] - view.gripper[2]) < _GEOMETRY.aligned and view.opening > OPEN:
            self._stage, self._closing = self._close, 0.0
        return self._towards(view, aim + over * _UP), "open"

    def _close(self, view: View) -> tuple[Array, str]:
        """Hold still until the fingers have come to rest, then see what they hold."""
        self._closing += self._period
        resting = abs(view.opening - self._last_opening) < 5e-4 and self._closing > 0.2
        if resting or view.opening < EMPTY or self._closing > 1.0:
            self._stage = self._raise if view.held else self._retreat
        return np.zeros(3), "close"

    def _raise(self, view: View) -> tuple[Array, str]:
        """Straight up, while the cube comes along."""
        if not view.held:
            self._stage = self._retreat
        table = self._table if self._table is not None else float(view.object[2])
        aim = np.array([*view.gripper[:2], table + _GEOMETRY.lift])
        return self._towards(view, aim), "close"

    def _retreat(self, view: View) -> tuple[Array, str]:
        """Open and go up, to try again."""
        self.careful()
        if view.above > 0.75 * _GEOMETRY.hover and view.opening > OPEN:
            self._stage = self._approach
        wait = 0.0 if view.opening < OPEN and view.above < 0.03 else 1.0
        return wait * self._towards(view, np.array([*view.gripper[:2], view.object[2] + _GEOMETRY.hover])), "open"

    def _towards(self, view: View, aim: Array) -> Array:
        return self._skill.gain * (aim - view.gripper)

    def _imperfect(self, axes: Array) -> Array:
        """Sticks as a person holds them: slowly wandering, now and then let go."""
        skill, rng = self._skill, self._rng
        keep = math.exp(-self._period / skill.noise_time)
        self._wander = keep * self._wander + math.sqrt(1.0 - keep**2) * self._noise * rng.standard_normal(4)
        if self._pause <= 0.0 and rng.random() < skill.pauses * self._period:
            self._pause = float(rng.uniform(*skill.pause_length))
        self._pause -= self._period
        # The wander shrinks with the motion: whoever aims carefully moves little and errs little.
        moving = min(1.0, 0.2 + float(np.abs(axes).max()))
        return np.zeros(4) if self._pause > 0.0 else np.clip(axes + moving * self._wander, -1.0, 1.0)
