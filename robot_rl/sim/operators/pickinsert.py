"""A scripted person who picks a peg up and puts it into a slot or back, or watches a policy and corrects it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.hardware.config import RobotConfig
from robot_rl.hardware.human import AXES, DeviceInput
from robot_rl.hardware.robot import Reading
from robot_rl.sim.operators.axes import full_axis
from robot_rl.sim.operators.skill import QUALITIES, Patience, check_sees, skill_of
from robot_rl.sim.planar.pickinsert import GRIP, INSERT, PickInsertTask

Array = NDArray[np.float64]
Values = Mapping[str, NDArray[Any]]

_LIFT = 0.012
"""The peg is carried this far above the plate [m]."""
_HOVER = 0.025
"""The hand comes down onto the peg from this far above its grip [m]."""
_PUSH = 0.002
"""How deep into the plate the reference is led on contact [m]: 4 N."""


def wanted(values: Values, slot: float, home: float, goal: int) -> tuple[Array, bool]:
    """Where the hand should go next (x, z) [m], and whether the fingers should be closed.

    Args:
        slot: where the slot is thought to be [m].
        home: where the peg belongs [m].
    """
    hand, peg, opening = values["hand"], values["peg"], float(values["opening"][0])
    target = slot if goal == INSERT else home
    if values["holding"][0] < 0.5:
        return _fetch(hand, peg, opening)
    x, z, _ = peg
    off = target - x
    if z < -0.001 and goal != INSERT:
        return np.array([x, _LIFT + GRIP + 0.004]), True
    aligned = abs(off) < (0.0012 if goal == INSERT else 0.006)
    if z >= 0.0 and not aligned:
        low = z < 0.5 * _LIFT
        return np.array(
            [x if low and abs(off) > 0.004 else target, (_LIFT if abs(off) > 0.004 else 0.003) + GRIP]
        ), True
    if goal == INSERT:
        return np.array([target, -0.03 + GRIP]), True
    return np.array([target, GRIP]), z > 0.003


def _fetch(hand: Array, peg: Array, opening: float) -> tuple[Array, bool]:
    """Above the peg, down to its grip, and shut the fingers."""
    beside, grip = float(peg[0] - hand[0]), float(peg[1]) + GRIP
    there = abs(beside) < 0.003 and abs(hand[1] - grip) < 0.006
    if opening == 0.0 or (opening < 1.0 and not there):
        return np.array([hand[0], hand[1]]), False  # shut on nothing: open again first
    if there:
        return np.array([peg[0], grip]), True
    return np.array([peg[0], grip if abs(beside) < 0.003 else grip + _HOVER]), False


class PickInsertOperator:
    """Operator of `sim_pickinsert`; sees everything and, as only a demonstrator may, `privileged_slot`.

    Demonstrating, it holds the clutch throughout. Watching, it keeps off until the policy gets no nearer for 0.8 s,
    then takes over for at least 0.8 s and until the task is nearer than ever, and hands back.

    Args:
        config: of the robot.
        quality: `expert`, `mixed` or `poor`.
        seed: of the noise and of what is drawn for each episode.

    Raises:
        ConfigError: no such quality, or an axis the operator needs drives nothing.
    """

    def __init__(self, config: RobotConfig, *, quality: str = "expert", seed: int = 0) -> None:
        self._skill = skill_of(quality, QUALITIES)
        check_sees(config, "privileged_slot")
        self._full = np.array([full_axis(config, axis, "x and z") for axis in ("x", "z")])  # (2,) [m/s]
        self._home = float(config.options.get("home", PickInsertTask.home))
        self._clearance = float(config.options.get("clearance", 0.0008))
        self._patience = Patience(idle=8, correction=8, progress=0.002)
        self._seed = seed
        self.reset(seed)

    def reset(self, seed: int | None = None) -> None:
        """A new episode: draws how well it will be done; hands off until asked."""
        self._rng = np.random.default_rng(self._seed if seed is None else seed)
        self._gain = float(self._rng.uniform(*self._skill.gain))
        self._aim = float(self._rng.normal(0.0, self._skill.misjudged * 0.002))
        self._patience.reset()

    def input(self, reading: Reading, *, policy_active: bool) -> DeviceInput:
        """The device at this moment; called once a control period."""
        values = reading.values
        slot, goal = float(values["privileged_slot"][0]), int(values["goal"][0])
        if policy_active and not self._patience.correcting(self._distance(values, slot, goal)):
            return DeviceInput(reading.stamp, np.zeros(len(AXES)), frozenset())
        if values["holding"][0] > 0.5 and values["force"][1] > 1.0:  # held up by the plate: feel for the slot
            self._aim *= 0.6
        place, closed = wanted(values, slot + self._aim, self._home, goal)
        error = place - values["hand"]
        if values["holding"][0] > 0.5 and values["force"][1] > 1.0 and goal == INSERT:
            error[1] = max(error[1], -_PUSH)
        noise = self._skill.noise * self._rng.standard_normal(2)
        axes = np.zeros(len(AXES))
        axes[[AXES.index("x"), AXES.index("z")]] = np.clip(self._gain * error / self._full + noise, -1.0, 1.0)
        return DeviceInput(reading.stamp, axes, frozenset({"clutch", "close" if closed else "open"}))

    def _distance(self, values: Values, slot: float, goal: int) -> float:
        """How far the task is from done [m]: what the hand and then the peg have still to travel."""
        hand, peg = values["hand"], values["peg"]
        carry = abs((slot if goal == INSERT else self._home) - peg[0]) + abs(peg[1] + 0.02 * (goal == INSERT))
        if values["holding"][0] > 0.5:
            return float(carry)
        return float(carry + 0.1 + np.abs(hand - [peg[0], peg[1] + GRIP]).sum())
