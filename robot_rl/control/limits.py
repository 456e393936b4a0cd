"""The `limits` section of robot.yaml for one control mode, checked and made ready for the safety envelope.

    command_timeout: 0.25          # [s] an older command is not carried out
    observation_timeout: 0.25      # [s] without newer measurements the robot holds; longer than the period of each
                                   # field that is named below
    <action field>:
      order: velocity              # its numbers are velocities; holding still is 0
      acceleration: [...]          # largest change per second
      jerk: [...]                  # optional: largest change of the acceleration per second
      workspace: {position: <observation field>, low: [x, y, z], high: [x, y, z], reaction: 0.0}
      orientation: {pose: <observation field>, reference: [x, y, z, w], angle: 0.8}  # optional, see `cone.py`
    <action field>:
      order: position              # its numbers are set-points; holding still is keeping them
      rate: [...]                  # largest change per second
      acceleration: [...]          # optional: largest change of the rate per second
      measured: <observation field>  # where its measured value stands, in the same unit: there it begins
      initial: [...]               # where it begins if nothing measures it, such as a gripper
      workspace: {low: [x, y, z], high: [x, y, z]}
    joints:                        # optional, for joint_position and joint_velocity actions
      {position: <observation field>, low: [...], high: [...], velocity: [...]}
    force:                         # optional: how hard it may press, see `force_limit.py`
      {field: <observation field>, limit: [...], steps: 3, retreat: rewind}

A list may be written as one number, meant for every element. `workspace` bounds the first three numbers
of its field. Where a set-point begins must be known: without `measured` it is measured by the observation field of
its own name and unit, or joint positions by `position` of `joints`; else `initial` is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from robot_rl.control.cone import Cone
from robot_rl.control.force_limit import ForceLimit
from robot_rl.control.measured import Measurement
from robot_rl.control.rewind_section import RewindConfig
from robot_rl.control.safety import Safety
from robot_rl.control.section import keys, vector
from robot_rl.spec import Field, Spec, SpecError, units

Array = NDArray[np.float64]
Order = Literal["velocity", "position"]

_COMMON = {"command_timeout", "observation_timeout", "joints", "rewind", "force"}
_FIELD_KEYS = {
    "velocity": {"order", "acceleration", "jerk", "workspace", "orientation"},
    "position": {"order", "rate", "acceleration", "measured", "initial", "workspace"},
}
_ORDERS: dict[str, Order] = {"twist": "velocity", "joint_velocity": "velocity", "joint_position": "position"}
"""What holding still means for a kind: another order would hold with a velocity."""


@dataclass(frozen=True, eq=False)
class Box:
    """Where the first n numbers of a field's position must stay."""

    low: Array  # (n,)
    high: Array  # (n,)
    flag: Safety
    measurement: Measurement | None = None
    """Where the position is measured; a velocity field cannot do without."""
    reaction: float = 0.0
    """How long the robot takes to follow a command [s], added to the stopping distance."""


@dataclass(frozen=True, eq=False)
class FieldLimits:
    """The limits of one action field of n numbers."""

    name: str
    order: Order
    low: Array  # (n,)
    high: Array  # (n,)
    first: Array  # (n,) largest change per second
    second: Array  # (n,) largest change of that change per second; inf where there is none
    box: Box | None = None
    cone: Cone | None = None
    measurement: Measurement | None = None
    """Where a set-point is measured, so that it begins there."""
    initial: Array | None = None  # (n,)
    """Where a set-point begins that nothing measures; it has one of both."""


@dataclass(frozen=True, eq=False)
class Limits:
    """Everything the safety envelope enforces, in the order of the action layout."""

    command_timeout: float
    """[s]"""
    observation_timeout: float
    """[s]"""
    fields: tuple[FieldLimits, ...]
    force: ForceLimit | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """The observation fields without whose fresh values nothing is carried out."""
        limited = [x for f in self.fields for x in (f.box, f.cone)] + [self.force]
        each = [f.measurement for f in self.fields] + [x.measurement for x in limited if x]
        return tuple(dict.fromkeys(m.field for m in each if m))


def parse(spec: Spec, section: Mapping[str, Any]) -> Limits:
    """Check the limits of every action field of `spec`.

    Raises:
        SpecError: a key is missing, unknown or does not fit the spec; the message names it.
    """
    RewindConfig.of(section)
    keys("limits", section, {f.name for f in spec.action.vectors} | _COMMON)
    missing = [f.name for f in spec.action.vectors if f.name not in section]
    if missing:
        raise SpecError(f"limits: action field '{missing[0]}' has none; say its order and largest change")
    fields = [_field(spec, f, section[f.name]) for f in spec.action.vectors]
    if "joints" in section:
        fields = _with_joints(spec, fields, section["joints"])
    _require_beginning(fields)
    limits = Limits(
        command_timeout=_seconds(section, "command_timeout"),
        observation_timeout=_seconds(section, "observation_timeout"),
        fields=tuple(fields),
        force=ForceLimit.parse(spec, section),
    )
    _require_in_time(spec, limits)
    return limits


def _require_beginning(fields: list[FieldLimits]) -> None:
    """Refuse a set-point of which nothing tells where it begins: the robot would start with a leap to anywhere."""
    for limits in fields:
        if limits.order == "position" and limits.measurement is None and limits.initial is None:
            raise SpecError(
                f"limits of '{limits.name}': nothing tells where this set-point begins; add 'measured' with the "
                "observation field that measures it or, where none does (a gripper), 'initial' with what it is at first"
            )


def _require_in_time(spec: Spec, limits: Limits) -> None:
    """Refuse a field that is named and comes too seldom to be fresh all the time: the robot would stutter."""
    for name in limits.named:
        rate = spec.observation[name].rate or spec.rate
        if 1.0 / rate >= limits.observation_timeout:
            raise SpecError(
                f"limits: observation field '{name}' has rate {rate:g} Hz, one value in {1.0 / rate:.3g} s, and "
                f"observation_timeout is {limits.observation_timeout:g} s: every command would be refused from then "
                "until the next value; measure it faster, or raise observation_timeout"
            )


def _field(spec: Spec, field: Field, section: Mapping[str, Any]) -> FieldLimits:
    where = f"limits of '{field.name}'"
    keys(where, section, _FIELD_KEYS["velocity"] | _FIELD_KEYS["position"])
    order = section.get("order")
    if order != "velocity" and order != "position":
        raise SpecError(f"{where}: order is {order!r}; it is 'velocity' or 'position'")
    keys(where, section, _FIELD_KEYS[order])
    if field.kind == "pose":
        raise SpecError(f"{where}: a pose cannot be limited number by number; command a twist, or a position")
    if field.low is None or field.high is None:
        raise SpecError(f"action '{field.name}' needs 'low' and 'high': a command without bounds is not safe")
    if field.kind in _ORDERS and order != _ORDERS[field.kind]:
        raise SpecError(f"{where}: order is '{order}', and to hold a {field.kind} still takes '{_ORDERS[field.kind]}'")
    low, high = np.array(field.low, float), np.array(field.high, float)
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise SpecError(f"action '{field.name}': low {field.low} and high {field.high} must be finite")
    if order == "velocity" and ((low > 0) | (high < 0)).any():
        raise SpecError(f"action '{field.name}': 0 is outside {field.low} .. {field.high}, so it could not hold still")
    first, second = ("acceleration", "jerk") if order == "velocity" else ("rate", "acceleration")
    limits = FieldLimits(
        name=field.name,
        order=order,
        low=low,
        high=high,
        first=vector(where, section, first, field.size, positive=True),
        second=vector(where, section, second, field.size, positive=True, default=np.inf),
        measurement=_counterpart(spec, field, section) if order == "position" else None,
        initial=vector(where, section, "initial", field.size) if "initial" in section else None,
    )
    if field.wraps and (order == "velocity" or "workspace" in section):
        raise SpecError(f"{where}: a field that wraps is a set-point on a circle: its order is position, without a box")
    if "workspace" in section:
        limits = replace(limits, box=_workspace(spec, field, order, section["workspace"]))
    if "orientation" in section:
        limits = replace(limits, cone=Cone.parse(spec, field, section["orientation"]))
    return limits


def _counterpart(spec: Spec, field: Field, section: Mapping[str, Any]) -> Measurement | None:
    """The measured value of a set-point: what `measured` names, else the observation field of the same name."""
    if "measured" in section:
        return _in_its_unit(spec, field, Measurement.parse(spec.observation, section["measured"], field.size))
    same = spec.observation.get(field.name)
    if same is not None and same.shape == field.shape and same.unit == field.unit:
        return Measurement.parse(spec.observation, field.name, field.size)
    return None


def _in_its_unit(spec: Spec, field: Field, measurement: Measurement) -> Measurement:
    """The measurement, unless it is in another unit than the set-point, which would begin far from the robot."""
    source = spec.observation[measurement.field]
    if measurement.yaw:
        source = Field(f"{source.name}.yaw", (1,), unit="rad")
    if not units.agree(field, source, measurement.size):
        raise SpecError(
            f"limits of '{field.name}': it is commanded in {units.said(field, measurement.size)}, and what measures "
            f"it, '{source.name}', is in {units.said(source, measurement.size)}: set-points begin where they are "
            "measured, so give both in the same unit, or 'initial' in place of 'measured'"
        )
    return measurement


def _require_units(where: str, order: Order, action: Field, position: Field, n: int) -> None:
    """Refuse a box whose positions are in another unit than what moves the robot in it: it would brake too late."""
    if not units.agree(action, position, n, rate=order == "velocity"):
        moves = "the velocity of it" if order == "velocity" else "the same unit"
        raise SpecError(
            f"{where}: position '{position.name}' is in {units.said(position, n)}, the action in "
            f"{units.said(action, n)}, which is not {moves}; a box needs both in one, and `unit:` to say so"
        )


def _workspace(spec: Spec, field: Field, order: Order, section: Mapping[str, Any]) -> Box:
    where = f"workspace of '{field.name}'"
    keys(where, section, {"position", "low", "high", "reaction"})
    if field.size < 3:
        raise SpecError(f"{where}: it bounds x, y and z, the field has {field.size} numbers")
    if order == "velocity" and "position" not in section:
        raise SpecError(f"{where}: 'position' is missing; name the observation field that holds x, y and z")
    measurement = None
    if "position" in section:
        measurement = Measurement.parse(spec.observation, section["position"], 3)
        _same_frame(where, field, spec.observation[measurement.field])
        _require_units(where, order, field, spec.observation[measurement.field], 3)
    reaction = float(vector(where, section, "reaction", 1, default=0.0)[0])
    return _box(where, section, 3, Safety.WORKSPACE, measurement, reaction)


def _box(
    where: str,
    section: Mapping[str, Any],
    size: int,
    flag: Safety,
    measurement: Measurement | None,
    reaction: float = 0.0,
) -> Box:
    low, high = (vector(where, section, key, size) for key in ("low", "high"))
    if (low >= high).any():
        raise SpecError(f"{where}: low {low.tolist()} must be below high {high.tolist()}")
    if not 0.0 <= reaction < np.inf:
        raise SpecError(f"{where}: reaction is {reaction}; it is a time [s], 0 or more")
    return Box(low=low, high=high, flag=flag, measurement=measurement, reaction=reaction)


def _with_joints(spec: Spec, fields: list[FieldLimits], section: Mapping[str, Any]) -> list[FieldLimits]:
    """Joint limits added to every action field that commands joints."""
    keys("limits of 'joints'", section, {"position", "low", "high", "velocity"})
    if "position" not in section:
        raise SpecError("limits of 'joints': 'position' is missing; name the observation field that holds the joints")
    out = []
    for limits in fields:
        field = spec.action[limits.name]
        if field.kind not in ("joint_position", "joint_velocity"):
            out.append(limits)
            continue
        if limits.box is not None:
            raise SpecError(f"limits of '{field.name}': a field of joints has 'joints', not a 'workspace'")
        where, n = "limits of 'joints'", field.size
        measurement = Measurement.parse(spec.observation, section["position"], n)
        _require_units(where, limits.order, field, spec.observation[measurement.field], n)
        box = _box(where, section, n, Safety.JOINT, measurement)
        speed = vector(where, section, "velocity", n, positive=True, default=np.inf)
        if limits.order == "velocity":
            low, high = np.maximum(limits.low, -speed), np.minimum(limits.high, speed)
            out.append(replace(limits, box=box, low=low, high=high))
        else:
            begins = limits.measurement or measurement
            first = np.minimum(limits.first, speed)
            out.append(replace(limits, box=box, first=first, measurement=begins))
    if all(limits.box is None or limits.box.flag is not Safety.JOINT for limits in out):
        raise SpecError(f"limits of 'joints': no action field of control mode '{spec.control_mode}' commands joints")
    return out


def _same_frame(where: str, action: Field, position: Field) -> None:
    if action.frame != position.frame:
        frames = (f"in frame '{f.frame}'" if f.frame else "in a frame that is not said" for f in (action, position))
        raise SpecError(
            f"{where}: the action is {next(frames)}, position '{position.name}' {next(frames)}; a box needs both in "
            "one frame, and `frame:` to say so"
        )


def _seconds(section: Mapping[str, Any], key: str) -> float:
    if key not in section:
        raise SpecError(f"limits: '{key}' is missing; say after how many seconds of silence the robot holds still")
    return float(vector("limits", section, key, 1, positive=True)[0])
