"""Units as a field gives them: one for all of its numbers (`rad`) or one for each (`m, m, rad`); none, or 1, is a plain
number. Those of a pose or twist may be written in halves, `m, 1` or `m/s, rad/s`, or by their first half alone.

Poses, twists, joint positions and joint velocities of a robot.yaml are in SI, so that what is built on them (walls,
braking, messages of ROS) may rely on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from robot_rl.spec.field import Field

_HALVES = {"pose": ("m", "1"), "twist": ("m/s", "rad/s"), "wrench": ("N", "N m")}
"""The units of the first three numbers of a kind, and of the others."""
_JOINTS = {"joint_position": {"rad", "m", "1"}, "joint_velocity": {"rad/s", "m/s", "1"}}
_WRITE = {
    "pose": "'m, 1'",
    "twist": "'m/s, rad/s'",
    "joint_position": "'rad' (or 'm' where a joint slides)",
    "joint_velocity": "'rad/s' (or 'm/s' where a joint slides)",
}


def each(kind: str, unit: str, size: int) -> tuple[str, ...]:
    """The unit of each of `size` numbers; as many as are written where that is neither one, nor two halves, nor all."""
    written = tuple(" ".join(part.split()) or "1" for part in str(unit).split(","))
    halves = _HALVES.get(kind)
    if halves and len(written) <= 2:
        first = halves[0] if written[0] == "1" else written[0]
        return (first,) * 3 + (written[1:] or halves[1:]) * (size - 3)
    return written * size if len(written) == 1 else written


def agree(ours: Field, theirs: Field, n: int, *, rate: bool = False) -> bool:
    """The first `n` numbers of both are in one unit; with `rate`, ours are velocities of theirs. Joints whose unit is
    not said are in rad, or in m, whichever the other says."""
    own, other = ours.units[:n], theirs.units[:n]
    if len(own) < n or len(other) < n:
        return False
    for a, b in zip(own, other):
        possible = _possible(theirs.kind, b)
        if not _possible(ours.kind, a) & ({_per_second(u) for u in possible} if rate else possible):
            return False
    return True


def said(field: Field, n: int) -> str:
    """The units of its first `n` numbers as a sentence has them: one for all where they are the same."""
    found = field.units[:n]
    if set(found) == {"1"}:
        return "plain numbers (it says no unit)"
    return f"'{found[0] if len(set(found)) == 1 else ', '.join(found)}'"


def _possible(kind: str, unit: str) -> set[str]:
    """What a number may be in; a velocity of a plain number is one."""
    unit = unit.replace(" ", "")
    return set(_JOINTS[kind]) if unit == "1" and kind in _JOINTS else {"1" if unit == "1/s" else unit}


def _per_second(unit: str) -> str:
    return "1" if unit == "1" else f"{unit}/s"


def refusal(kind: str, unit: str, size: int) -> str:
    """Why a field of that kind cannot be in that unit and what to do; empty where it can."""
    if kind not in _WRITE:
        return ""
    found = each(kind, unit, size)
    allowed = [_JOINTS.get(kind) or {_HALVES[kind][i >= 3], "1"} for i in range(size)]
    if len(found) == size and all(u in a for u, a in zip(found, allowed)):
        return ""
    return (
        f"unit '{unit}' is not that of a {kind}, which a robot gives in SI: write {_WRITE[kind]}, and convert "
        "the numbers in the driver"
    )
