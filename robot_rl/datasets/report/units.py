"""The unit of each number of a field, as an axis of a plot names it."""

from __future__ import annotations

from robot_rl.spec import Field


def units(field: Field) -> list[str]:
    """Of each number of a vector field; empty for what has none.

    `m, m, rad` of three numbers is one for each, `m/s, rad/s` of a twist one for each half, and `m, 1` of a pose one
    for its position and one for its quaternion.
    """
    each = field.units if len(field.units) == field.size else (field.unit,) * field.size
    return ["" if unit == "1" else unit for unit in each]
