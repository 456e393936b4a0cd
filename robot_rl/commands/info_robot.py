"""A robot as `robot-rl info` tells of it: what robot.yaml says, checked as a whole; nothing is moved or imported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from robot_rl.commands.info_cameras import camera_lines
from robot_rl.control.limits import FieldLimits, parse
from robot_rl.hardware import config, teleop_map
from robot_rl.runtime.arbiter import Arbiter
from robot_rl.spec import Layout, Spec


def show_robot(console: Console, name: str, control_mode: str) -> None:
    """Describe a robot in one control mode, by default its own.

    Raises:
        ConfigError: something in its file does not hold, be it of another control mode.
    """
    robot = config.load(name, control_mode or None)
    for mode in robot.control_modes:
        Arbiter.from_config(config.load(name, mode))
    cameras = tuple(camera_lines(robot))
    console.print(f"[bold]{escape(robot.name)}[/bold]: {escape(robot.description)}")
    kind = "simulated" if robot.simulated else "real"
    console.print(escape(f"driver {robot.driver}, {kind}, from {robot.path}"), soft_wrap=True)
    show_spec(console, robot.spec)
    for line in (*cameras, *_limits(robot), *_teleop(robot), *_task(robot)):
        console.print(escape(line), soft_wrap=True)
    if others := [m for m in robot.control_modes if m != robot.spec.control_mode]:
        console.print(f"other control modes: {', '.join(others)} (--control-mode NAME)")


def show_spec(console: Console, spec: Spec) -> None:
    """Every field that is sensed or commanded."""
    console.print(f"control mode {spec.control_mode} at {spec.rate:g} Hz")
    table = Table(box=None, pad_edge=False)
    for heading in ("", "field", "shape", "unit", "frame", "low", "high"):
        table.add_column(heading, no_wrap=heading == "field")
    for part, layout in (("observation", spec.observation), ("action", spec.action)):
        for row in _rows(layout):
            table.add_row(part, *(escape(cell) for cell in row))
            part = ""
    console.print(table)


def _rows(layout: Layout) -> Iterable[tuple[str, ...]]:
    for f in layout.values():
        yield f.name, "x".join(map(str, f.shape)), f.unit, f.frame, _numbers(f.low), _numbers(f.high)


def _numbers(values: Sequence[float] | np.ndarray | None) -> str:
    """`0.25` when all are equal, else all of them."""
    if values is None:
        return ""
    distinct = dict.fromkeys(f"{v:g}" for v in values)
    return next(iter(distinct)) if len(distinct) == 1 else " ".join(f"{v:g}" for v in values)


def _limits(robot: config.RobotConfig) -> Iterator[str]:
    """What the safety envelope enforces besides the bounds of the action."""
    limits = parse(robot.spec, robot.limits)
    yield (
        f"limits: holds still {limits.command_timeout:g} s after the last command, or "
        f"{limits.observation_timeout:g} s after the last observation"
    )
    for f in limits.fields:
        yield f"  {f.name}: {', '.join(_field_limits(f))}"
    if limits.force is not None:
        force = limits.force
        yield (
            f"  force: {force.measurement.field} up to {_numbers(force.limit)}; after {force.steps} readings beyond "
            f"it {force.retreat} for {force.seconds:g} s"
        )
    if "rewind" in robot.limits:
        yield f"  rewind: {', '.join(f'{k} {v}' for k, v in robot.limits['rewind'].items())}"


def _field_limits(f: FieldLimits) -> Iterator[str]:
    first, second = ("acceleration", "jerk") if f.order == "velocity" else ("rate", "acceleration")
    yield f"{f.order} with {first} up to {_numbers(f.first)}"
    if np.isfinite(f.second).any():
        yield f"{second} up to {_numbers(f.second)}"
    if f.box is not None:
        where = f"{f.box.measurement.field} " if f.box.measurement else ""
        pairs = [f"{low:g} to {high:g}" for low, high in zip(f.box.low, f.box.high)]
        yield f"{where}within {', '.join(pairs)}"
    if f.cone is not None:
        yield (
            f"{f.cone.measurement.field} turned by up to {f.cone.angle:g} rad from the orientation "
            f"{' '.join(f'{x:g}' for x in f.cone.reference)} (x y z w)"
        )


def _teleop(robot: config.RobotConfig) -> Iterator[str]:
    section = robot.teleop
    if not section:
        yield "teleop: none, no input device drives it in this control mode"
        return
    scale = section.get("scale") or {}
    axes = [f"{a} {label}" + (f" ({scale[label]:g})" if label in scale else "") for a, label in section["axes"].items()]
    how = "moving a target" if section.get("integrate") else "at once"
    yield f"teleop, {how}: {', '.join(axes)}"
    if beyond := _beyond_bounds(robot):
        yield f"  warning: at full deflection {', '.join(beyond)}: what is beyond is cut off; lower the scale"
    if gripper := section.get("gripper"):
        yield f"  gripper {gripper['field']}: open {gripper['open']:g}, closed {gripper['closed']:g}"


def _beyond_bounds(robot: config.RobotConfig) -> list[str]:
    """The numbers that an axis drives beyond their bounds, with how far; a target that is moved has no such scale."""
    teleop = teleop_map.parse(robot.spec, robot.teleop)
    if teleop.integrate:
        return []
    reach, action = np.abs(teleop.rates).max(axis=1), robot.spec.action
    each = zip(action.labels, reach, action.high)
    return [f"{label} is {most:g}, beyond its high of {high:g}" for label, most, high in each if most > high]


def _task(robot: config.RobotConfig) -> Iterator[str]:
    task = robot.task
    horizon = int(task.get("horizon", 0))
    limit = f"{horizon} steps ({horizon / robot.spec.rate:g} s)" if horizon else "no time limit"
    instruction, hold = task.get("instruction") or "without words", task.get("success_hold", 1)
    yield f"task: {instruction}; {limit}, success when held for {hold}"
    for key in ("operator", "reset", "routines", "end_on_force"):
        if task.get(key):
            value = task[key]
            yield f"  {key}: {', '.join(value) if isinstance(value, dict) else value}"
