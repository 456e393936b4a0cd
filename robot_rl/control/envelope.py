"""The safety envelope: the one place every command passes on its way to an actuator.

`SafetyEnvelope.filter` returns a command for any input whatsoever; it never raises. What it returns
keeps these promises, of which the earlier ones win:

1. It is finite and inside the bounds of the action fields.
2. A latched emergency stop gives velocity 0 at once; positions stay where they were measured.
3. Inside the workspace box (or joint limits) a velocity is small enough to stop before the wall, given
   the newest measurement, and a set-point lies in the box; from outside they stay or lead inwards.
4. From one command to the next a number changes by at most its limit times the time passed (its
   acceleration for a velocity, its rate for a position), and its slope likewise where a second limit is
   given. Rules 2, 3 and 5 may brake harder than that; never accelerate. A set-point that `wraps` (a heading)
   goes the short way round: between -3.1 and 3.1 rad it changes by 0.083, through pi.
5. Where a contact force is beyond its limit, nothing pushes further: a velocity against it becomes 0.

A command that is not finite or misshapen, too old, from the future, or given without the deadman, is
not carried out at all, nor is any while measurements (a limited force among them) are too old, missing or
not finite. The robot then *holds*: velocities ramp to 0 and positions keep their last value. Every
intervention is flagged in the result and counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot_rl.control import circle
from robot_rl.control.limiting import slew, smooth_slew
from robot_rl.control.limits import Array, Limits, parse
from robot_rl.control.safety import Safety
from robot_rl.control.walls import Wall
from robot_rl.spec import Spec

LONGEST_STEP = 2.0
"""A command never changes by more than this many control periods' worth, however long the silence before it."""

_BOUND, _RATE, _WORKSPACE, _NOT_FINITE = (
    int(Safety.BOUND),
    int(Safety.RATE),
    int(Safety.WORKSPACE),
    int(Safety.NOT_FINITE),
)
_STALE_COMMAND, _STALE_OBSERVATION = int(Safety.STALE_COMMAND), int(Safety.STALE_OBSERVATION)
_DEADMAN, _ESTOP, _JERK = int(Safety.DEADMAN), int(Safety.ESTOP), int(Safety.JERK)
_FORCE = int(Safety.FORCE)

REFUSED = Safety.NOT_FINITE | Safety.STALE_COMMAND | Safety.STALE_OBSERVATION | Safety.DEADMAN | Safety.ESTOP
"""With any of these flags the command was not carried out at all: the robot held still."""


class Filtered(NamedTuple):
    """What the envelope lets through, and what it did."""

    action: Array  # (A,) laid out as spec.action
    flags: Safety
    changed: NDArray[np.bool_]  # (A,) the numbers that differ from those asked for


class SafetyEnvelope:
    """Keeps commands of one robot within its limits; see the module for what it promises.

    Args:
        spec: the robot; its action fields have finite bounds.
        limits: the `limits` section of robot.yaml for the spec's control mode, see `limits.py`.

    Raises:
        SpecError: the limits do not fit the spec.
    """

    def __init__(self, spec: Spec, limits: Mapping[str, Any] | Limits) -> None:
        self.spec = spec
        self.limits = limits if isinstance(limits, Limits) else parse(spec, limits)
        self.counts: dict[Safety, int] = dict.fromkeys(Safety, 0)
        """How often each flag was raised since the envelope was made."""
        fields = self.limits.fields
        self._size = spec.action.size
        self._low = np.concatenate([f.low for f in fields])
        self._high = np.concatenate([f.high for f in fields])
        self._first = np.concatenate([f.first for f in fields])
        self._second = np.concatenate([f.second for f in fields])
        self._smooth = np.isfinite(self._second)
        self._any_smooth = bool(self._smooth.any())
        self._circular = circle.wrapping(spec.action)
        self._velocity = np.concatenate([np.full(len(f.low), f.order == "velocity") for f in fields])
        self._slices = list(spec.action.slices.values())
        self._period = 1.0 / spec.rate
        starts = [s.start for s in self._slices]
        longest = LONGEST_STEP * self._period
        self._walls = [Wall(f.box, f, i, longest) for f, i in zip(fields, starts) if f.box is not None]
        self._longest = round(longest * 1e9)
        self._command_timeout = round(self.limits.command_timeout * 1e9)
        self._observation_timeout = round(self.limits.observation_timeout * 1e9)
        self._estopped = False
        self._last = np.zeros(self._size)
        self.reset()

    @property
    def last(self) -> Array:
        """The command (A,) emitted last."""
        return self._last.copy()

    @property
    def stopped(self) -> bool:
        """The emergency stop is latched."""
        return self._estopped

    def reset(self, measured: Mapping[str, Any] | None = None, *, moving: bool = False) -> None:
        """Begin anew at the measured positions; the emergency stop stays as it is.

        Each position begins at its measured value, else at its `initial` value, else at 0, clipped to its
        bounds. Velocities begin at 0, or go on from the last command where the robot is still `moving`.
        """
        before = self._last
        self._last = self._rest(np.zeros(self._size), measured, use_initial=True)
        if moving:
            self._last = np.where(self._velocity, before, self._last)
        self._slope = np.zeros(self._size)
        self._stamp: int | None = None
        self._stop_at: Array | None = None

    def estop(self) -> None:
        """Latch the emergency stop: every command is refused until `release_estop`."""
        self._estopped = True

    def release_estop(self) -> None:
        """Allow commands again, from rest. The only way out of an emergency stop."""
        self._estopped = False
        self._stop_at = None

    def filter(
        self,
        action: Any,
        *,
        now: int,
        command_stamp: int | None,
        measured: Mapping[str, Any] | None,
        measured_stamp: int,
        deadman: bool = True,
        force_stamp: int | None = None,
        retracing: bool = False,
    ) -> Filtered:
        """The command to send now.

        Args:
            action: (A,) what is asked for; None when nobody commands, which holds without a flag.
            now: the present stamp [ns].
            command_stamp: when the command was made [ns]; None counts as stale.
            measured: the newest observations by name; only those the limits name are looked at.
            measured_stamp: when they were acquired [ns].
            deadman: the human holds the deadman, or the command is not a human's.
            force_stamp: when the force that the limits name was acquired [ns]; by default `measured_stamp`.
            retracing: the command leads back along the executed path, which is safe even where no force is known.
        """
        dt = self._elapsed(now)
        if self._estopped:
            return self._stop(action, measured)
        flags = 0 if action is None else self._refusal(now, command_stamp, deadman)
        age = now - measured_stamp
        fresh = abs(age) <= self._observation_timeout
        positions = [w.measurement.read(measured) if w.measurement else None for w in self._walls] if fresh else []
        if not fresh or any(p is None and w.velocity for p, w in zip(positions, self._walls)):
            flags |= _STALE_OBSERVATION
            positions = []
        asked = self._asked(action)
        if action is not None and asked is None:
            flags |= _NOT_FINITE
        cut = None
        if self.limits.force is not None:
            force = self.contact_force(now, measured, measured_stamp if force_stamp is None else force_stamp)
            if force is not None:
                cut = self._cut(force)
            elif not retracing:
                flags |= _STALE_OBSERVATION | _FORCE
        if asked is None or flags:
            target = np.where(self._velocity, 0.0, self._last)
        else:
            target = np.minimum(np.maximum(asked, self._low), self._high)
            if (target != asked).any():
                flags |= _BOUND
        out, extra = self._limit(target, positions, max(age, 0) * 1e-9 if fresh else 0.0, dt, cut)
        return self._emit(out, flags | extra, asked, action is not None, dt)

    def _elapsed(self, now: int) -> float:
        """Time since the last command [s], at most LONGEST_STEP periods; a jump back in time gives 0."""
        last, self._stamp = self._stamp, now
        if last is None:
            return self._period
        return min(max(now - last, 0), self._longest) * 1e-9

    def _refusal(self, now: int, command_stamp: int | None, deadman: bool) -> int:
        flags = 0
        if command_stamp is None or abs(now - command_stamp) > self._command_timeout:
            flags |= _STALE_COMMAND
        if not deadman:
            flags |= _DEADMAN
        return flags

    def _asked(self, action: Any) -> Array | None:
        """The action as (A,) finite numbers, or None."""
        if action is None:
            return None
        try:
            asked = np.asarray(action, np.float64)
        except (TypeError, ValueError, OverflowError):
            return None
        if asked.shape != (self._size,) or not np.isfinite(asked).all():
            return None
        return self._turned_inside(asked)

    def contact_force(self, now: int, measured: Mapping[str, Any] | None, stamp: int | None) -> Array | None:
        """The force (n,) that the limits name, measured at `stamp` [ns]; None if there is none that is known."""
        limit = self.limits.force
        return None if limit is None or stamp is None else limit.read(measured, now - stamp, self._observation_timeout)

    def _cut(self, force: Array) -> tuple[Array, Array] | None:
        """The least and most (A,), (A,) that each number may be so as not to push further; None for anything."""
        limit = self.limits.force
        corridor = None if limit is None else limit.corridor(force)
        if limit is None or corridor is None:
            return None
        if not limit.pushes:  # no telling which motion pushes: hold still
            hold = np.where(self._velocity, 0.0, self._last)
            return hold, hold
        low, high = np.full(self._size, -np.inf), np.full(self._size, np.inf)
        index = self.spec.action.slices[limit.pushes]
        low[index], high[index] = corridor
        return low, high

    def _limit(
        self, target: Array, positions: list[Array | None], age: float, dt: float, cut: tuple[Array, Array] | None
    ) -> tuple[Array, int]:
        """`target` brought within walls and rates; what was done, as flags."""
        flags = 0
        last = self._last
        target = circle.nearest(target, last, self._circular)
        if cut is not None:
            asked, target = target, np.minimum(np.maximum(target, cut[0]), cut[1])
            flags |= _FORCE if (target != asked).any() else 0
        corridors: list[tuple[Wall, Array, Array]] = []
        for wall, position in zip(self._walls, positions or [None] * len(self._walls)):
            if not wall.velocity:
                here = last[wall.index]
                low, high = np.minimum(wall.low, here), np.maximum(wall.high, here)
            elif position is None:
                continue
            else:
                low, high = wall.allowed(position, last[wall.index], age)
            corridors.append((wall, low, high))
            if wall.smooth and position is not None and wall.velocity:
                planned = wall.planned(position, last[wall.index], self._slope[wall.index], age)
                flags |= wall.clip(target, *planned)
            else:
                flags |= wall.clip(target, low, high)
        out = slew(target, last, self._first, dt)
        if (out != target).any():
            flags |= _RATE
        if self._any_smooth:
            smooth = smooth_slew(target, last, self._slope, self._first, self._second, dt, self._longest * 1e-9)
            smooth = np.where(self._smooth, smooth, out)
            if (smooth != out).any():
                flags |= _JERK
            out = smooth
        for wall, low, high in corridors:
            if wall.velocity:
                flags |= wall.clip(out, low, high)
        if cut is not None:
            ramped, out = out, np.minimum(np.maximum(out, cut[0]), cut[1])
            flags |= _FORCE if (out != ramped).any() else 0
        return np.minimum(np.maximum(self._turned_inside(out), self._low), self._high), flags

    def _turned_inside(self, values: Array) -> Array:
        """`values` (A,), those on a circle within their bounds."""
        return circle.inside(values, self._low, self._high, self._circular)

    def _stop(self, action: Any, measured: Mapping[str, Any] | None) -> Filtered:
        if self._stop_at is None:
            self._stop_at = self._rest(self._last, measured, use_initial=False)
        return self._emit(self._stop_at.copy(), _ESTOP, self._asked(action), action is not None, 0.0)

    def _rest(self, positions: Array, measured: Mapping[str, Any] | None, *, use_initial: bool) -> Array:
        """Velocities 0; positions as measured, else initial, else as given; all inside the bounds."""
        rest = np.where(self._velocity, 0.0, positions)
        for index, field in zip(self._slices, self.limits.fields):
            value = field.measurement.read(measured) if field.measurement else None
            if value is None and use_initial:
                value = field.initial
            if value is not None:
                rest[index] = value
        return np.minimum(np.maximum(self._turned_inside(rest), self._low), self._high)

    def _emit(self, out: Array, flags: int, asked: Array | None, commanded: bool, dt: float) -> Filtered:
        moved = circle.nearest(out, self._last, self._circular)
        self._slope = (moved - self._last) / dt if dt > 0.0 else np.zeros(self._size)
        self._last = out
        counted = Safety(flags)
        if flags:
            for flag in counted:
                self.counts[flag] += 1
        changed = np.full(self._size, commanded) if asked is None else out != asked
        return Filtered(out.copy(), counted, changed)
