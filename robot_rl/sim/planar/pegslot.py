"""PegSlot as a Robot: a peg held by a compliant hand is moved in a plane and put into a slot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robot_rl.hardware.config import ConfigError
from robot_rl.hardware.robot import Outcome, SceneState
from robot_rl.sim.abilities import Abilities
from robot_rl.sim.planar.contact import Geometry, Impedance, Vector, limit_lead, step
from robot_rl.sim.planar.robot import SUBSTEP_NS, PlanarRobot
from robot_rl.sim.planar.scene import scene_xml
from robot_rl.sim.planar.task import PegTask
from robot_rl.spec import Spec

Array = NDArray[np.float64]

_ABILITIES = Abilities(
    modes={"planar_velocity": {"velocity": 3}},
    sensed={"tip": 3, "lead": 3, "force": 3, "slot": 1, "privileged_slot": 1},
    step_ns=SUBSTEP_NS,
)


class PegSlot(PlanarRobot):
    """Robot and Simulated without a physics engine; see `contact.py` for the mechanics.

    Control mode `planar_velocity`: `velocity` (3,), the rates of x, z [m/s] and theta [rad/s] of a reference pose.
    A spring draws the tip to the reference, which never leads it by more than 8 mm and 0.06 rad: the force is
    bounded, and pressing harder is asking for more lead. `stop` sets the reference to the measured pose.

    Senses, in the world frame (x right, z up from the plate, theta about +y): `tip` (x, z, theta) [m, m, rad];
    `lead`, the reference minus the tip; `force` (fx, fz, my) of the plate on the peg about the tip [N, N, N m],
    in the last 5 ms; `slot`, its measured x [m], off by a bias that stays the same throughout an episode;
    `privileged_slot`, its true x [m], which only a simulation knows: policies must leave it out.

    Args:
        spec: what it senses and accepts; any subset of the fields above, a whole multiple of 5 ms as period.
        seed: of the start states drawn by `reset()` without a seed.
        clearance: how much wider the slot is than the peg [m].
        task: the fields of `PegTask`.

    Raises:
        ConfigError: a spec or an option that does not fit.
    """

    def __init__(self, spec: Spec, *, seed: int = 0, clearance: float = Geometry.clearance, **task: Any) -> None:
        super().__init__(spec, _ABILITIES, seed)
        self._hand = Impedance()
        try:
            self._shape, self._task = Geometry(clearance=clearance), PegTask(**task)
        except (ValueError, TypeError) as error:
            raise ConfigError(f"robot '{spec.robot}': {error}") from None
        self.reset()

    def _begin(self, seed: int) -> None:
        """The peg at rest above the plate."""
        self._tip, self._slot, bias = self._task.draw(np.random.default_rng(seed))
        self._seen = self._slot + bias
        self._reference: Vector = self._tip
        self._velocity: Vector = (0.0, 0.0, 0.0)
        self._force: Vector = (0.0, 0.0, 0.0)
        self._pressing = 0

    def _sense(self) -> Mapping[str, ArrayLike]:
        return {
            "tip": self._tip,
            "lead": tuple(r - t for r, t in zip(self._reference, self._tip)),
            "force": self._force,
            "slot": (self._seen,),
            "privileged_slot": (self._slot,),
        }

    def stop(self) -> None:
        """The reference goes back to the tip: the hand holds the place and stops pressing."""
        super().stop()
        self._reference = self._tip

    def scene_xml(self) -> str:
        """MJCF of boxes that follow the state; it needs no asset files."""
        self._check_open()
        return scene_xml(self._shape)

    def scene_state(self) -> SceneState:
        """qpos: the slot's true x, then x, z and theta of the tip; stamped with simulated time."""
        self._check_open()
        return SceneState(self.clock.now(), np.array([self._slot, *self._tip]), np.array([0.0, *self._velocity]))

    def outcome(self) -> Outcome:
        """Reward 1 when inserted, else 0; terminated when it was pressed too hard for too long."""
        self._check_open()
        success = self._task.done(self._tip)
        aborted = self._pressing >= self._task.force_steps
        return Outcome(reward=float(success), success=success, terminated=aborted and not success)

    def _step(self) -> None:
        super()._step()
        over = abs(self._force[1]) > self._task.force_limit
        self._pressing = self._pressing + 1 if over or self._pressing >= self._task.force_steps else 0

    def _advance(self, command: Array, dt: float) -> None:
        x, z, theta = (r + dt * float(v) for r, v in zip(self._reference, command))
        self._reference = limit_lead((x, z, theta), self._tip, self._hand.lead)
        self._tip, self._velocity, self._force = step(
            self._tip, self._velocity, self._reference, self._slot, self._shape, self._hand, dt
        )
