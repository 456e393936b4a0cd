"""How a scripted person moves the sticks to pick something up and to put it down, well or badly."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from robot_rl.hardware.robot import Reading
from robot_rl.sim.operators.pick_job import Job, Place, Plan
from robot_rl.sim.operators.pick_view import OPEN, View

Array = NDArray[np.float64]
Motion = tuple[Array, float, str]
"""Velocity (3,) [m/s] and yaw rate [rad/s] wanted, and the gripper button: `open` or `close`."""


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
    """Where a missing grasp closes, over the point of the grip [m]."""
    misplaces: float = 0.0
    """Probability that the object is first taken down beside its place, and then put right."""
    misplaced: tuple[float, float] = (0.012, 0.02)
    """How far beside [m]."""
    whim: float = 0.3
    """How readily a way is taken that is not the shortest, from 0 to 1: the modes of the demonstrations."""


_UP = np.array([0.0, 0.0, 1.0])
_STILL = np.zeros(3)
_BLOCKED = 0.6
"""An object that goes down no farther for this long is held up by something [s]."""
_GENTLY = 0.12
"""Nobody puts a thing down faster [m/s]."""
_LOWERED = 0.006
"""Near enough to where it is let go [m]."""


class Hand:
    """Decides, from what is seen, where the four sticks x y z yaw go and which way the gripper.

    Args:
        job: what is picked up and where it goes.
        full: speeds at full deflection (4,) [m/s, m/s, m/s, rad/s].
        period: between two calls [s].
    """

    def __init__(self, job: Job, skill: Skill, full: Array, period: float, rng: np.random.Generator) -> None:
        self._job, self._skill, self._full, self._period, self._rng = job, skill, full, period, rng
        self._share = float(rng.uniform(*skill.speed))
        self._grasp_height = float(rng.uniform(*skill.miss_height)) if rng.random() < skill.misses else 0.0
        self._misplaces = skill.misplaces
        self._noise = skill.noise
        self._wander = np.zeros(4)
        self._pause = 0.0
        self._stage = self._approach
        self.plan = Plan()
        """How the attempt under way is made."""
        self._place: Place | None = None  # where it should be put; the plan may be off it by mistake
        self._chosen = False
        self._closing = 0.0
        self._lowest, self._stuck = math.inf, 0.0
        self._last_opening = math.inf
        self._table: float | None = None

    def careful(self) -> None:
        """From now on no deliberate mistakes: who corrects pays attention."""
        self._grasp_height = self._misplaces = 0.0
        self._aim_true()

    def see(self, reading: Reading) -> View:
        """What matters of a reading for the attempt under way; the first one decides how it is made."""
        if not self._chosen:
            self._choose(reading)
        return View.of(reading, self._job, self.plan)

    def move(self, reading: Reading) -> tuple[Array, str]:
        """Axes x y z yaw (4,) in [-1, 1], and the gripper button: `open` or `close`."""
        view = self.see(reading)
        if self._table is None:
            self._table = float(view.object[2])
            if view.held and self.plan.place is not None:
                self._stage = self._raise
        velocity, turn, grip = self._stage(view)
        self._last_opening = view.opening
        axes = np.array([*velocity, turn]) / self._full
        axes *= min(1.0, self._share / max(float(np.abs(axes).max()), 1e-9))
        return self._imperfect(axes), grip

    def _choose(self, reading: Reading) -> None:
        """Make a plan; by mistake, one that takes the object down beside its place."""
        self.plan, self._chosen = self._job.plan(reading, self._skill.whim, self._rng), True
        self._place = self.plan.place
        if self.plan.place is not None and self._rng.random() < self._misplaces:
            far, angle = self._rng.uniform(*self._skill.misplaced), self._rng.uniform(0.0, 2.0 * math.pi)
            x, y = self.plan.place.aside
            aside = (x + float(far * math.cos(angle)), y + float(far * math.sin(angle)))
            self.plan = replace(self.plan, place=replace(self.plan.place, aside=aside))

    def _aim_true(self) -> None:
        """Take the object down where it should be put."""
        self.plan = replace(self.plan, place=self._place)

    def _approach(self, view: View) -> Motion:
        """Down a funnel onto the object: the nearer to its axis, the lower."""
        way = self._job.way
        aim = view.object + self._grasp_height * _UP
        over = min(way.hover, way.funnel * max(0.0, view.beside - way.aligned))
        aligned = view.beside < 1.5 * way.aligned and abs(view.turn) < way.turned
        if abs(view.turn) >= way.turned:
            over = max(over, 0.5 * way.hover)
        if aligned and abs(aim[2] - view.gripper[2]) < way.aligned and view.opening > OPEN:
            self._stage, self._closing = self._close, 0.0
        return self._towards(view, aim + over * _UP), view.turn * self._skill.gain, "open"

    def _close(self, view: View) -> Motion:
        """Hold still until the fingers have come to rest, then see what they hold."""
        self._closing += self._period
        resting = abs(view.opening - self._last_opening) < 5e-4 and self._closing > 0.2
        if resting or view.empty or self._closing > 1.0:
            self._stage = self._raise if view.held else self._retreat
        return _STILL, 0.0, "close"

    def _raise(self, view: View) -> Motion:
        """Straight up, while the object comes along."""
        if not view.held:
            self._stage = self._retreat
        table = self._table if self._table is not None else float(view.object[2])
        lift = table + self._job.way.lift
        if (place := self.plan.place) is not None:
            lift = float(view.gripper[2] + self._travel(place, view))
            if self._travel(place, view) < 0.02:
                self._stage = self._carry
        return self._towards(view, np.array([*view.gripper[:2], lift])), 0.0, "close"

    def _carry(self, view: View) -> Motion:
        """Over the place, at the height of travel, turning on the way."""
        if not view.held or self.plan.place is None:
            self._stage = self._retreat
            return _STILL, 0.0, "close"
        place = self.plan.place
        if view.astray < place.aligned and abs(view.twist) < place.turned:
            self._stage, self._lowest, self._stuck = self._lower, math.inf, 0.0
        step = np.array([*view.offset[:2], self._travel(place, view)])
        return self._skill.gain * step, self._skill.gain * view.twist, "close"

    def _lower(self, view: View) -> Motion:
        """Down into the place; up again if something is in the way."""
        if not view.held or self.plan.place is None:
            self._stage = self._retreat
            return _STILL, 0.0, "close"
        height = float(view.origin[2])
        self._stuck = 0.0 if height < self._lowest - 0.002 else self._stuck + self._period
        self._lowest = min(self._lowest, height)
        if -view.offset[2] < _LOWERED:
            self._stage = self._release
        elif self._stuck > _BLOCKED:
            self._stage = self._raise
            self._aim_true()
        step = self._skill.gain * view.offset
        step[2] = max(step[2], -_GENTLY)
        return step, self._skill.gain * view.twist, "close"

    def _release(self, view: View) -> Motion:
        """Open, and wait for the fingers."""
        if view.opening > OPEN:
            self._stage = self._leave
        return _STILL, 0.0, "open"

    def _leave(self, view: View) -> Motion:
        """Straight up; if the object has not come to lie in its place, try again."""
        if view.above > self._job.way.hover + self._job.top:
            home = self.plan.place is not None and view.astray < 0.03 and -view.offset[2] < 0.02
            self._stage = self._leave if home else self._retreat
            return _STILL, 0.0, "open"
        return self._towards(view, np.array([*view.gripper[:2], view.gripper[2] + 0.1])), 0.0, "open"

    def _retreat(self, view: View) -> Motion:
        """Open and go up, to try again."""
        self.careful()
        if view.above > 0.75 * self._job.way.hover and view.opening > OPEN:
            self._stage = self._approach
            self._chosen = self.plan.place is None  # what has moved may want another plan
        wait = 0.0 if view.opening < OPEN and view.above < 0.03 else 1.0
        aim = np.array([*view.gripper[:2], view.object[2] + self._job.way.hover])
        return wait * self._towards(view, aim), view.turn * self._skill.gain, "open"

    def _towards(self, view: View, aim: Array) -> Array:
        return self._skill.gain * (aim - view.gripper)

    def _travel(self, place: Place, view: View) -> float:
        """How much higher the object must be to travel [m]."""
        return float(place.over - place.drop + view.offset[2])

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
