"""PegSlot as a Robot: a peg held by a compliant hand is moved in a plane and put into a slot."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.hardware.config import ConfigError
from robot_rl.hardware.robot import Outcome, Reading, RobotError, SceneState
from robot_rl.sim.clock import SteppedClock
from robot_rl.sim.commands import accepted
from robot_rl.sim.planar.contact import Geometry, Impedance, Vector, limit_lead, step
from robot_rl.sim.planar.scene import scene_xml
from robot_rl.sim.planar.task import PegTask
from robot_rl.spec import Spec

Array = NDArray[np.float64]

SUBSTEP_NS = 5_000_000
"""Period of the contact mechanics [ns]: 200 Hz."""

_SENSED = {"tip": 3, "lead": 3, "force": 3, "slot": 1, "privileged_slot": 1}


class PegSlot:
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
        _check_spec(spec)
        self.spec = spec
        self.clock = SteppedClock(spec.period_ns, self._step_period)
        self._hand = Impedance()
        try:
            self._shape, self._task = Geometry(clearance=clearance), PegTask(**task)
        except (ValueError, TypeError) as error:
            raise ConfigError(f"robot '{spec.robot}': {error}") from None
        self._seeds = np.random.default_rng(seed)
        self._closed = False
        self.reset()

    def reset(self, seed: int | None = None) -> Reading:
        """The peg at rest above the plate. Equal seeds give bit-identical states whatever happened before."""
        self._check_open()
        rng = np.random.default_rng(int(self._seeds.integers(2**31)) if seed is None else seed)
        self._tip, self._slot, bias = self._task.draw(rng)
        self._seen = self._slot + bias
        self._velocity: Vector = (0.0, 0.0, 0.0)
        self._force: Vector = (0.0, 0.0, 0.0)
        self._pressing = 0
        self.stop()
        self.clock.skip()
        return self.read()

    def read(self) -> Reading:
        """The present state; every field has the present simulated stamp. Exact but for the slot's bias."""
        self._check_open()
        sensed = {
            "tip": self._tip,
            "lead": tuple(r - t for r, t in zip(self._reference, self._tip)),
            "force": self._force,
            "slot": (self._seen,),
            "privileged_slot": (self._slot,),
        }
        names = self.spec.observation
        return Reading({n: np.array(sensed[n]) for n in names}, dict.fromkeys(names, self.clock.now()))

    def send(self, action: Array) -> Array:
        """Move the reference at these rates (3,) from now on.

        Returns what was really sent: `action` within the spec's bounds. Raises RobotError if it is not finite.
        """
        self._check_open()
        sent = accepted(action, self.spec.action)
        self._rates: Vector = (float(sent[0]), float(sent[1]), float(sent[2]))
        return sent

    def stop(self) -> None:
        """The reference goes back to the tip: the hand holds the place and stops pressing."""
        self._check_open()
        self._reference: Vector = self._tip
        self._rates = (0.0, 0.0, 0.0)

    def close(self) -> None:
        """Release the scene; later calls raise RobotError."""
        self._closed = True

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

    def _step_period(self) -> None:
        """One control period of the reference and the contact mechanics."""
        self._check_open()
        dt = SUBSTEP_NS * 1e-9
        for _ in range(self.spec.period_ns // SUBSTEP_NS):
            x, z, theta = (r + dt * v for r, v in zip(self._reference, self._rates))
            self._reference = limit_lead((x, z, theta), self._tip, self._hand.lead)
            self._tip, self._velocity, self._force = step(
                self._tip, self._velocity, self._reference, self._slot, self._shape, self._hand, dt
            )
        over = abs(self._force[1]) > self._task.force_limit
        self._pressing = self._pressing + 1 if over or self._pressing >= self._task.force_steps else 0

    def _check_open(self) -> None:
        if self._closed:
            raise RobotError(f"robot '{self.spec.robot}' is closed; make a new one")


def _check_spec(spec: Spec) -> None:
    if spec.control_mode != "planar_velocity":
        raise ConfigError(f"control mode '{spec.control_mode}' does not fit: a planar peg has planar_velocity")
    if (sizes := {name: f.size for name, f in spec.action.items()}) != {"velocity": 3}:
        raise ConfigError(f"action fields {sizes} do not fit: planar_velocity takes {{'velocity': 3}}")
    for name, field in spec.observation.items():
        if name not in _SENSED:
            raise ConfigError(f"observation '{name}' is not sensed by a planar peg; it has {', '.join(_SENSED)}")
        if field.shape != (_SENSED[name],):
            raise ConfigError(f"observation '{name}' has shape ({_SENSED[name]},), not {field.shape}")
    if spec.period_ns % SUBSTEP_NS:
        raise ConfigError(f"rate {spec.rate:g} Hz: its period must be a whole multiple of the contact step, 5 ms")
