"""The unit of each number of a field, as an axis of a plot names it."""

from __future__ import annotations

from robot_rl.spec import Field

_LAST = {"twist": 3, "wrench": 3, "pose": 4}
"""Kinds whose first three numbers have one unit, and how many after those have another."""


def units(field: Field) -> list[str]:
    """Of each number of a vector field; empty for what has none.

    `m, m, rad` of three numbers is one for each, `m/s, rad/s` of a twist one for each half, and `m, 1` of a pose one
    for its position and one for its quaternion.
    """
    parts = [part.strip() for part in field.unit.split(",")]
    each = [field.unit] * field.size
    if len(parts) == field.size:
        each = parts
    elif field.kind in _LAST and len(parts) == 2:
        each = [parts[0]] * 3 + [parts[1]] * _LAST[field.kind]
    return ["" if unit == "1" else unit for unit in each]
