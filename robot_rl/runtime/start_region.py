"""The region in which demonstrations began: a box around their first observations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.control import poses
from robot_rl.hardware.robot import Outcome, Reading
from robot_rl.spec import Field

Values = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class StartRegion:
    """A box in the numbers of `fields`; implements ResetRule. Of a pose, the position counts and the angle by which it
    is turned from `facing`."""

    fields: tuple[Field, ...]
    facing: Mapping[str, NDArray[np.float64]]
    """By pose field, a rotation (4,) x y z w."""
    low: NDArray[np.float64]  # (N,)
    high: NDArray[np.float64]  # (N,)

    @classmethod
    def of(cls, demonstrations: Sequence[Values], fields: Sequence[Field], margin: float = 0.1) -> StartRegion:
        """From whole demonstrations, each field (T, *shape).

        Args:
            margin: how far beyond the first observations the box reaches, as a share of each number's range over all
                steps.

        Raises:
            ValueError: no demonstration, or a margin below 0.
        """
        if not demonstrations or not margin >= 0.0:
            raise ValueError(f"{len(demonstrations)} demonstrations, margin {margin}: one at least, and 0 or more")
        fields = tuple(fields)
        facing = {f.name: np.asarray(demonstrations[0][f.name][0][3:], float) for f in fields if f.kind == "pose"}
        along = [np.stack([_numbers(d, fields, facing, t) for t in range(_length(d, fields))]) for d in demonstrations]
        starts, whole = np.stack([a[0] for a in along]), np.concatenate(along)
        slack = margin * np.ptp(whole, axis=0)
        return cls(fields, facing, starts.min(axis=0) - slack, starts.max(axis=0) + slack)

    def begin(self) -> None:
        """Nothing to prepare."""

    def judge(self, reading: Reading) -> Outcome:
        """Whether the present state lies in the box."""
        now = _numbers({f.name: reading.values[f.name][None] for f in self.fields}, self.fields, self.facing, 0)
        return Outcome(success=bool(((now >= self.low) & (now <= self.high)).all()))

    def end(self) -> None:
        """Nothing to release."""


def _length(values: Values, fields: Sequence[Field]) -> int:
    return len(values[fields[0].name]) if fields else 0


def _numbers(
    values: Values, fields: Sequence[Field], facing: Mapping[str, NDArray[np.float64]], t: int
) -> NDArray[np.float64]:
    """What is compared, (N,), of step `t`."""
    parts = []
    for field in fields:
        value = np.asarray(values[field.name][t], float).ravel()
        if field.name in facing:
            value = np.append(value[:3], poses.angle(value[3:], facing[field.name]))
        parts.append(value)
    return np.concatenate(parts) if parts else np.zeros(0)
