"""The unit of each number of a field, as an axis of a plot names it."""

from __future__ import annotations

from robot_rl.spec import Field

_HALVES = ("twist", "wrench")
"""Kinds whose first three numbers have one unit and the last three another."""


def units(field: Field) -> list[str]:
    """Of each number of a vector field; empty for what has none. `m/s, rad/s` of a twist is one for each half."""
    parts = [part.strip() for part in field.unit.split(",")]
    each = [parts[0]] * 3 + [parts[1]] * 3 if field.kind in _HALVES and len(parts) == 2 else [field.unit] * field.size
    return ["" if unit == "1" else unit for unit in each]
