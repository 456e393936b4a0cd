"""Remembers what a robot did in an episode, and drives it back the way it came.

A robot commanded by velocities (a `twist` (6,), or a velocity (3,) with a measured pose) is led back
along the poses it was measured at, in closed loop. A robot commanded by set-points gets its set-points
again in reverse. What else there is in the action (a gripper) is replayed in reverse too, or kept.

Read from the section `limits.rewind` of robot.yaml, see `robot_rl.control.rewind_section`.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.control.measured import Measurement
from robot_rl.control.rewind import RewindSpeed, near, twist_towards
from robot_rl.control.rewind_section import RewindConfig
from robot_rl.spec import Field, Spec, SpecError, units

Array = NDArray[np.float64]
log = logging.getLogger(__name__)

LONGEST = 2**15
"""Steps remembered; the oldest are forgotten first (27 minutes of constant motion at 20 Hz)."""


class Rewinder:
    """The history of one episode. Call `record` in each step that is not a rewind, `step` in each that is.

    Raises:
        SpecError: the `rewind` section does not fit the spec.
    """

    def __init__(self, spec: Spec, limits: Mapping[str, Any]) -> None:
        self.config = RewindConfig.of(limits)
        self.spec = spec
        self._period = 1.0 / spec.rate
        self._driven, self._measurement = self._guide(limits)
        setpoints = [f.name for f in spec.action.vectors if limits[f.name].get("order") == "position"]
        self._others = np.zeros(spec.action.size, bool)
        for name in setpoints:
            self._others[spec.action.slices[name]] = True
        self.available = self.config.automatic and (self._driven is not None or len(setpoints) == len(spec.action))
        """Whether this robot can be driven back by itself."""
        if self._driven is not None:
            self._speed = self._speeds(self._driven)
            self._index = spec.action.slices[self._driven.name]
        elif self.config.automatic and not self.available:
            log.info("%s cannot rewind by itself: no measured pose leads its velocities", spec.robot)
        self.reset()

    def reset(self) -> None:
        """Forget the episode."""
        self._path: deque[tuple[Array, Array]] = deque(maxlen=LONGEST)
        self._wait = 0

    def record(self, values: Mapping[str, Any], executed: Array) -> None:
        """One step: what was measured at its start, and the action (A,) sent."""
        self._wait = 0
        if self._measurement is None:
            self._path.append((executed, executed))
            return
        pose = self._measurement.read(values)
        if pose is None:
            return
        if self._path and self._same(self._path[-1], (pose, executed)):
            return
        self._path.append((pose.copy(), executed))

    def step(self, values: Mapping[str, Any], last: Array) -> Array:
        """The action (A,) that leads back from here; holds still once there is nothing left to undo.

        Args:
            last: the command sent last (A,), whose set-points are kept where nothing is replayed.
        """
        action = np.where(self._others, last, 0.0)
        if not self._path:
            return action
        if self._measurement is None:
            return self._path.pop()[1].copy() if len(self._path) > 1 else self._path[0][1].copy()
        pose = self._measurement.read(values)
        if pose is None:
            return action
        changed = self._advance(pose)
        target, executed = self._path[-1]
        if self.config.others == "replay":
            action[self._others] = executed[self._others]
        if changed:
            self._wait = round(self.config.dwell / self._period)
        elif self._wait > 0:
            self._wait -= 1
        if self._wait == 0:
            action[self._index] = twist_towards(pose, target, self._speed)[: self._index.stop - self._index.start]
        return action

    def _advance(self, pose: Array) -> bool:
        """Drop what has been driven back along; stops, and says so, at a step whose other set-points differ."""
        while len(self._path) > 1 and near(pose, self._path[-1][0], self._speed):
            _, executed = self._path.pop()
            if self.config.others == "replay" and not self._alike(executed, self._path[-1][1]):
                return True
        return False

    def _alike(self, a: Array, b: Array) -> bool:
        """The other set-points of two actions are equal."""
        return bool(np.array_equal(a[self._others], b[self._others]))

    def _same(self, a: tuple[Array, Array], b: tuple[Array, Array]) -> bool:
        return self._alike(a[1], b[1]) and bool(np.abs(a[0] - b[0]).max() < 1e-5)

    def _guide(self, limits: Mapping[str, Any]) -> tuple[Field | None, Measurement | None]:
        """The velocity field to drive, and where its pose is measured; (None, None) if there is none."""
        for field in self.spec.action.vectors:
            section = limits[field.name]
            if section.get("order") != "velocity" or (field.kind != "twist" and field.size != 3):
                continue
            name = self.config.pose or section.get("workspace", {}).get("position", "")
            if not name:
                continue
            pose = self.spec.observation.get(name)
            if pose is None or pose.kind != "pose":
                if self.config.pose:
                    raise SpecError(f"limits of 'rewind': observation '{name}' is not a pose")
                continue
            unlike = ""
            if field.frame != pose.frame:
                unlike = f"'{field.name}' is in frame '{field.frame}', '{name}' in '{pose.frame}'"
            elif not units.agree(field, pose, 3, rate=True):
                unlike = f"'{field.name}' is in {units.said(field, 3)}, '{name}' in {units.said(pose, 3)}"
            if unlike:
                raise SpecError(f"limits of 'rewind': {unlike}")
            return field, Measurement.parse(self.spec.observation, name, 7)
        return None, None

    def _speeds(self, field: Field) -> RewindSpeed:
        """The configured speeds, by default the smallest bound of the field's own numbers."""
        bounds = np.minimum(-np.array(field.low, float), np.array(field.high, float))
        turn = (self.config.turn_speed or float(bounds[3:].min())) if field.size == 6 else 0.0
        return RewindSpeed(self.config.speed or float(bounds[:3].min()), turn, self._period, self.config.lag)
