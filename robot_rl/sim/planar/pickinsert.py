"""Pick a peg up with a gripper and put it into a slot, or take it out again and put it back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robot_rl.hardware.config import ConfigError
from robot_rl.hardware.robot import Outcome, SceneState
from robot_rl.sim.abilities import Abilities
from robot_rl.sim.planar.contact import Geometry, Impedance, Vector, limit_lead, step
from robot_rl.sim.planar.pickinsert_scene import scene_xml
from robot_rl.sim.planar.robot import SUBSTEP_NS, PlanarRobot
from robot_rl.spec import Spec

Array = NDArray[np.float64]

INSERT, RETURN = 0, 1
"""The goals: into the slot; out of it and back to its place."""

GRIP = 0.045
"""The fingers hold the peg this far above its tip [m] ..."""
_REACH = 0.012
"""... give or take this [m]."""
_CATCH = 0.006
"""Fingers that close this far beside the peg still catch it, and centre themselves on it [m]."""
_CLOSING = 0.2
"""From open to closed [s]."""
_LAG = 0.05
"""Of the free hand behind its reference [s]: damping over stiffness."""
_DROP = 0.010
"""A peg let go higher above the plate than this topples over [m]."""
_FLOOR = 0.015
"""The empty hand goes no lower [m]."""

_ABILITIES = Abilities(
    modes={"planar_velocity": {"velocity": 2, "gripper": 1}},
    sensed={
        "hand": 2,
        "opening": 1,
        "peg": 3,
        "holding": 1,
        "force": 3,
        "slot": 1,
        "goal": 1,
        "privileged_slot": 1,
    },
    step_ns=SUBSTEP_NS,
)


@dataclass(frozen=True)
class PickInsertTask:
    """Where everything starts and what counts as done."""

    bias: float = 0.002
    """The slot's measured x is off by a constant drawn from +- this [m]."""
    slot_range: float = 0.01
    """The slot's x lies within +- this of 0.04 [m]."""
    peg_range: float = 0.015
    """The peg stands within +- this of its home [m]."""
    home: float = -0.04
    """Where the peg belongs, x [m]."""
    returned: float = 0.015
    """It is back when it stands within this of its home [m]."""
    inserted: float = 0.018
    """It is in the slot when its tip is this far below the plate [m]."""

    def __post_init__(self) -> None:
        for name in ("bias", "slot_range", "peg_range"):
            if not 0.0 <= getattr(self, name) <= 0.02:
                raise ValueError(f"{name} is {getattr(self, name)}; it must lie between 0 and 0.02 m")
        if not (-0.08 <= self.home <= -0.03 and self.returned > 0.0 and 0.0 < self.inserted < Geometry.depth):
            raise ValueError(
                f"home {self.home}, returned {self.returned}, inserted {self.inserted}: home lies between -0.08 and "
                f"-0.03 m, returned above 0, inserted between 0 and the slot's depth, {Geometry.depth} m"
            )


class PickInsert(PlanarRobot):
    """Robot and Simulated; held, the peg obeys the mechanics of `contact.py`, where its angle is compliant.

    Control mode `planar_velocity`: `velocity` (2,), the rates of x and z [m/s] of the hand's reference; and `gripper`
    (1,), a switch: closed from 0.5 on. `goal` is 0, insert, or 1, return; `set_goal` changes it between episodes, so
    that a robot can practise both in turn without being reset.

    Senses, in the world frame: `hand` (x, z) of the point between the fingers [m]; `opening`, 1 open to 0 closed;
    `peg` (x, z, theta) of its tip [m, m, rad]; `holding`, 1 when it is held; `force` (fx, fz, my) of the plate on the
    held peg [N, N, N m]; `slot`, its measured x [m] with a hidden bias; `goal`; `privileged_slot`, the true x.

    Fingers and a standing peg do not collide: fingers that close beside it close on nothing. A peg let go higher
    than 10 mm topples, and the episode terminates: only a reset (of the scene, by a person) sets it up again.

    Args:
        clearance: how much wider the slot is than the peg [m].
        goal: 0 or 1.
        task: the fields of `PickInsertTask`.
    """

    def __init__(
        self, spec: Spec, *, seed: int = 0, clearance: float = Geometry.clearance, goal: int = INSERT, **task: Any
    ) -> None:
        super().__init__(spec, _ABILITIES, seed)
        try:
            self._shape, self.task = Geometry(clearance=clearance), PickInsertTask(**task)
        except (ValueError, TypeError) as error:
            raise ConfigError(f"robot '{spec.robot}': {error}") from None
        self._spring = Impedance()
        self.set_goal(goal)
        self.reset()

    def set_goal(self, goal: int) -> None:
        """What counts as success from now on. Raises ConfigError for no such goal."""
        if goal not in (INSERT, RETURN):
            raise ConfigError(f"goal is {goal!r}; it is {INSERT} (insert) or {RETURN} (return)")
        self.goal = int(goal)

    def _begin(self, seed: int) -> None:
        rng, task = np.random.default_rng(seed), self.task
        self._slot = 0.04 + float(rng.uniform(-task.slot_range, task.slot_range))
        self._seen = self._slot + float(rng.uniform(-task.bias, task.bias))
        self._peg: Vector = (task.home + float(rng.uniform(-task.peg_range, task.peg_range)), 0.0, 0.0)
        self._hand = (float(rng.uniform(-0.05, 0.05)), float(rng.uniform(0.075, 0.095)))
        self._still()
        if self.goal == RETURN:
            self._peg = (self._slot, -self.task.inserted - 0.002, 0.0)
        self._opening, self._held, self._toppled = 1.0, False, False

    def _still(self) -> None:
        self._velocity: Vector = (0.0, 0.0, 0.0)
        self._force: Vector = (0.0, 0.0, 0.0)
        self._reference = self._hand

    def stop(self) -> None:
        """The reference goes back to the hand, which stops pressing; the fingers stay as they are."""
        super().stop()
        self._reference = self._hand

    def _sense(self) -> Mapping[str, ArrayLike]:
        return {
            "hand": self._hand,
            "opening": (self._opening,),
            "peg": self._peg,
            "holding": (float(self._held),),
            "force": self._force,
            "slot": (self._seen,),
            "goal": (float(self.goal),),
            "privileged_slot": (self._slot,),
        }

    def _advance(self, command: Array, dt: float) -> None:
        x, z = (r + dt * float(v) for r, v in zip(self._reference, command[:2]))
        closing = bool(command[2] >= 0.5)
        before = self._opening
        self._opening = min(1.0, max(0.0, before + (-dt if closing else dt) / _CLOSING))
        if self._held and not closing:
            self._let_go()
        if self._held:
            self._carry((x, z), dt)
            return
        self._force = (0.0, 0.0, 0.0)
        lead = self._spring.lead
        x, z, _ = limit_lead((x, max(z, _FLOOR), 0.0), (*self._hand, 0.0), lead)
        share = dt / (_LAG + dt)
        self._reference = (x, z)
        self._hand = (self._hand[0] + share * (x - self._hand[0]), self._hand[1] + share * (z - self._hand[1]))
        if before > 0.0 and self._opening == 0.0 and self._within_reach():
            self._held = True
            self._hand = (self._peg[0], self._peg[1] + GRIP)
            self._still()

    def _within_reach(self) -> bool:
        x, z, _ = self._peg
        beside, above = abs(self._hand[0] - x), abs(self._hand[1] - z - GRIP)
        return not self._toppled and beside <= _CATCH and above <= _REACH

    def _carry(self, wanted: tuple[float, float], dt: float) -> None:
        """The held peg follows the reference through the hand's spring, against the plate and the slot."""
        reference = limit_lead((wanted[0], wanted[1] - GRIP, 0.0), self._peg, self._spring.lead)
        self._peg, self._velocity, self._force = step(
            self._peg, self._velocity, reference, self._slot, self._shape, self._spring, dt
        )
        self._reference = (reference[0], reference[1] + GRIP)
        self._hand = (self._peg[0], self._peg[1] + GRIP)

    def _let_go(self) -> None:
        """The peg slides to the bottom of the slot, stands on the plate, or topples."""
        x, z, _ = self._peg
        self._held = False
        self._still()
        over_slot = abs(x - self._slot) < 0.5 * self._shape.clearance
        if z < -0.001 or (over_slot and z <= _DROP):
            self._peg = (self._slot, -self._shape.depth, 0.0)
        elif z <= _DROP:
            self._peg = (x, 0.0, 0.0)
        else:
            self._peg, self._toppled = (x, 0.0, math.pi / 2), True

    def outcome(self) -> Outcome:
        """Reward 1 when the present goal is reached, else 0; terminated when the peg has toppled."""
        x, z, _ = self._peg
        if self.goal == INSERT:
            success = z <= -self.task.inserted
        else:
            standing = not self._held and z == 0.0 and not self._toppled
            success = standing and abs(x - self.task.home) <= self.task.returned
        return Outcome(reward=float(success), success=success, terminated=self._toppled)

    def scene_xml(self) -> str:
        """MJCF of boxes that follow the state; it needs no asset files."""
        self._check_open()
        return scene_xml(self._shape)

    def scene_state(self) -> SceneState:
        """qpos: the slot's true x; x, z, theta of the peg's tip; x, z of the hand; half the gap between the fingers."""
        self._check_open()
        gap = self._shape.half_width + 0.012 * self._opening
        qpos = np.array([self._slot, *self._peg, *self._hand, gap])
        return SceneState(self.clock.now(), qpos, np.zeros(len(qpos)))
