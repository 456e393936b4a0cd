"""What a robot senses and how it may be commanded: named fields with shape, unit, frame and bounds.

A policy, a data set and a robot fit together when their specs agree; `Spec.differences` says
which field differs when they do not. Conventions, everywhere in robot_rl:

- SI units; stamps are integer nanoseconds.
- A pose is (7,): x y z [m] then the quaternion x y z w (ROS order), scalar last.
- A twist is (6,): linear x y z [m/s] then angular x y z [rad/s].
- A wrench is (6,): force x y z [N] then torque x y z [N m].
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

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


class Layout(Mapping[str, Field]):
    """An ordered set of fields and how their numbers lie in one flat vector.

    Only one-dimensional fields take part in packing; images are carried by name.
    """

    def __init__(self, fields: Mapping[str, Field] | tuple[Field, ...] = ()) -> None:
        items = fields.values() if isinstance(fields, Mapping) else fields
        self._fields = {f.name: f for f in items}

    def __getitem__(self, name: str) -> Field:
        if name not in self._fields:
            raise KeyError(f"no field '{name}'; there are {', '.join(self._fields) or 'none'}")
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layout) and list(self.items()) == list(other.items())

    def __repr__(self) -> str:
        return f"Layout({', '.join(f'{f.name}{list(f.shape)}' for f in self._fields.values())})"

    __hash__ = None  # type: ignore[assignment]

    @cached_property
    def vectors(self) -> tuple[Field, ...]:
        """The fields that take part in the flat vector, in order."""
        return tuple(f for f in self._fields.values() if len(f.shape) == 1)

    @cached_property
    def images(self) -> tuple[Field, ...]:
        return tuple(f for f in self._fields.values() if f.is_image)

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Where each vector field lies in the flat vector."""
        out, start = {}, 0
        for f in self.vectors:
            out[f.name] = slice(start, start + f.size)
            start += f.size
        return out

    @cached_property
    def size(self) -> int:
        """Length of the flat vector."""
        return sum(f.size for f in self.vectors)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """One name for each number of the flat vector, e.g. `twist.vx`."""
        return tuple(f"{f.name}.{lab}" if lab else f.name for f in self.vectors for lab in f.labels)

    @cached_property
    def low(self) -> NDArray[np.float64]:  # (size,)
        return np.concatenate([np.array(f.low or [-np.inf] * f.size, dtype=np.float64) for f in self.vectors])

    @cached_property
    def high(self) -> NDArray[np.float64]:  # (size,)
        return np.concatenate([np.array(f.high or [np.inf] * f.size, dtype=np.float64) for f in self.vectors])

    def pack(self, values: Mapping[str, ArrayLike]) -> NDArray[np.float64]:
        """Named values to one flat float64 vector (size,). Raises SpecError on a missing name or a wrong shape."""
        missing = [f.name for f in self.vectors if f.name not in values]
        if missing:
            raise SpecError(f"field '{missing[0]}' is missing; got {', '.join(values) or 'nothing'}")
        return np.concatenate([f.check(values[f.name]).astype(np.float64, copy=False) for f in self.vectors])

    def unpack(self, flat: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """A flat vector (..., size) to named values (..., n), as views."""
        if flat.shape[-1] != self.size:
            raise SpecError(f"got {flat.shape[-1]} numbers, the layout {self!r} has {self.size}")
        return {name: flat[..., s] for name, s in self.slices.items()}

    def to_dict(self) -> dict[str, Any]:
        return {name: f.to_dict() for name, f in self._fields.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Mapping[str, Any]]) -> Layout:
        return cls(tuple(Field.from_dict(name, d) for name, d in data.items()))


@dataclass(frozen=True)
class Spec:
    """What one robot senses (`observation`), how it is commanded (`action`) and how often (`rate` [Hz])."""

    robot: str
    rate: float
    observation: Layout
    action: Layout
    control_mode: str = ""
    """Which of the robot's ways of being commanded `action` is, e.g. `cartesian_velocity`."""

    @property
    def period_ns(self) -> int:
        """One control period [ns]."""
        return round(1e9 / self.rate)

    def differences(self, other: Spec, *, bounds: bool = True) -> list[str]:
        """One line for each way in which `other` does not fit `self`; empty when they fit.

        Args:
            bounds: also compare the limits of the action fields.
        """
        out = []
        if self.control_mode != other.control_mode:
            out.append(f"control mode: '{self.control_mode}' against '{other.control_mode}'")
        if abs(self.rate - other.rate) > 1e-9:
            out.append(f"rate: {self.rate:g} Hz against {other.rate:g} Hz")
        for part in ("observation", "action"):
            mine, theirs = getattr(self, part), getattr(other, part)
            out += [f"{part} '{n}': only in the first" for n in mine if n not in theirs]
            out += [f"{part} '{n}': only in the second" for n in theirs if n not in mine]
            keys = ["shape", "kind", "unit", "frame"] + (["low", "high"] if bounds and part == "action" else [])
            for n in mine:
                if n in theirs:
                    for k in keys:
                        a, b = getattr(mine[n], k), getattr(theirs[n], k)
                        if a != b:
                            out.append(f"{part} '{n}': {k} {a} against {b}")
        return out

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready description; `Spec.from_dict` reads it back."""
        return {
            "robot": self.robot,
            "rate": self.rate,
            "control_mode": self.control_mode,
            "observation": self.observation.to_dict(),
            "action": self.action.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Spec:
        """Read what `to_dict` wrote."""
        for key in ("robot", "rate", "observation", "action"):
            if key not in data:
                raise SpecError(f"spec: '{key}' is missing")
        return cls(
            robot=data["robot"],
            rate=float(data["rate"]),
            control_mode=data.get("control_mode", ""),
            observation=Layout.from_dict(data["observation"]),
            action=Layout.from_dict(data["action"]),
        )
