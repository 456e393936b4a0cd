"""One named quantity: its shape, unit, frame and bounds, and how its numbers are called."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robot_rl.spec import units

Kind = Literal[
    "vector", "joint_position", "joint_velocity", "joint_effort", "pose", "twist", "wrench", "image", "depth"
]
KINDS: tuple[str, ...] = get_args(Kind)
Align = Literal["latest", "linear"]
ALIGNMENTS: tuple[str, ...] = get_args(Align)

_KIND_LABELS: dict[str, tuple[str, ...]] = {
    "pose": ("x", "y", "z", "qx", "qy", "qz", "qw"),
    "twist": ("vx", "vy", "vz", "wx", "wy", "wz"),
    "wrench": ("fx", "fy", "fz", "tx", "ty", "tz"),
}


class SpecError(ValueError):
    """A value or a description does not fit its spec; the message names the field and both values."""


@dataclass(frozen=True)
class Field:
    """One named quantity that a robot senses or accepts."""

    name: str
    shape: tuple[int, ...]
    kind: Kind = "vector"
    dtype: str = "float64"
    unit: str = "1"
    """One for all numbers, or one for each, see `units.py`; a robot.yaml gives poses, twists and joints in SI."""
    frame: str = ""
    """Frame of reference the numbers are expressed in, e.g. `base`, `world`, `map`."""
    rate: float = 0.0
    """Nominal rate [Hz]; 0 stands for the control rate."""
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None
    labels: tuple[str, ...] = ()
    align: Align = "latest"
    """How a recorded stream is brought onto the control steps when it is read: `latest` takes the newest sample at
    or before the step, what a controller could have seen; `linear` interpolates between the samples around it
    (rotations on the sphere), which looks ahead by up to one sample."""
    doc: str = ""
    wraps: bool = False
    """Its numbers are headings [rad]: the same again after a whole turn, so that pi and -pi are neighbours. Not for
    joints with stops."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise SpecError(f"field '{self.name}': kind '{self.kind}' is none of {', '.join(KINDS)}")
        if self.align not in ALIGNMENTS:
            raise SpecError(f"field '{self.name}': align '{self.align}' is none of {', '.join(ALIGNMENTS)}")
        if self.align == "linear" and (self.is_image or not self.dtype.startswith("float")):
            raise SpecError(f"field '{self.name}': only numbers of a float type can be aligned by 'linear'")
        if self.wraps:
            _check_wraps(self)
        if any(n <= 0 for n in self.shape):
            raise SpecError(f"field '{self.name}': shape {self.shape} has an empty axis")
        expected = _KIND_LABELS.get(self.kind)
        if expected and self.shape != (len(expected),):
            raise SpecError(f"field '{self.name}': a {self.kind} has shape ({len(expected)},), not {self.shape}")
        if not self.labels and len(self.shape) == 1:
            labels = expected or (("",) if self.size == 1 else tuple(str(i) for i in range(self.size)))
            object.__setattr__(self, "labels", labels)
        if len(self.shape) == 1 and len(self.labels) != self.size:
            raise SpecError(f"field '{self.name}': {len(self.labels)} labels for {self.size} numbers")
        for side in ("low", "high"):
            bound = getattr(self, side)
            if bound is not None and len(bound) != self.size:
                raise SpecError(f"field '{self.name}': {side} has {len(bound)} numbers, the field has {self.size}")
        if self.low is not None and self.high is not None and any(a > b for a, b in zip(self.low, self.high)):
            raise SpecError(f"field '{self.name}': low {self.low} exceeds high {self.high}")

    @property
    def size(self) -> int:
        """How many numbers one value holds."""
        return int(np.prod(self.shape))

    @property
    def is_image(self) -> bool:
        return self.kind in ("image", "depth")

    @property
    def units(self) -> tuple[str, ...]:
        """The unit of each of its numbers."""
        return units.each(self.kind, self.unit, self.size)

    def check(self, value: ArrayLike) -> NDArray[Any]:
        """Return `value` as an array of this field's shape and dtype, or raise SpecError."""
        array = np.asarray(value)
        if array.shape != self.shape:
            raise SpecError(f"field '{self.name}': got shape {array.shape}, the spec says {self.shape}")
        return array.astype(self.dtype, copy=False)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready description; `Field.from_dict` reads it back."""
        out: dict[str, Any] = {"shape": list(self.shape), "kind": self.kind, "dtype": self.dtype, "unit": self.unit}
        for key in ("frame", "rate", "doc"):
            if getattr(self, key):
                out[key] = getattr(self, key)
        for key in ("low", "high", "labels"):
            if getattr(self, key):
                out[key] = list(getattr(self, key))
        if self.align != "latest":
            out["align"] = self.align
        if self.wraps:
            out["wraps"] = True
        return out

    @classmethod
    def from_dict(cls, name: str, data: Mapping[str, Any]) -> Field:
        """Read a description as it stands in robot.yaml or a data set; unknown keys are refused."""
        known = {"shape", "kind", "dtype", "unit", "frame", "rate", "low", "high", "labels", "wraps", "align", "doc"}
        unknown = sorted(set(data) - known)
        if unknown:
            raise SpecError(f"field '{name}': unknown key {unknown[0]!r}; known: {', '.join(sorted(known))}")
        args = dict(data)
        kind = args.get("kind", "vector")
        if "shape" not in args:
            if kind not in _KIND_LABELS:
                raise SpecError(f"field '{name}': 'shape' is missing")
            args["shape"] = [len(_KIND_LABELS[kind])]
        for key in ("shape", "low", "high", "labels"):
            if args.get(key) is not None:
                args[key] = tuple(args[key])
        return cls(name=name, **args)


def _check_wraps(field: Field) -> None:
    """Raises SpecError unless the field holds angles that may take any value round the circle."""
    if field.kind != "vector" or field.unit != "rad":
        raise SpecError(f"field '{field.name}': only a vector in rad wraps, not a {field.kind} in '{field.unit}'")
    for side, bound, sign in (("low", field.low, -1.0), ("high", field.high, 1.0)):
        if bound is not None and any(sign * b < math.pi for b in bound):
            raise SpecError(
                f"field '{field.name}': {side} is {bound}, but a heading that wraps takes any value between -pi and "
                f"pi: set it to {sign * 3.1416}, or leave 'wraps' out"
            )
