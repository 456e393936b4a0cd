"""A scripted person who pushes a T onto its outline, or watches a policy and steps in for one push."""

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
from robot_rl.sim.operators.wrist import choose
from robot_rl.sim.pusht.pushes import Planner, Push, away, route
from robot_rl.sim.pusht.table import STEP_NS

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Skill:
    """How well the operator drives and when they step in."""

    speed: tuple[float, float] = (0.25, 0.3)
    """On the way to a push [m/s], drawn for each episode."""
    noise: float = 0.0
    """Standard deviation of each stick as a share of what is asked for."""
    pauses: float = 0.0
    """How often the sticks are let go for half a second [1/s]."""
    whim: float = 0.2
    """How readily a push is made that is not the best, from 0 to 1: the modes of the demonstrations."""
    patience: float = 5.0
    """Watching: so long without getting on before the operator steps in [s]."""


QUALITIES = {
    "expert": Skill(),
    "mixed": Skill(speed=(0.15, 0.3), noise=0.05, pauses=0.1, whim=0.6),
    "poor": Skill(speed=(0.1, 0.25), noise=0.15, pauses=0.3, whim=1.0),
}

_GAIN = 6.0
"""Distance to the speed asked for [1/s]."""
_PASSED = 0.012
"""A point on the way is passed at this distance [m]."""
_THERE = 0.0015
"""The finger stands where a push begins [m]."""
_TOO_LONG = 8.0
"""A finger that is not where a push begins by then has been held up: look again [s]."""
_PROGRESS = 0.004
"""Getting on is at least this much nearer to the goal [m]."""
_WORTH = 0.15
"""A difference in cost of this share of the distance still to go counts as one unit of `choose`."""
_PAUSE = 0.5
"""[s]"""


class PushTOperator:
    """Operator of `sim_pusht` in velocity control; sees `finger` and `block_pose`.

    Demonstrating, it holds the clutch throughout: choose a push, go round the T to where it begins, push, look
    again. Watching, it keeps off the clutch until the T has come no nearer to its goal for a while, then takes it
    for one push and hands back.

    Args:
        config: of the robot; the teleop section says how fast each full axis moves the finger.
        quality: one of `QUALITIES`.
        seed: of the noise and of what is drawn for each episode.

    Raises:
        ConfigError: no such quality, a field it looks at is not sensed, or an axis drives nothing.
    """

    def __init__(self, config: RobotConfig, *, quality: str = "expert", seed: int = 0) -> None:
        self._skill = skill_of(quality, QUALITIES)
        check_sees(config, "finger", "block_pose")
        self._full = np.array([full_axis(config, axis, "x and y") for axis in ("x", "y")])  # (2,) [m/s]
        self._period = 1.0 / config.spec.rate
        self._steps = config.spec.period_ns // STEP_NS
        self._planner = Planner()
        self._seed = seed
        self.reset(seed)

    def reset(self, seed: int | None = None) -> None:
        """A new episode: draws how well it will be done; hands off until asked."""
        self._rng = np.random.default_rng(self._seed if seed is None else seed)
        self._speed = float(self._rng.uniform(*self._skill.speed))
        self._push: Push | None = None
        self._way: list[Array] = []
        self._left = self._rest = 0
        self._elapsed = 0.0
        self._nearest, self._idle, self._pause = math.inf, 0.0, 0.0
        self._correcting = False

    def input(self, reading: Reading, *, policy_active: bool) -> DeviceInput:
        """The device at this moment; called once a control period."""
        finger, block = reading.values["finger"], reading.values["block_pose"]
        if policy_active and not self._steps_in(block):
            return DeviceInput(reading.stamp, np.zeros(len(AXES)), frozenset())
        axes = np.zeros(len(AXES))
        axes[[AXES.index(a) for a in ("x", "y")]] = self._sticks(self._velocity(finger, block))
        return DeviceInput(reading.stamp, axes, frozenset({"clutch"}))

    def _velocity(self, finger: Array, block: Array) -> Array:
        """Of the finger (2,) [m/s]."""
        if self._push is None:
            self._choose(finger, block)
            if self._push is None:
                return np.zeros(2)
        self._elapsed += self._period
        if self._way and self._elapsed > _TOO_LONG:
            self._push = None
            return np.zeros(2)
        while len(self._way) > 1 and math.dist(self._way[0], finger) < _PASSED:
            self._way.pop(0)
        if self._way:
            if math.dist(self._way[0], finger) > _THERE:
                wanted = _GAIN * (self._way[0] - finger)
                return np.asarray(wanted * min(1.0, self._speed / max(float(np.linalg.norm(wanted)), 1e-9)))
            self._way.pop(0)
        if self._left > 0:
            self._left -= 1
            return self._push.velocity
        self._rest -= 1
        if self._rest <= 0:
            self._push = None
            self._correcting = False
        return np.zeros(2)

    def _choose(self, finger: Array, block: Array) -> None:
        """Decide on a push, and on the way to it."""
        pushes = self._planner.pushes(finger, block, self._steps)
        ways = [(push, route(block, finger, push.start)) for push in pushes]
        options = [(push, way) for push, way in ways if way] or [(push, [push.start]) for push in pushes]
        if options:
            worth = max(_WORTH * away(block), 1e-6)
            costs = [(push.cost / worth, (push, way)) for push, way in options]
            self._push, self._way = choose(costs, self._skill.whim, self._rng)
            self._left, self._rest, self._elapsed = self._push.steps, 2, 0.0

    def _sticks(self, velocity: Array) -> Array:
        """Axes x and y (2,) in [-1, 1], as a person holds them."""
        if self._pause <= 0.0 and self._rng.random() < self._skill.pauses * self._period:
            self._pause = _PAUSE
        self._pause -= self._period
        if self._pause > 0.0:
            return np.zeros(2)
        axes = velocity / self._full
        noise = self._skill.noise * float(np.linalg.norm(axes)) * self._rng.standard_normal(2)
        return np.clip(axes + noise, -1.0, 1.0)

    def _steps_in(self, block: Array) -> bool:
        """Whether the clutch is held now: from when the T has come no nearer for a while to the end of one push."""
        if self._correcting:
            return True
        if (distance := away(block)) < self._nearest - _PROGRESS:
            self._nearest, self._idle = distance, 0.0
        self._idle += self._period
        if self._idle > self._skill.patience:
            self._idle, self._push, self._correcting = 0.0, None, True
        return self._correcting
