"""How hard a robot may press, and when it must back off. Read from the `limits` section of robot.yaml:

    force:
      field: wrench               # the observation: what the surroundings do to the tool [N, N m]
      limit: [30, 30, 30, 3, 3, 3]  # its largest magnitude on each axis; .inf for an axis without a limit
      steps: 3                    # so many readings in a row beyond it start a retreat
      retreat: rewind             # rewind: back along the executed path; hold: stop pressing where it is
      seconds: 0.5                # how long the retreat lasts at least
      release: 0.5                # and until every axis is within this share of its limit
      pushes: twist               # optional: the velocity field in the axes of the force; found by its size. `none`
                                  # where no velocity is in its axes: beyond the limit everything holds still

From the first reading beyond the limit nothing pushes further: a velocity against the force on that axis is cut to 0.
Without a fresh and finite force the robot holds still, save for a rewind, which is the way out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from robot_rl.control.measured import Measurement
from robot_rl.control.section import keys, numbers
from robot_rl.spec import Field, Spec, SpecError

Array = NDArray[np.float64]
Retreat = Literal["rewind", "hold"]

_KEYS = {"field", "limit", "steps", "retreat", "seconds", "release", "pushes"}


@dataclass(frozen=True, eq=False)
class ForceLimit:
    """See the module."""

    measurement: Measurement
    limit: Array  # (n,) above 0; inf where there is none
    steps: int
    retreat: Retreat
    seconds: float
    release: float
    pushes: str
    """The action field whose velocities push against the force, number by number; empty if none does."""

    @classmethod
    def parse(cls, spec: Spec, limits: Mapping[str, Any]) -> ForceLimit | None:
        """The `force` section of `limits`, or None if there is none.

        Raises:
            SpecError: a key is missing, unknown or does not fit the spec.
        """
        if "force" not in limits:
            return None
        section = limits["force"]
        keys("limits of 'force'", section, _KEYS, required=("field", "limit"))
        name = str(section["field"])
        if name not in spec.observation:
            there = ", ".join(spec.observation) or "none"
            raise SpecError(f"limits of 'force': no observation field '{name}'; there are {there}")
        limit = _limit(section["limit"], spec.observation[name].size)
        retreat, steps = section.get("retreat", "hold"), section.get("steps", 3)
        if retreat not in ("rewind", "hold"):
            raise SpecError(f"limits of 'force': retreat is {retreat!r}; it is 'rewind' or 'hold'")
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
            raise SpecError(f"limits of 'force': steps is {steps!r}; it is a whole number, 1 or more")
        seconds, release = _number(section, "seconds", 0.5, 60.0), _number(section, "release", 0.5, 1.0)
        measurement = Measurement.parse(spec.observation, name, len(limit))
        pushes = _pushes(spec, limits, section.get("pushes"), spec.observation[name])
        return cls(measurement, limit, steps, retreat, seconds, release, pushes)

    def corridor(self, force: Array) -> tuple[Array, Array] | None:
        """The slowest and fastest velocity (n,), (n,) that do not push further; None when within the limit."""
        over = np.abs(force) > self.limit
        if not over.any():
            return None
        low = np.where(over & (force > 0.0), 0.0, -np.inf)
        return low, np.where(over & (force < 0.0), 0.0, np.inf)


class ForceGuard:
    """Counts readings beyond the limit, and says when to back off and for how long."""

    def __init__(self, limit: ForceLimit, period: float) -> None:
        self._limit, self._length = limit, max(1, round(limit.seconds / period))
        self.reset()

    def reset(self) -> None:
        """Nothing has been pressed."""
        self.retreating = False
        self._over = self._left = 0

    def update(self, force: Array | None) -> bool:
        """Whether to back off in this step.

        Args:
            force: measured (n,); None when it is not known, which neither counts nor forgives.
        """
        if force is not None:
            size = np.abs(force)
            self._over = self._over + 1 if (size > self._limit.limit).any() else 0
            if not self.retreating and self._over >= self._limit.steps:
                self.retreating, self._left = True, self._length
            elif self.retreating and self._left <= 0 and (size <= self._limit.release * self._limit.limit).all():
                self.retreating = False
        if self.retreating:
            self._left -= 1
        return self.retreating


def _pushes(spec: Spec, limits: Mapping[str, Any], named: Any, force: Field) -> str:
    """The velocity field of as many numbers in the same frame: `named`, else the first that fits; none where no
    velocity has so many numbers, or `named` is "none": beyond the limit everything holds still then.

    Raises:
        SpecError: a force in other axes than the velocity does not tell which motion pushes.
    """
    alike = [
        f for f in spec.action.vectors if limits.get(f.name, {}).get("order") == "velocity" and f.size == force.size
    ]
    fitting = [f.name for f in alike if f.frame == force.frame]
    if named == "none" or (named is None and not alike):
        return ""
    if named is None and fitting:
        return fitting[0]
    if named in fitting:
        return str(named)
    if named is not None and fitting:
        raise SpecError(f"limits of 'force': pushes is {named!r}; it is {' or '.join(fitting)}, or none")
    frames = ", ".join(f"'{f.name}' is in frame '{f.frame}'" for f in alike) or "there is none"
    raise SpecError(
        f"limits of 'force': a velocity of {force.size} numbers in the frame of '{force.name}', '{force.frame}', is "
        f"needed, so that it can be driven away from what it presses on: {frames}. Give both one `frame:`, converting "
        "in the driver; with `pushes: none` everything holds still beyond the limit"
    )


def _limit(value: Any, size: int) -> Array:
    limit = numbers(value)
    if limit is None:
        raise SpecError(f"limits of 'force': limit is {value!r}; numbers were expected")
    limit = np.full(size, float(limit)) if limit.ndim == 0 else limit
    if limit.shape != (size,) or np.isnan(limit).any() or (limit <= 0.0).any() or np.isinf(limit).all():
        raise SpecError(
            f"limits of 'force': limit is {value!r}; {size} numbers above 0 are needed, .inf for an axis without one"
        )
    return limit


def _number(section: Mapping[str, Any], key: str, default: float, most: float) -> float:
    value = section.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 < value <= most:
        raise SpecError(f"limits of 'force': {key} is {value!r}; it lies above 0 and within {most:g}")
    return float(value)
