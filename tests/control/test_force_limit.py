"""The force limit: reading it, what it cuts, when it backs off, and what it does without a force."""

from __future__ import annotations

import math

import numpy as np
import pytest

from robot_rl.control.envelope import SafetyEnvelope
from robot_rl.control.force_limit import ForceGuard, ForceLimit
from robot_rl.control.safety import Safety
from robot_rl.spec import Field, Layout, Spec, SpecError

MS = 1_000_000
NOW = 10**9
FORCE = {"field": "force", "limit": [10.0, math.inf, 20.0], "steps": 3, "retreat": "hold"}


@pytest.fixture
def spec() -> Spec:
    """A hand with a velocity (3,) and a gripper, that feels a force (3,)."""
    return Spec(
        robot="hand",
        rate=10.0,
        observation=Layout((Field("force", (3,), unit="N", frame="world"), Field("slow_force", (1,), unit="N"))),
        action=Layout(
            (
                Field("velocity", (3,), frame="world", low=(-0.1,) * 3, high=(0.1,) * 3),
                Field("gripper", (1,), low=(0.0,), high=(1.0,)),
            )
        ),
    )


def limits(**force) -> dict:
    return {
        "command_timeout": 0.25,
        "observation_timeout": 0.25,
        "velocity": {"order": "velocity", "acceleration": 0.5},
        "gripper": {"order": "position", "rate": 10.0, "initial": 0.0},
        "force": {**FORCE, **force},
    }


class Hand:
    def __init__(self, spec: Spec, section: dict) -> None:
        self.envelope, self.now = SafetyEnvelope(spec, section), NOW

    def __call__(self, velocity, force, *, age=0, **given):
        self.now += 100 * MS
        stamps = {"command_stamp": self.now, "measured_stamp": {"force": self.now - age, "slow_force": self.now}}
        measured = {} if force is None else {"force": np.array(force, float)}
        return self.envelope.filter(np.array([*velocity, 0.0]), now=self.now, measured=measured, **stamps, **given)


@pytest.fixture
def hand(spec) -> Hand:
    return Hand(spec, limits())


def test_within_the_limit_and_on_axes_without_one_a_command_passes(hand):
    result = hand((0.05, -0.05, -0.05), (9.9, 500.0, 19.9))
    assert result.flags == 0 and result.action.tolist() == [0.05, -0.05, -0.05, 0.0]


def test_beyond_it_only_what_pushes_against_that_force_is_cut_and_at_once(hand):
    hand((-0.05, 0.0, 0.0), (0.0, 0.0, 0.0))
    result = hand((-0.1, 0.05, -0.02), (10.1, 0.0, 0.0))  # pushed to +x: towards -x presses harder
    assert result.action.tolist() == [0.0, 0.05, -0.02, 0.0]  # 0.5 m/s^2 would have left -0.1
    assert result.flags == Safety.FORCE and hand.envelope.counts[Safety.FORCE] == 1
    assert hand((0.05, 0.0, 0.0), (10.1, 0.0, 0.0)).flags == 0  # away from it is free
    assert hand((0.05, 0.0, 0.0), (-10.1, 0.0, 0.0)).action[0] == 0.0


def test_a_ramp_that_still_pushes_is_cut_though_the_command_does_not_push(spec):
    hand = Hand(spec, {**limits(), "velocity": {"order": "velocity", "acceleration": 0.1}})
    for _ in range(10):
        hand((-0.1, 0.0, 0.0), (0.0, 0.0, 0.0))
    assert hand((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)).action[0] == pytest.approx(-0.09)  # braking at 0.1 m/s^2
    result = hand((0.0, 0.0, 0.0), (30.0, 0.0, 0.0))
    assert result.action[0] == 0.0 and result.flags & Safety.FORCE


def test_where_no_velocity_lies_along_the_force_everything_holds_still(spec):
    hand = Hand(spec, limits(field="slow_force", limit=5.0))
    assert hand.envelope.limits.force.pushes == ""
    now = NOW + MS
    measured = {"slow_force": np.array([6.0])}
    result = hand.envelope.filter(
        np.array([0.05, 0.0, 0.0, 1.0]), now=now, command_stamp=now, measured=measured, measured_stamp=now
    )
    assert result.action.tolist() == [0.0] * 4 and result.flags == Safety.FORCE


@pytest.mark.parametrize("force", [None, (math.nan, 0.0, 0.0), (0.0, math.inf, 0.0), (1.0, 2.0)])
def test_without_a_finite_force_the_robot_holds(hand, force):
    result = hand((0.02, 0.0, 0.0), force)
    assert result.action.tolist() == [0.0] * 4
    assert result.flags == Safety.STALE_OBSERVATION | Safety.FORCE


def test_a_stale_force_holds_the_robot_though_everything_else_is_fresh(hand):
    assert hand((0.02, 0.0, 0.0), (0.0, 0.0, 0.0), age=250 * MS).flags == 0
    assert hand((0.02, 0.0, 0.0), (0.0, 0.0, 0.0), age=251 * MS).flags == Safety.STALE_OBSERVATION | Safety.FORCE
    assert hand((0.02, 0.0, 0.0), (0.0, 0.0, 0.0), age=-251 * MS).flags & Safety.FORCE  # from the future


def test_a_rewind_may_move_where_no_force_is_known_but_never_push(hand):
    assert hand((0.02, 0.0, 0.0), None, retracing=True).action[0] == 0.02
    assert hand((-0.02, 0.0, 0.0), (30.0, 0.0, 0.0), retracing=True).action[0] == 0.0


def test_the_guard_backs_off_after_so_many_readings_in_a_row_for_as_long_as_it_takes(spec):
    limit = ForceLimit.parse(spec, limits(seconds=0.2, release=0.5))
    guard = ForceGuard(limit, 0.1)
    hard, soft, free = np.array([11.0, 0, 0]), np.array([6.0, 0, 0]), np.zeros(3)
    given = [hard, hard, free, hard, None, hard, hard, free, soft, soft, free, free]
    said = [guard.update(force) for force in given]
    #  two are not three; None neither counts nor forgives; 2 steps at least, and then until below 5 N
    assert said == [False] * 6 + [True, True, True, True, False, False]
    guard.update(hard)
    guard.reset()
    assert [guard.update(hard) for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"field": "wrench"}, "no observation field 'wrench'"),
        ({"limit": [1.0, 2.0]}, "3 numbers above 0"),
        ({"limit": [1.0, math.nan, 2.0]}, "above 0"),
        ({"limit": math.inf}, "above 0"),
        ({"limit": -1.0}, "above 0"),
        ({"limit": "much"}, "numbers were expected"),
        ({"steps": 0}, "whole number"),
        ({"retreat": "flee"}, "'rewind' or 'hold'"),
        ({"seconds": -1.0}, "seconds is -1.0"),
        ({"release": 1.5}, "within 1"),
        ({"pushes": "gripper"}, "it is velocity, or none"),
        ({"stepps": 3}, "Did you mean 'steps'"),
    ],
)
def test_a_section_that_does_not_fit_is_refused(spec, changes, message):
    with pytest.raises(SpecError, match=message):
        SafetyEnvelope(spec, limits(**changes))


@pytest.mark.parametrize("frames", [("", "world"), ("world", ""), ("tool", "world")])
@pytest.mark.parametrize("named", [{}, {"pushes": "velocity"}])
def test_a_force_in_other_axes_than_the_velocity_is_refused_unless_everything_is_to_hold_still(spec, frames, named):
    """It does not tell which motion pushes: the other axis would be cut, and what pushes let through."""
    force, velocity = frames
    fields = (Field("force", (3,), unit="N", frame=force), *list(spec.observation.values())[1:])
    moves = Field("velocity", (3,), frame=velocity, low=(-0.1,) * 3, high=(0.1,) * 3)
    other = Spec("hand", 10.0, Layout(fields), Layout((moves, spec.action["gripper"])))
    with pytest.raises(SpecError, match=f"in the frame of 'force', '{force}', .* 'velocity' is in frame '{velocity}'"):
        ForceLimit.parse(other, limits(**named))
    assert ForceLimit.parse(other, limits(pushes="none")).pushes == ""
