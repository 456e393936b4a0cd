"""Where a measured value stands among the observations, and reading it without ever trusting it, nor its age."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from robot_rl.control import poses
from robot_rl.spec import Layout, SpecError


@dataclass(frozen=True)
class Measurement:
    """The first `size` numbers of an observation field, or the yaw or the rotation of a pose."""

    field: str
    size: int
    length: int
    """How many numbers the whole field has."""
    yaw: bool = False
    rotation: bool = False

    @classmethod
    def parse(cls, observation: Layout, text: str, size: int) -> Measurement:
        """Read `<field>`, or `<field>.yaw` for the heading of a pose.

        Raises:
            SpecError: no such field, or it holds fewer numbers than `size`.
        """
        name, _, part = str(text).partition(".")
        if name not in observation:
            raise SpecError(f"limits: no observation field '{name}'; there are {', '.join(observation) or 'none'}")
        field = observation[name]
        if part:
            if part != "yaw" or field.kind != "pose" or size != 1:
                raise SpecError(f"limits: '{text}' cannot be measured; only '<pose>.yaw' names a part, for one number")
            return cls(name, 1, field.size, yaw=True)
        if len(field.shape) != 1 or field.size < size:
            raise SpecError(f"limits: observation field '{name}' has shape {field.shape}; {size} numbers are needed")
        return cls(name, size, field.size)

    @classmethod
    def rotation_of(cls, observation: Layout, name: str) -> Measurement:
        """The quaternion x y z w (4,) of a pose. Raises SpecError where there is no such pose."""
        if name not in observation or observation[name].kind != "pose":
            known = ", ".join(n for n, f in observation.items() if f.kind == "pose") or "none"
            raise SpecError(f"limits: no pose '{name}' among the observations; there are {known}")
        return cls(name, 4, observation[name].size, rotation=True)

    def read(self, measured: Mapping[str, Any] | None) -> NDArray[np.float64] | None:
        """The value (size,), or None when it is missing, misshapen or not finite, or a quaternion not of length 1."""
        value = None if measured is None else measured.get(self.field)
        if value is None:
            return None
        try:
            array = np.asarray(value, np.float64)
        except (TypeError, ValueError):
            return None
        if array.shape != (self.length,):
            return None
        if self.yaw or self.rotation:
            rotation = array[3:]
            if not poses.is_rotation(rotation):
                return None
            return poses.yaw(rotation)[None] if self.yaw else rotation
        array = array[: self.size]
        return array if np.isfinite(array).all() else None


class Seen(NamedTuple):
    """What is measured at one moment. What is older than `timeout`, as far ahead of the clock, or has no stamp is not
    known: a field that stands still beside fresh ones is as good as missing."""

    values: Mapping[str, Any] | None
    """By the name of the observation field."""
    stamps: Mapping[str, int] | int
    """When they were acquired [ns], field by field; one number stands for all."""
    now: int
    """[ns]"""
    timeout: int
    """[ns]"""

    @property
    def alive(self) -> bool:
        """Something has been heard of late."""
        stamps = self.stamps.values() if isinstance(self.stamps, Mapping) else (self.stamps,)
        return any(abs(self.now - stamp) <= self.timeout for stamp in stamps)

    def stamp(self, field: str) -> int | None:
        """When a field was acquired [ns]; None when that is not known."""
        return self.stamps.get(field) if isinstance(self.stamps, Mapping) else self.stamps

    def age(self, field: str) -> float:
        """How old a field that is fresh is [s]; 0 when its stamp is ahead of the clock, and for any other field."""
        stamp = self.stamp(field)
        return max(self.now - stamp, 0) * 1e-9 if stamp is not None and self.fresh(field) else 0.0

    def fresh(self, field: str) -> bool:
        """A field is neither too old nor too far ahead."""
        stamp = self.stamp(field)
        return stamp is not None and abs(self.now - stamp) <= self.timeout

    def read(self, measurement: Measurement | None) -> NDArray[np.float64] | None:
        """The value (size,), or None when it is not fresh, missing, misshapen or not finite, or nothing measures it."""
        if measurement is None or not self.fresh(measurement.field):
            return None
        return measurement.read(self.values)

    @property
    def fresh_values(self) -> dict[str, Any]:
        """Those of the values that are fresh, finite or not."""
        return {name: value for name, value in (self.values or {}).items() if self.fresh(name)}
