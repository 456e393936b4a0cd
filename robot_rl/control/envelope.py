"""The safety envelope: the one place every command passes on its way to an actuator.

`SafetyEnvelope.filter` returns a command for any input whatsoever; it never raises. What it returns
keeps these promises, of which the earlier ones win:

1. It is finite and inside the bounds of the action fields.
2. A latched emergency stop gives velocity 0 at once; positions stay where they were measured, else commanded.
3. Inside the workspace box (or joint limits) a velocity is small enough to stop before the wall, given
   the newest measurement, and a set-point lies in the box; from outside they stay or lead inwards. A twist
   turns the tool no further from a reference orientation than its limit, in the same sense.
4. From one command to the next a number changes by at most its limit times the time passed (its
   acceleration for a velocity, its rate for a position), and its slope likewise where a second limit is
   given. Rules 2, 3 and 5 may brake harder than that; never accelerate. A set-point that `wraps` (a heading)
   goes the short way round: between -3.1 and 3.1 rad it changes by 0.083, through pi.
5. Where a contact force is beyond its limit, nothing pushes further: a velocity against it becomes 0.

A command that is not finite or misshapen, too old, from the future, or given without the deadman, is
not carried out at all, nor is any while a measurement that a wall, a set-point or a limited force names is
too old, missing or not finite, however new the others are. The robot then *holds*: velocities ramp to 0 and
positions keep their last value. Every intervention is flagged in the result and counted.

Where something else may have moved the robot (its driver in a reset, a hand in an emergency stop), or nothing has
yet, its set-points are not known until they are measured: until then `placed` is false, and what `filter` returns is
not to be sent. A measurement well outside the bounds of its set-point (in another unit, or a robot pushed out of its
bounds) places nothing either: it is flagged BOUND beside STALE_OBSERVATION, and logged. A command made before that
measurement counts as too old: it was made of where the robot was before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot_rl.control import circle
from robot_rl.control.beginning import Beginning
from robot_rl.control.bounds import Bounds
from robot_rl.control.enclosure import Corridors, Enclosure
from robot_rl.control.limiting import slew, smooth_slew
from robot_rl.control.limits import Array, Limits, parse
from robot_rl.control.measured import Seen
from robot_rl.control.safety import Safety
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
        circular = circle.wrapping(spec.action)
        self._bounds = Bounds(
            np.concatenate([f.low for f in fields]), np.concatenate([f.high for f in fields]), circular
        )
        self._first = np.concatenate([f.first for f in fields])
        self._second = np.concatenate([f.second for f in fields])
        self._smooth = np.isfinite(self._second)
        self._any_smooth = bool(self._smooth.any())
        self._velocity = np.concatenate([np.full(len(f.low), f.order == "velocity") for f in fields])
        slices = list(spec.action.slices.values())
        measured = [(i, f.measurement) for i, f in zip(slices, fields) if f.measurement is not None]
        self._beginning = Beginning(self._bounds, measured, spec.action.labels)
        self._period = 1.0 / spec.rate
        starts = [s.start for s in slices]
        longest = LONGEST_STEP * self._period
        self._enclosure = Enclosure(fields, starts, longest)
        self._longest = round(longest * 1e9)
        self._command_timeout = round(self.limits.command_timeout * 1e9)
        self._observation_timeout = round(self.limits.observation_timeout * 1e9)
        self._estopped = False
        self._stop_at: Array | None = None
        initial = [np.zeros(len(f.low)) if f.initial is None else f.initial for f in fields]
        self._initial = np.clip(np.concatenate(initial), self._bounds.low, self._bounds.high)
        self._unmeasured = ~self._velocity
        for index, _ in measured:
            self._unmeasured[index] = False
        self._last = self._initial
        self.reset()

    @property
    def last(self) -> Array:
        """The command (A,) emitted last."""
        return self._last.copy()

    @property
    def stopped(self) -> bool:
        """The emergency stop is latched."""
        return self._estopped

    @property
    def placed(self) -> bool:
        """It is known where every set-point that is measured begins."""
        return self._beginning.placed

    def reset(self, measured: Mapping[str, Any] | None = None, *, since: int = 0) -> None:
        """Begin anew: something else has moved the robot, or nothing has yet. The emergency stop stays as it is.

        Velocities begin at 0. A set-point begins where it is measured, clipped to its bounds; one that nothing
        measures at its `initial` value. Until it has been measured, and not far outside its bounds, a set-point keeps
        its last command.

        Args:
            measured: observations by name, from when the robot came to stand.
            since: when that was [ns]; what was measured before places nothing.
        """
        self._last = np.where(self._unmeasured, self._initial, self._last)
        self._beginning.anew(since)
        self.rest()
        self.place(Seen(measured, since, since, 0))
        self._stamp: int | None = None

    def place(self, seen: Seen) -> None:
        """Begin set-points that are not yet `placed` where they are measured now; not in an emergency stop."""
        if self._estopped:
            return
        self._last = self._beginning.place(seen, self._last)

    def rest(self) -> None:
        """Go on from where the robot is, at rest: velocities begin at 0, and set-points stay as they were commanded."""
        self._last = np.where(self._velocity, 0.0, self._last)
        self._slope = np.zeros(self._size)

    def estop(self) -> None:
        """Latch the emergency stop: every command is refused until `release_estop`."""
        self._estopped = True

    def release_estop(self) -> None:
        """Allow commands again, from rest, and from where the robot is measured from now on: it may have been pushed
        aside meanwhile. What nothing measures stays as it was commanded. The only way out of an emergency stop."""
        if not self._estopped:
            return
        self._estopped, self._stop_at = False, None
        self._beginning.anew_after(self._stamp or 0)
        self.rest()

    def filter(
        self,
        action: Any,
        *,
        now: int,
        command_stamp: int | None,
        measured: Mapping[str, Any] | None,
        measured_stamp: Mapping[str, int] | int,
        deadman: bool = True,
        retracing: bool = False,
    ) -> Filtered:
        """The command to send now.

        Args:
            action: (A,) what is asked for; None when nobody commands, which holds without a flag.
            now: the present stamp [ns].
            command_stamp: when the command was made [ns]; None counts as stale.
            measured: the newest observations by name; only those the limits name are looked at.
            measured_stamp: when each of them was acquired [ns]; one number stands for all.
            deadman: the human holds the deadman, or the command is not a human's.
            retracing: the command leads back along the executed path, which is safe even where no force is known.
        """
        dt = self._elapsed(now)
        seen = self.seen(now, measured, measured_stamp)
        if self._estopped:
            return self._stop(action, seen)
        flags = 0 if action is None else self._refusal(now, command_stamp, deadman)
        corridors = self._enclosure.around(seen, self._last, self._slope)
        if not (self._known(seen) and corridors.known):
            flags |= _STALE_OBSERVATION | (_BOUND if self._beginning.astray else 0)
        asked = self._asked(action)
        if action is not None and asked is None:
            flags |= _NOT_FINITE
        cut = None
        if self.limits.force is not None:
            force = self.contact_force(seen)
            if force is not None:
                cut = self._cut(force)
            elif not retracing:
                flags |= _STALE_OBSERVATION | _FORCE
        if asked is None or flags:
            target = np.where(self._velocity, 0.0, self._last)
        else:
            target = np.minimum(np.maximum(asked, self._bounds.low), self._bounds.high)
            if (target != asked).any():
                flags |= _BOUND
        out, extra = self._limit(target, corridors, dt, cut)
        return self._emit(out, flags | extra, asked, action is not None, dt)

    def seen(self, now: int, measured: Mapping[str, Any] | None, stamps: Mapping[str, int] | int) -> Seen:
        """Measurements as they count at `now` [ns]: none that is older than the limits' `observation_timeout`."""
        return Seen(measured, stamps, now, self._observation_timeout)

    def _known(self, seen: Seen) -> bool:
        """Whether the robot is heard of, and where its set-points are. With a measurement that places a set-point only
        here the robot still holds: whoever made the command did not know of it."""
        placed = self.placed
        if not placed:
            self.place(seen)
        return placed and seen.alive and self._beginning.known(seen)

    def _elapsed(self, now: int) -> float:
        """Time since the last command [s], at most LONGEST_STEP periods; a jump back in time gives 0."""
        last, self._stamp = self._stamp, now
        if last is None:
            return self._period
        return min(max(now - last, 0), self._longest) * 1e-9

    def _refusal(self, now: int, command_stamp: int | None, deadman: bool) -> int:
        flags = 0
        if (
            command_stamp is None
            or abs(now - command_stamp) > self._command_timeout
            or self._beginning.before(command_stamp)
        ):
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
        return self._bounds.turned(asked)

    def contact_force(self, seen: Seen) -> Array | None:
        """The force (n,) that the limits name; None if there is none that is known."""
        limit = self.limits.force
        return None if limit is None else seen.read(limit.measurement)

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
        self, target: Array, corridors: Corridors, dt: float, cut: tuple[Array, Array] | None
    ) -> tuple[Array, int]:
        """`target` brought within walls, bounds of turning and rates; what was done, as flags."""
        flags = 0
        last = self._last
        target = circle.nearest(target, last, self._bounds.circular)
        if cut is not None:
            asked, target = target, np.minimum(np.maximum(target, cut[0]), cut[1])
            flags |= _FORCE if (target != asked).any() else 0
        flags |= corridors.aim(target)
        out = slew(target, last, self._first, dt)
        if (out != target).any():
            flags |= _RATE
        if self._any_smooth:
            smooth = smooth_slew(target, last, self._slope, self._first, self._second, dt, self._longest * 1e-9)
            smooth = np.where(self._smooth, smooth, out)
            if (smooth != out).any():
                flags |= _JERK
            out = smooth
        flags |= corridors.hold(out)
        if cut is not None:
            ramped, out = out, np.minimum(np.maximum(out, cut[0]), cut[1])
            flags |= _FORCE if (out != ramped).any() else 0
        out = self._bounds.clip(out)
        return out, flags | corridors.turn(out)

    def _stop(self, action: Any, seen: Seen) -> Filtered:
        if self._stop_at is None:
            self._stop_at = self._beginning.measured(seen, np.where(self._velocity, 0.0, self._last))
        return self._emit(self._stop_at.copy(), _ESTOP, self._asked(action), action is not None, 0.0)

    def _emit(self, out: Array, flags: int, asked: Array | None, commanded: bool, dt: float) -> Filtered:
        moved = circle.nearest(out, self._last, self._bounds.circular)
        self._slope = (moved - self._last) / dt if dt > 0.0 else np.zeros(self._size)
        self._last = out
        counted = Safety(flags)
        if flags:
            for flag in counted:
                self.counts[flag] += 1
        changed = np.full(self._size, commanded) if asked is None else out != asked
        return Filtered(out.copy(), counted, changed)
