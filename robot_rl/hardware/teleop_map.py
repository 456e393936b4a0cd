"""The checked form of robot.yaml's `teleop` section: which axis drives which number of the action."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.control import poses
from robot_rl.hardware.errors import ConfigError
from robot_rl.hardware.human import AXES
from robot_rl.hardware.robot import Reading
from robot_rl.settings.typed import fill
from robot_rl.spec import Field, Spec
from robot_rl.workspace import did_you_mean

TURNS = ("roll", "pitch", "yaw")
"""Rotations about the fixed x, y, z axes, as labels of an action field of kind pose."""


@dataclass(frozen=True)
class GripperSection:
    """`teleop.gripper` as it is written."""

    field: str
    """An action field."""
    open: float
    closed: float
    measured: str = ""
    """An observation field with the gripper in the units of the command."""


@dataclass(frozen=True)
class TeleopSection:
    """`teleop` of one control mode as it is written; see `teleop.py`."""

    axes: Mapping[str, str]
    scale: Mapping[str, float] = field(default_factory=dict)
    gripper: GripperSection | None = None
    integrate: bool = False
    reference: str = ""


@dataclass(frozen=True)
class GripperMap:
    """Which numbers of the action are the gripper, and their values when open and closed."""

    columns: slice
    open: float
    closed: float
    measured: str = ""
    """An observation field with the gripper in the units of the command."""

    def initial(self, reading: Reading | None) -> float:
        """The measured value where there is one, else open."""
        if reading is None or self.measured not in reading.values:
            return self.open
        value = float(np.ravel(reading.values[self.measured])[0])
        return value if math.isfinite(value) else self.open


@dataclass(frozen=True)
class TeleopMap:
    """How the six canonical axes drive the action."""

    rates: NDArray[np.float64]  # (A, 6) action units (per second, where `integrate`) at full deflection
    turns: tuple[tuple[slice, NDArray[np.float64]], ...]
    """For each pose among the action fields: its columns, and (3, 6) [rad/s] at full deflection."""
    gripper: GripperMap | None
    integrate: bool
    reference: str
    anchors: tuple[tuple[slice, tuple[int | str, ...]], ...]
    """Where the numbers of each action field start: indices into the reference, `yaw`, or none for a whole pose."""

    def anchor(self, reading: Reading | None) -> NDArray[np.float64] | None:
        """The reference as an action (A,), or None if it is not measured, or not finite. The gripper is left at 0."""
        if reading is None or self.reference not in reading.values:
            return None
        value = np.asarray(reading.values[self.reference], float)
        if not np.isfinite(value).all():
            return None
        out = np.zeros(len(self.rates))
        for columns, picks in self.anchors:
            out[columns] = [float(poses.yaw(value[3:])) if p == "yaw" else value[p] for p in picks] if picks else value
        return out


def parse(spec: Spec, section: Mapping[str, Any]) -> TeleopMap:
    """Check a teleop section against the spec. Raises ConfigError naming the key and what is allowed."""
    where = f"robot '{spec.robot}', control mode '{spec.control_mode}': teleop"
    if not section:
        raise ConfigError(f"{where}: this section is missing in robot.yaml, so no input device can drive the robot")
    given = fill(TeleopSection, section, where, error=ConfigError)
    integrate = given.integrate
    gripper = None if given.gripper is None else _gripper(spec, given.gripper, where)
    labels = _labels(spec, integrate, gripper)
    scale = _scales(given.scale, labels, f"{where}.scale")

    rates = np.zeros((spec.action.size, len(AXES)))
    turns = {f.name: np.zeros((3, len(AXES))) for f in spec.action.vectors if f.kind == "pose"}
    for axis, label in given.axes.items():
        if axis not in AXES:
            raise ConfigError(f"{where}.axes: no canonical axis '{axis}'.{did_you_mean(axis, AXES)}")
        if label not in labels:
            raise ConfigError(f"{where}.axes.{axis}: no action number '{label}'.{did_you_mean(label, labels)}")
        row = labels[label]
        size = scale[label] if label in scale else _default_scale(spec, label, row, integrate, where)
        if isinstance(row, int):
            rates[row, AXES.index(axis)] = size
        else:
            turns[row[0]][row[1], AXES.index(axis)] = size
    anchors = _anchors(spec, given.reference, gripper, where) if integrate else ()
    pose_turns = tuple((spec.action.slices[name], turn) for name, turn in turns.items())
    return TeleopMap(rates, pose_turns, gripper, integrate, given.reference, anchors)


def _labels(spec: Spec, integrate: bool, gripper: GripperMap | None) -> dict[str, int | tuple[str, int]]:
    """Every number an axis may drive: to its row in the action, or for a pose's rotations (field, row of 3)."""
    out: dict[str, int | tuple[str, int]] = {}
    for f in spec.action.vectors:
        columns = spec.action.slices[f.name]
        if gripper and columns == gripper.columns:
            continue
        rows = range(columns.start, columns.stop)
        if f.kind == "pose":
            if integrate:
                out |= {f"{f.name}.{label}": row for label, row in zip("xyz", rows)}
                out |= {f"{f.name}.{turn}": (f.name, i) for i, turn in enumerate(TURNS)}
        else:
            out |= {(f"{f.name}.{label}" if label else f.name): row for label, row in zip(f.labels, rows)}
    return out


def _scales(scales: Mapping[str, float], labels: Mapping[str, Any], where: str) -> Mapping[str, float]:
    for label, value in scales.items():
        if label not in labels:
            raise ConfigError(f"{where}: no action number '{label}'.{did_you_mean(label, labels)}")
        if not math.isfinite(value):
            raise ConfigError(f"{where}.{label} is {value}; it must be finite")
    return scales


def _default_scale(spec: Spec, label: str, row: int | tuple[str, int], integrate: bool, where: str) -> float:
    """The bound of a rate; a position has no speed of its own, so its scale must be given."""
    high = float(spec.action.high[row]) if isinstance(row, int) and not integrate else math.inf
    if not math.isfinite(high):
        raise ConfigError(f"{where}.scale: '{label}' is missing: the speed at full deflection [units per second]")
    return high


def _gripper(spec: Spec, section: GripperSection, where: str) -> GripperMap:
    name, measured = section.field, section.measured
    if name not in spec.action:
        raise ConfigError(f"{where}.gripper.field: no action field '{name}'.{did_you_mean(name, spec.action)}")
    if measured and measured not in spec.observation:
        hint = did_you_mean(measured, spec.observation)
        raise ConfigError(f"{where}.gripper.measured: no observation field '{measured}'.{hint}")
    if measured and (theirs := spec.observation[measured].units[:1]) != (ours := spec.action[name].units[:1]):
        raise ConfigError(
            f"{where}.gripper.measured: '{measured}' is in '{theirs[0]}' and the action '{name}' in '{ours[0]}', so "
            "the gripper would move when the clutch is pressed; name an observation in its unit, or leave it out"
        )
    for key in ("open", "closed"):
        _inside(getattr(section, key), spec.action[name], f"{where}.gripper.{key}")
    return GripperMap(spec.action.slices[name], section.open, section.closed, measured)


def _inside(value: float, field: Field, where: str) -> None:
    for low, high in zip(field.low or (-math.inf,), field.high or (math.inf,)):
        if not low <= value <= high:
            raise ConfigError(f"{where}: {value:g} is outside the bounds {low:g} to {high:g} of '{field.name}'")


def _anchors(
    spec: Spec, reference: str, gripper: GripperMap | None, where: str
) -> tuple[tuple[slice, tuple[int | str, ...]], ...]:
    if reference not in spec.observation:
        hint = did_you_mean(reference, spec.observation)
        raise ConfigError(f"{where}.reference: no observation field '{reference}' to start a target from.{hint}")
    measured = spec.observation[reference]
    out: list[tuple[slice, tuple[int | str, ...]]] = []
    for f in spec.action.vectors:
        columns = spec.action.slices[f.name]
        if gripper and columns == gripper.columns:
            continue
        if f.kind == "pose" and measured.kind == "pose":
            out.append((columns, ()))
        else:
            out.append((columns, tuple(_pick(f, label or f.name, measured, where) for label in f.labels)))
    return tuple(out)


def _pick(field: Field, label: str, measured: Field, where: str) -> int | str:
    if label in measured.labels:
        return measured.labels.index(label)
    if label == "yaw" and measured.kind == "pose":
        return "yaw"
    raise ConfigError(
        f"{where}.reference: '{measured.name}' ({', '.join(measured.labels)}) does not tell where "
        f"'{field.name}.{label}' starts"
    )
