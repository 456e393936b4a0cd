"""Headings: the arithmetic on a circle, and set-points that go round it in the safety envelope."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from robot_rl.control import circle
from robot_rl.control.envelope import SafetyEnvelope
from robot_rl.control.limits import parse
from robot_rl.control.safety import Safety
from robot_rl.spec import Field, Layout, Spec, SpecError

PERIOD = 20_000_000  # [ns], 50 Hz
HEADING = Field("yaw", (1,), unit="rad", low=(-3.1416,), high=(3.1416,), wraps=True)


@pytest.fixture
def drone(drone: Spec) -> Spec:
    """As in conftest.py, with a yaw that goes round; 2 rad/s, so 0.04 rad a step."""
    return replace(drone, action=Layout((drone.action["position"], HEADING)))


def turned(spec: Spec, limits: dict, asked: list[float], *, start: float) -> tuple[list[float], list[Safety]]:
    """The yaw that comes out for each one asked for, and what was done to it, from a measured heading."""
    pose = np.array([0.0, 0.0, 0.5, 0.0, 0.0, math.sin(start / 2), math.cos(start / 2)])
    envelope = SafetyEnvelope(spec, limits)
    envelope.reset({"pose": pose})
    now, out = 10**9, []
    for yaw in asked:
        now += PERIOD
        out.append(
            envelope.filter(
                [0.0, 0.0, 0.5, yaw], now=now, command_stamp=now, measured={"pose": pose}, measured_stamp=now
            )
        )
    return [float(o.action[3]) for o in out], [o.flags for o in out]


def test_the_nearest_equal_heading_is_within_half_a_turn_and_other_numbers_stay() -> None:
    values, to = np.array([3.1, -3.1, 7.0, 7.0]), np.array([-3.1, 3.1, 0.5, 0.5])
    out = circle.nearest(values, to, np.array([True, True, True, False]))
    np.testing.assert_allclose(out, [3.1 - 2 * np.pi, 2 * np.pi - 3.1, 7.0 - 2 * np.pi, 7.0], atol=1e-15)


def test_numbers_inside_their_bounds_are_left_to_the_last_bit() -> None:
    values = np.array([3.1416, -3.1416, 3.3])
    out = circle.inside(values, np.full(3, -3.1416), np.full(3, 3.1416), np.ones(3, bool))
    assert out[:2].tolist() == values[:2].tolist()
    assert out[2] == pytest.approx(3.3 - 2 * np.pi)


@pytest.mark.parametrize(("start", "goal", "step"), [(3.10, -3.10, 0.04), (-3.10, 3.10, -0.04)])
def test_across_the_seam_a_set_point_takes_the_short_way(
    drone: Spec, drone_limits: dict, start: float, goal: float, step: float
) -> None:
    out, flags = turned(drone, drone_limits, [goal] * 4, start=start)
    # 0.0832 rad to go: two steps at the rate, then there; the first passes pi at 0.0416
    assert out[0] == pytest.approx(start + step, abs=1e-12)
    assert out[1] == pytest.approx(start + 2 * step - math.copysign(2 * math.pi, step), abs=1e-12)
    assert out[2:] == [goal, goal]
    assert flags == [Safety.RATE, Safety.RATE, Safety(0), Safety(0)]


def test_without_wraps_it_goes_the_long_way_round(drone: Spec, drone_limits: dict) -> None:
    joint = replace(HEADING, wraps=False)
    spec = replace(drone, action=Layout((drone.action["position"], joint)))
    out, _ = turned(spec, drone_limits, [-3.10] * 2, start=3.10)
    np.testing.assert_allclose(out, [3.06, 3.02], atol=1e-12)


def test_a_second_limit_slows_a_heading_across_the_seam_as_it_does_elsewhere(drone: Spec, drone_limits: dict) -> None:
    drone_limits["yaw"]["acceleration"] = 4.0
    across, _ = turned(drone, drone_limits, [-3.0] * 40, start=3.1)
    level, _ = turned(drone, drone_limits, [0.1831853071795865] * 40, start=0.0)
    np.testing.assert_allclose(np.unwrap(across) - 3.1, level, atol=1e-9)
    assert across[-1] == pytest.approx(-3.0, abs=1e-6)


def test_a_heading_of_more_than_a_turn_is_the_same_heading_and_not_out_of_bounds(
    drone: Spec, drone_limits: dict
) -> None:
    out, flags = turned(drone, drone_limits, [2 * math.pi + 0.02], start=0.0)
    assert out[0] == pytest.approx(0.02, abs=1e-12)
    assert flags == [Safety(0)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"unit": "1"}, "only a vector in rad wraps, not a vector in '1'"),
        ({"kind": "joint_position"}, "only a vector in rad wraps, not a joint_position in 'rad'"),
        ({"low": (-3.0,)}, "low is .*any value between -pi and pi: set it to -3.1416"),
        ({"high": (3.14,)}, "high is .*set it to 3.1416"),
    ],
)
def test_a_field_that_cannot_go_round_is_refused(change: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        replace(HEADING, **change)


def test_a_heading_is_a_set_point_without_a_box(drone: Spec, drone_limits: dict) -> None:
    drone_limits["yaw"] = {"order": "velocity", "acceleration": 1.0}
    with pytest.raises(SpecError, match="limits of 'yaw': a field that wraps is a set-point on a circle"):
        parse(drone, drone_limits)


def test_wraps_is_written_down_and_read_back() -> None:
    assert Field.from_dict("yaw", HEADING.to_dict()) == HEADING
    assert "wraps" not in replace(HEADING, wraps=False).to_dict()
