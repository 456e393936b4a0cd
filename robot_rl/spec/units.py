"""Units as a field gives them: one for all of its numbers (`rad`) or one for each (`m, m, rad`); none, or 1, is a plain
number. Those of a pose or twist may be written in halves, `m, 1` or `m/s, rad/s`, or by their first half alone.

Poses, twists, joint positions and joint velocities of a robot.yaml are in SI, so that what is built on them (walls,
braking, messages of ROS) may rely on it.
"""

from __future__ import annotations

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
