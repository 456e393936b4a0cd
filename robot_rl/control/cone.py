"""How far a tool may be turned away from an orientation, as a limit of the angular velocity of a twist.

    <twist field>:
      orientation: {pose: <observation field>, reference: [x, y, z, w], angle: 0.8, reaction: 0.0}

With R the rotation from the reference to the measured orientation, in the fixed frame, of angle theta about the unit
axis e, theta grows at e . w for an angular velocity w in that frame (R' = [w] R). Turning about an axis across e by
phi leads away too: cos theta' = cos theta cos phi, or phi^2 / (2 tan theta) for a small one. The sum of both within a
step is kept to what can still be stopped before `angle`; beyond the angle w may only lead back, and not so fast that
it would pass the reference and leave on the other side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from robot_rl.control import poses
from robot_rl.control.limiting import Array, approach_speed
from robot_rl.control.measured import Measurement
from robot_rl.control.safety import Safety
from robot_rl.control.section import keys, numbers
from robot_rl.spec import Field, Spec, SpecError

KEYS = ("pose", "reference", "angle", "reaction")
_NONE = 1e-6
"""An angle [rad] that is as good as none."""


class Bound(NamedTuple):
    """How fast a tool may turn away from its reference at one moment."""

    axis: Array
    """The unit axis (3,) about which it is turned away; zero where it is not, so that every axis leads away."""
    most: float
    """[rad/s]"""
    bend: float
    """How much turning across the axis leads away: times its square [rad/s] it is a speed."""
    through: float
    """A speed [rad/s] beyond which turning back leads past the reference, and further away on its other side."""

    def away(self, turning: Array) -> float:
        """How fast an angular velocity (3,) leads away from the reference [rad/s]."""
        return max(self.outward(turning), float(np.linalg.norm(turning)) - self.through)

    def outward(self, turning: Array) -> float:
        """The same on this side of the reference."""
        along = float(self.axis @ turning)
        across = float(np.linalg.norm(turning - along * self.axis))
        return along + (min(across, across * across * self.bend) if across > 0.0 else 0.0)


@dataclass(frozen=True, eq=False)
class Cone:
    """The limit of one field's orientation."""

    measurement: Measurement
    """Where the orientation is measured."""
    reference: Array
    """Unit quaternion x y z w (4,), in the frame of the pose."""
    angle: float
    """The largest angle from the reference [rad]."""
    reaction: float = 0.0
    """How long the robot takes to follow a command [s], added to the stopping distance."""

    @classmethod
    def parse(cls, spec: Spec, field: Field, section: Any) -> Cone:
        """Read `orientation` of an action field. Raises SpecError where it does not fit the spec."""
        where = f"orientation of '{field.name}'"
        keys(where, section, KEYS, required=KEYS[:3])
        if field.kind != "twist" or field.size != 6:
            raise SpecError(f"{where}: it limits the angular velocity of a twist, the field is none")
        measurement = Measurement.rotation_of(spec.observation, str(section["pose"]))
        pose = spec.observation[measurement.field]
        if field.frame != pose.frame:
            raise SpecError(
                f"{where}: the twist is in frame '{field.frame}', '{pose.name}' in '{pose.frame}'; both need the same, "
                "and `frame:` to say so"
            )
        reference = numbers(section["reference"])
        if reference is None or reference.shape != (4,) or not abs(float(np.linalg.norm(reference)) - 1.0) < 0.01:
            raise SpecError(f"{where}: reference is {section['reference']!r}; a unit quaternion x y z w was expected")
        angle, reaction = numbers(section["angle"]), numbers(section.get("reaction", 0.0))
        if angle is None or angle.shape != () or not 0.0 < angle < np.pi:
            raise SpecError(f"{where}: angle is {section['angle']!r}; it lies between 0 and pi [rad]")
        if reaction is None or reaction.shape != () or not 0.0 <= reaction < np.inf:
            raise SpecError(f"{where}: reaction is {section['reaction']!r}; it is a time [s], 0 or more")
        return cls(measurement, poses.normalize(reference), float(angle), float(reaction))


class Tilt:
    """A cone around the angular velocity in the flat action.

    Args:
        start: where the twist begins in the action.
        acceleration: largest change of each number of the twist per second (6,).
        reaction: the longest time [s] from one decision to the next.
    """

    flag = int(Safety.WORKSPACE)

    def __init__(self, cone: Cone, start: int, acceleration: Array, reaction: float) -> None:
        self.measurement = cone.measurement
        self._cone, self._index = cone, slice(start + 3, start + 6)
        self._braking = np.array([float(acceleration[3:].min())])
        self._reaction = reaction + cone.reaction

    def bound(self, rotation: Array, last: Array, age: float) -> Bound:
        """The bound where the orientation (4,) was measured `age` [s] ago, while `last` (A,) was commanded."""
        r = poses.log(poses.multiply(poses.normalize(rotation), poses.conjugate(self._cone.reference)))
        angle = float(np.linalg.norm(r))
        axis = r / angle if angle > _NONE else np.zeros(3)
        here = Bound(axis, 0.0, self._bend(angle), 2.0 * angle / self._reaction)
        left = np.array([self._cone.angle - angle - max(here.away(last[self._index]), 0.0) * age])
        return here._replace(most=float(approach_speed(left, self._braking, self._reaction)[0]))

    def _bend(self, angle: float) -> float:
        return 0.0 if angle >= np.pi / 2 else self._reaction / (2.0 * np.tan(max(angle, _NONE)))

    def project(self, values: Array, bound: Bound) -> int:
        """Take from `values` (A,), in place, what turns away too fast; the flag if that changed any, else 0."""
        excess = bound.outward(values[self._index]) - bound.most
        if excess <= 0.0 or not bound.axis.any():
            return 0
        values[self._index] -= excess * bound.axis
        return self.flag

    def scale(self, values: Array, bound: Bound) -> int:
        """As `project`, but turn more slowly about the same axis, so that no number grows."""
        away = bound.away(values[self._index])
        if away <= bound.most * (1 + 1e-9) + 1e-12:
            return 0
        values[self._index] *= bound.most / away
        return self.flag
