"""What a robot must stay inside of: the walls of boxes and the bounds of turning, made of the newest measurements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from robot_rl.control.cone import Bound, Tilt
from robot_rl.control.limiting import Array
from robot_rl.control.limits import FieldLimits
from robot_rl.control.measured import Seen
from robot_rl.control.walls import Wall

Span = tuple[Array, Array]
"""The least and the most of some numbers."""


@dataclass(frozen=True)
class Corridors:
    """What the numbers of a flat action may be at one moment; each method changes them in place and returns flags."""

    known: bool
    """Where the robot is could be measured, wherever that is asked for."""
    walls: Sequence[tuple[Wall, Span, Span]]
    """Each with what may be aimed at, and what may be sent."""
    tilts: Sequence[tuple[Tilt, Bound]]

    def aim(self, target: Array) -> int:
        """Bring what is asked for (A,) inside."""
        flags = 0
        for wall, planned, _ in self.walls:
            flags |= wall.clip(target, *planned)
        for tilt, bound in self.tilts:
            flags |= tilt.project(target, bound)
        return flags

    def hold(self, out: Array) -> int:
        """Bring velocities that have been limited in their rates (A,) inside, however hard they brake for it."""
        flags = 0
        for wall, _, allowed in self.walls:
            if wall.velocity:
                flags |= wall.clip(out, *allowed)
        return flags

    def turn(self, out: Array) -> int:
        """Turn what is to be sent (A,) more slowly where it turns away too fast; no number grows."""
        flags = 0
        for tilt, bound in self.tilts:
            flags |= tilt.scale(out, bound)
        return flags


class Enclosure:
    """All walls and bounds of one action layout.

    Args:
        fields: their limits, in the order of the action.
        starts: where each begins in the action.
        longest: the longest time [s] from one decision to the next.
    """

    def __init__(self, fields: Sequence[FieldLimits], starts: Sequence[int], longest: float) -> None:
        self._walls = [Wall(f.box, f, i, longest) for f, i in zip(fields, starts) if f.box is not None]
        self._tilts = [Tilt(f.cone, i, f.first, longest) for f, i in zip(fields, starts) if f.cone is not None]

    def around(self, seen: Seen, last: Array, slope: Array) -> Corridors:
        """What may be commanded after `last` (A,), which changed at `slope` (A,) [per s]."""
        known, walls, tilts = True, [], []
        for wall in self._walls:
            position = seen.read(wall.measurement)
            known = known and (position is not None or wall.measurement is None)
            before = last[wall.index]
            if not wall.velocity:
                allowed = planned = (np.minimum(wall.low, before), np.maximum(wall.high, before))
            elif position is None or wall.measurement is None:
                continue
            else:
                age = seen.age(wall.measurement.field)
                allowed = planned = wall.allowed(position, before, age)
                if wall.smooth:
                    planned = wall.planned(position, before, slope[wall.index], age)
            walls.append((wall, planned, allowed))
        for tilt in self._tilts:
            rotation = seen.read(tilt.measurement)
            known = known and rotation is not None
            if rotation is not None:
                tilts.append((tilt, tilt.bound(rotation, last, seen.age(tilt.measurement.field))))
        return Corridors(known, walls, tilts)
