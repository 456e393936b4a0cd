"""Wiping as a Robot: a tool in a compliant hand is pressed on an uneven surface and moved along it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robot_rl.hardware.config import ConfigError
from robot_rl.hardware.robot import Outcome, SceneState
from robot_rl.sim.abilities import Abilities
from robot_rl.sim.planar.contact import Contact, Impedance, Vector, advance, limit_lead
from robot_rl.sim.planar.wiping_scene import scene_qpos, scene_xml
from robot_rl.sim.planar.wiping_task import Progress, Surface, WipingTask
from robot_rl.sim.stepped import SteppedRobot
from robot_rl.spec import Spec

Array = NDArray[np.float64]

SUBSTEPS = 8
"""Of the contact mechanics in a control period: 5.2 ms each at 24 Hz."""

_ABILITIES = Abilities(modes={"planar_velocity": {"velocity": 2}}, sensed={"tip": 2, "lead": 2, "force": 2})


class Wiping(SteppedRobot):
    """Robot and Simulated without a physics engine; the mechanics are those of `contact.py`, in a point.

    Control mode `planar_velocity`: `velocity` (2,), the rates of x and z [m/s] of a reference point. A spring
    (2000 N/m) draws the tip to it, and the reference never leads the tip by more than 8 mm, so the force is bounded.
    `stop` sets the reference to the measured point.

    Senses, in the world frame (x along the path, z up): `tip` (x, z) [m]; `lead`, the reference minus the tip [m];
    `force` (fx, fz) of the surface on the tool [N], the mean over the last control period, with noise. Height and
    stiffness of the surface are hidden.

    Args:
        spec: what it senses and accepts; any subset of the fields above.
        seed: of the start states drawn by `reset()` without a seed.
        force_noise: standard deviation of each component of `force` [N].
        task: the fields of `WipingTask`.

    Raises:
        ConfigError: a spec or an option that does not fit.
    """

    def __init__(self, spec: Spec, *, seed: int = 0, force_noise: float = 0.1, **task: Any) -> None:
        super().__init__(spec, _ABILITIES, seed)
        if not 0.0 <= force_noise < math.inf:
            raise ConfigError(f"robot '{spec.robot}': force_noise is {force_noise}: a finite number, 0 or more")
        options: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in task.items()}
        try:
            self._task = WipingTask(**options)
        except (ValueError, TypeError) as error:
            raise ConfigError(f"robot '{spec.robot}': {error}") from None
        self._noise = force_noise
        self.reset()

    def _begin(self, seed: int) -> None:
        """The tool at rest above a new surface; the seed also draws the noise of the episode."""
        self._rng = np.random.default_rng(seed)
        surface, x, z = self._task.draw(self._rng)
        self._surface: Surface = surface
        self._hand = replace(Impedance(), contact_stiffness=surface.stiffness)
        self._tip: Vector = (x, z, 0.0)
        self._reference: Vector = self._tip
        self._velocity: Vector = (0.0, 0.0, 0.0)
        self._force = (0.0, 0.0)
        self._progress = Progress(self._task)
        self._reward = 0.0

    def _sense(self) -> Mapping[str, ArrayLike]:
        return {
            "tip": self._tip[:2],
            "lead": tuple(r - t for r, t in zip(self._reference[:2], self._tip[:2])),
            "force": self._force,
        }

    def stop(self) -> None:
        """The reference goes back to the tip: the hand holds the place and stops pressing."""
        super().stop()
        self._reference = self._tip

    def scene_xml(self) -> str:
        """MJCF of columns and a box that follow the state; it needs no asset files."""
        self._check_open()
        return scene_xml(self._task.length)

    def scene_state(self) -> SceneState:
        """qpos: the surface's height at each column, then x and z of the tip; stamped with simulated time."""
        self._check_open()
        x, z, _ = self._tip
        qpos = scene_qpos(self._surface, self._task.length, x, z)
        qvel = np.zeros_like(qpos)
        qvel[-2:] = self._velocity[:2]
        return SceneState(self.clock.now(), qpos, qvel)

    def outcome(self) -> Outcome:
        """Reward: the share of the path wiped in the last control period, so that an episode's sum is the share wiped
        of all; terminated at the end of the path when too little is wiped, and when it was pressed too hard."""
        self._check_open()
        success = self._progress.success
        return Outcome(self._reward, success, terminated=self._progress.ended and not success)

    def _step(self) -> None:
        dt = self.spec.period_ns * 1e-9 / SUBSTEPS
        vx, vz = (float(v) for v in self._command)
        total = np.zeros(2)
        for _ in range(SUBSTEPS):
            x, z, theta = self._reference
            self._reference = limit_lead((x + dt * vx, z + dt * vz, theta), self._tip, self._hand.lead)
            self._tip, self._velocity, wrench = advance(
                self._tip, self._velocity, self._reference, touching(self._tip, self._surface), self._hand, dt
            )
            total += wrench[:2]
        force = total / SUBSTEPS
        self._reward = self._progress.add(self._tip[0], float(force[1]))
        fx, fz = force + self._noise * self._rng.standard_normal(2)
        self._force = (float(fx), float(fz))


def touching(tip: Vector, surface: Surface) -> list[Contact]:
    """Where a point at `tip` is in the surface: the overlap is measured along the surface's normal below it."""
    x, z, _ = tip
    below = surface.height(x) - z
    if below <= 0.0:
        return []
    slope = surface.slope(x)
    norm = math.hypot(1.0, slope)
    return [Contact((0.0, 0.0), (-slope / norm, 1.0 / norm), below / norm)]
