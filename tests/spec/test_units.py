from __future__ import annotations

import pytest

from robot_rl.spec import Field, units


@pytest.mark.parametrize(
    ("kind", "unit"),
    [
        ("pose", "mm"),
        ("pose", "mm, 1"),
        ("pose", "m, deg"),
        ("twist", "mm/s"),
        ("twist", "m/s, deg/s"),
        ("twist", "rad/s, m/s"),
        ("joint_position", "deg"),
        ("joint_position", "rad, mm"),
        ("joint_velocity", "deg/s"),
        ("joint_velocity", "rad"),
    ],
)
def test_a_kind_in_another_unit_than_si_is_refused_with_the_unit_to_write(kind: str, unit: str) -> None:
    size = 2 if kind.startswith("joint") else 7 if kind == "pose" else 6
    why = units.refusal(kind, unit, size)
    assert why.startswith(f"unit '{unit}' is not that of a {kind}, which a robot gives in SI: write '")
    assert Field("q", (size,), kind, unit=unit).unit == unit, "what is recorded in it can still be read"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "size", "unit", "each"),
    [
        ("pose", 7, "m", "m m m 1 1 1 1"),
        ("pose", 7, "m, 1", "m m m 1 1 1 1"),
        ("pose", 7, "m, m, m, 1, 1, 1, 1", "m m m 1 1 1 1"),
        ("twist", 6, "m/s", "m/s m/s m/s rad/s rad/s rad/s"),
        ("twist", 6, "m/s,rad/s", "m/s m/s m/s rad/s rad/s rad/s"),
        ("twist", 6, "", "m/s m/s m/s rad/s rad/s rad/s"),
        ("joint_position", 2, "rad, m", "rad m"),
        ("joint_velocity", 2, "", "1 1"),
        ("vector", 2, "mm", "mm mm"),
        ("vector", 3, "m, m, deg", "m m deg"),
    ],
)
def test_each_number_has_the_unit_that_is_written_for_it(kind: str, size: int, unit: str, each: str) -> None:
    assert Field("q", (size,), kind, unit=unit).units == tuple(each.split())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ours", "theirs", "rate", "agree"),
    [
        (("vector", 3, "m/s"), ("pose", 7, ""), True, True),
        (("twist", 6, ""), ("pose", 7, "m"), True, True),
        (("twist", 6, ""), ("vector", 3, "mm"), True, False),
        (("vector", 3, "m"), ("pose", 7, "m, 1"), False, True),
        (("vector", 3, "1/s"), ("vector", 3, "1"), True, True),
        (("joint_velocity", 3, ""), ("joint_position", 3, ""), True, True),
        (("joint_velocity", 3, "rad/s"), ("joint_position", 3, ""), True, True),
        (("joint_velocity", 3, "m/s"), ("vector", 3, "rad"), True, False),
        (("joint_velocity", 3, ""), ("vector", 3, "deg"), True, False),
        (("vector", 3, "m, m"), ("vector", 3, "m"), False, False),
    ],
)
def test_two_fields_agree_where_their_numbers_are_in_one_unit(ours, theirs, rate: bool, agree: bool) -> None:
    a, b = (Field("f", (n,), kind, unit=unit) for kind, n, unit in (ours, theirs))
    assert units.agree(a, b, 3, rate=rate) is agree
