"""No input whatsoever makes the envelope emit a command outside its limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from robot_rl.control.envelope import LONGEST_STEP, REFUSED, SafetyEnvelope
from robot_rl.control.safety import Safety

anything = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True), st.sampled_from([0.0, 1e-300, -1e300, 0.25, -0.25, np.nan, np.inf])
)
stamps = st.one_of(st.integers(), st.integers(-(10**9), 10**12), st.sampled_from([0, 2**63, -(2**63), 10**400]))


def actions(size: int):
    return st.one_of(
        st.none(),
        st.lists(anything, min_size=size, max_size=size).map(np.array),
        st.lists(st.floats(-1, 1), min_size=size, max_size=size).map(np.array),
        st.lists(anything, max_size=9).map(np.array),
        st.sampled_from(["up", object(), [[1.0], [2.0, 3.0]], np.zeros((2, 7)), 1j, 10**400, [10**400] * size]),
    )


def poses():
    numbers = st.one_of(st.floats(-1, 1), anything)
    return st.one_of(st.none(), st.just({}), st.lists(numbers, min_size=7, max_size=7).map(lambda v: np.array(v)))


def steps(size: int):
    return st.lists(
        st.fixed_dictionaries(
            {
                "action": actions(size),
                "elapsed": st.one_of(st.just(0), st.integers(-(10**9), 10**9), stamps),
                "command_age": st.one_of(st.just(0), stamps, st.none()),
                "pose": poses(),
                "measured_age": st.one_of(st.just(0), stamps),
                "deadman": st.booleans(),
                "event": st.sampled_from(["", "", "", "", "estop", "release", "reset"]),
            }
        ),
        min_size=1,
        max_size=25,
    )


def run(envelope: SafetyEnvelope, name: str, sequence: list[dict]):
    """Yield (previous command, result, longest allowed dt, step) for each step of an arbitrary sequence."""
    period = envelope.spec.period_ns
    now, fresh = 10**12, True
    for step in sequence:
        if step["event"] == "estop":
            envelope.estop()
        elif step["event"] == "release":
            envelope.release_estop()
        elif step["event"] == "reset":
            envelope.reset({name: step["pose"]})
            fresh = True
        previous, placed = envelope.last, envelope.placed
        now += step["elapsed"]
        result = envelope.filter(
            step["action"],
            now=now,
            command_stamp=None if step["command_age"] is None else now - step["command_age"],
            measured={name: step["pose"]} if not isinstance(step["pose"], dict) else step["pose"],
            measured_stamp=now - step["measured_age"],
            deadman=step["deadman"],
        )
        if not placed:  # nothing was to be sent before, and set-points begin where they are measured
            assert result.flags & REFUSED
            previous = result.action
        elapsed = period if fresh else min(max(step["elapsed"], 0), round(LONGEST_STEP * period))
        fresh = False
        yield previous, result, elapsed * 1e-9, step


unhurried = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
quick = settings(max_examples=120, deadline=None, suppress_health_check=unhurried)
few = settings(quick, max_examples=50)


@quick
@given(sequence=steps(7))
def test_any_sequence_gives_finite_bounded_velocities_that_never_accelerate_beyond_the_limit(arm, arm_limits, sequence):
    envelope = SafetyEnvelope(arm, arm_limits)
    largest = np.array([1.0] * 3 + [5.0] * 3 + [10.0])
    for previous, result, dt, _ in run(envelope, "ee_pose", sequence):
        out = result.action
        assert np.isfinite(out).all()
        assert (out >= arm.action.low).all() and (out <= arm.action.high).all()
        change = np.abs(out - previous) - largest * dt
        if result.flags & Safety.ESTOP:
            assert (out[:6] == 0).all() and out[6] == previous[6]
            continue
        # braking for a wall may be harder; it takes speed away and never turns it round
        braked = np.zeros(7, bool)
        if result.flags & Safety.WORKSPACE:
            braked[:3] = (np.abs(out[:3]) <= np.abs(previous[:3])) & (out[:3] * previous[:3] >= 0)
        assert (braked | (change <= 1e-9)).all()


@quick
@given(sequence=steps(7))
def test_any_sequence_keeps_the_position_it_measures_inside_the_box_for_a_period(arm, arm_limits, sequence):
    envelope = SafetyEnvelope(arm, arm_limits)
    low, high = np.array([-0.3, -0.3, 0.0]), np.array([0.3, 0.3, 0.5])
    for _, result, _, step in run(envelope, "ee_pose", sequence):
        if result.flags & (Safety.STALE_OBSERVATION | Safety.ESTOP):
            continue
        here = step["pose"][:3]
        ahead = here + result.action[:3] * LONGEST_STEP / arm.rate
        tolerance = 1e-9 * (1.0 + np.abs(here))
        assert ((ahead <= high + tolerance) | (ahead <= here)).all()
        assert ((ahead >= low - tolerance) | (ahead >= here)).all()


@quick
@given(sequence=steps(4))
def test_any_sequence_gives_finite_bounded_set_points_within_their_rate(drone, drone_limits, sequence):
    envelope = SafetyEnvelope(drone, drone_limits)
    rates = np.array([1.0, 1.0, 1.0, 2.0])
    for previous, result, dt, _ in run(envelope, "pose", sequence):
        out = result.action
        assert np.isfinite(out).all()
        assert (out >= drone.action.low).all() and (out <= drone.action.high).all()
        if result.flags & Safety.ESTOP:
            continue
        assert (np.abs(out - previous) <= rates * dt + 1e-9).all()
        low = np.minimum([-1.0, -1.0, 0.2], previous[:3])
        high = np.maximum([1.0, 1.0, 1.5], previous[:3])
        assert (out[:3] >= low - 1e-9).all() and (out[:3] <= high + 1e-9).all()


@pytest.mark.parametrize("jerk", [None, 8.0])
@few
@given(data=st.data())
def test_a_robot_that_obeys_stays_in_the_box_and_is_never_braked_beyond_its_limits(arm, arm_limits, jerk, data):
    """An exact integrator with uneven ticks: the stopping distance alone keeps it inside."""
    limits = {**arm_limits, "twist": {**arm_limits["twist"]}}
    if jerk:
        limits["twist"]["jerk"] = jerk
    envelope = SafetyEnvelope(arm, limits)
    seed = data.draw(st.integers(0, 2**32 - 1))
    persistence = data.draw(st.sampled_from([1, 5, 40]))
    rng = np.random.default_rng(seed)
    position = rng.uniform([-0.3, -0.3, 0.0], [0.3, 0.3, 0.5])
    pose = np.array([*position, 0, 0, 0, 1.0])
    envelope.reset({"ee_pose": pose})
    now, dt, action, previous, slope = 10**12, 0.05, np.zeros(7), np.zeros(7), np.zeros(7)
    for k in range(120):
        if k % persistence == 0:
            action = rng.normal(size=7) * 10.0 ** rng.uniform(-3, 3)
        command = None if rng.random() < 0.05 else np.where(rng.random(7) < 0.01, np.nan, action)
        result = envelope.filter(command, now=now, command_stamp=now, measured={"ee_pose": pose}, measured_stamp=now)
        rate = (result.action - previous) / dt
        assert (np.abs(rate[:3]) <= 1.0 + 1e-9).all()
        if jerk:
            assert (np.abs(rate - slope)[:6] <= jerk * dt + 1e-9).all()
        previous, slope = result.action, rate
        dt = rng.uniform(0.02, LONGEST_STEP / arm.rate)
        elapsed = round(dt * 1e9)
        dt = elapsed * 1e-9
        now += elapsed
        pose = pose.copy()
        pose[:3] += result.action[:3] * dt
        assert (pose[:3] >= np.array([-0.3, -0.3, 0.0]) - 1e-9).all()
        assert (pose[:3] <= np.array([0.3, 0.3, 0.5]) + 1e-9).all()
