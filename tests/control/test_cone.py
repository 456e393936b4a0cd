"""How far a tool may be turned away from a reference orientation."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from robot_rl.control import poses
from robot_rl.control.envelope import LONGEST_STEP, SafetyEnvelope
from robot_rl.control.limits import parse
from robot_rl.control.safety import Safety
from robot_rl.spec import Field, Layout, Spec, SpecError

DOWN = [1.0, 0.0, 0.0, 0.0]
CONE = {"pose": "ee_pose", "reference": DOWN, "angle": 0.5}


@pytest.fixture
def limits(arm_limits: dict[str, Any]) -> dict[str, Any]:
    return {**arm_limits, "twist": {**arm_limits["twist"], "orientation": CONE}}


def at(rotation_vector: Any) -> dict[str, Any]:
    """The middle of the box, turned from DOWN by this vector in the base frame."""
    q = poses.multiply(poses.exp(rotation_vector), DOWN)
    return {"ee_pose": np.concatenate([[0.0, 0.0, 0.25], q])}


def turn(w: Any) -> np.ndarray:
    return np.concatenate([np.zeros(3), w, [0.0]])


class Arm:
    """Follows every command at once; where it is turned to is integrated."""

    def __init__(self, spec: Spec, limits: dict[str, Any], start: Any = (0.0, 0.0, 0.0)) -> None:
        self.envelope, self.period = SafetyEnvelope(spec, limits), spec.period_ns
        self.q, self.now = poses.multiply(poses.exp(start), DOWN), 10**9
        self.envelope.reset(self.measured)

    @property
    def measured(self) -> dict[str, Any]:
        return {"ee_pose": np.concatenate([[0.0, 0.0, 0.25], self.q])}

    @property
    def angle(self) -> float:
        return float(poses.angle(self.q, np.array(DOWN)))

    def step(self, w: Any) -> Any:
        self.now += self.period
        out = self.envelope.filter(
            turn(w), now=self.now, command_stamp=self.now, measured=self.measured, measured_stamp=self.now
        )
        self.q = poses.normalize(poses.multiply(poses.exp(out.action[3:6] * self.period * 1e-9), self.q))
        return out


@pytest.mark.parametrize("axis", [(1.0, 0, 0), (0, -1.0, 0), (0, 0, 1.0), (0.6, 0.6, -0.5)])
def test_the_tool_stops_before_the_angle_whichever_way_it_is_turned(arm: Spec, limits: dict[str, Any], axis: Any):
    robot = Arm(arm, limits)
    results = [robot.step(axis) for _ in range(100)]
    assert 0.45 < robot.angle <= 0.5 + 1e-6
    assert results[0].flags == 0 or not results[0].flags & Safety.WORKSPACE
    assert results[-1].flags & Safety.WORKSPACE and np.abs(results[-1].action[3:6]).max() < 0.02


@pytest.mark.parametrize("length", [0.0, 1e-300, 1e-9, 0.5, 1.2, 1e300])
def test_a_quaternion_that_names_no_rotation_holds_the_robot(arm: Spec, limits: dict[str, Any], length: float):
    robot = Arm(arm, limits)
    robot.step((0.1, 0, 0))
    robot.q, now = robot.q * length, robot.now + robot.period
    given = {"command_stamp": now, "measured": robot.measured, "measured_stamp": now}
    result = robot.envelope.filter(turn((0.1, 0, 0)), now=now, **given)
    assert result.flags & Safety.STALE_OBSERVATION and not result.action.any()


def test_at_the_limit_it_may_turn_back_and_sideways_but_not_further(arm: Spec, limits: dict[str, Any]):
    def asked(w: Any) -> np.ndarray:
        envelope = SafetyEnvelope(arm, limits)
        envelope.reset(at([0.5, 0, 0]))
        out = None
        for i in range(1, 40):
            now = 10**9 + i * arm.period_ns
            out = envelope.filter(turn(w), now=now, command_stamp=now, measured=at([0.5, 0, 0]), measured_stamp=now)
        assert out is not None
        return np.asarray(out.action[3:6])

    np.testing.assert_allclose(asked([-1, 0, 0]), [-1, 0, 0])
    # across the axis it goes on, with as much of the way back as keeps it on the cone
    np.testing.assert_allclose(asked([0, 0.5, 0])[1:], [0.5, 0], atol=1e-9)
    assert -0.05 < asked([0, 0.5, 0])[0] < 0.0
    np.testing.assert_allclose(asked([1, 0.5, 0]), asked([0, 0.5, 0]), atol=1e-9)
    np.testing.assert_allclose(asked([1, 0, 0]), 0, atol=1e-9)


@pytest.mark.parametrize("w", [(0, 1.0, 0), (0.7, 0.7, 0), (0.3, -0.8, 0.5), (0, 0.5, 1.0)])
def test_turning_along_the_limit_does_not_creep_over_it(arm: Spec, limits: dict[str, Any], w: Any):
    robot = Arm(arm, limits, (0.5, 0.0, 0.0))
    angles = [robot.step(w) and robot.angle for _ in range(400)]
    assert max(angles) < 0.5 + 1e-3


def test_a_cone_narrower_than_a_step_holds_too(arm: Spec, arm_limits: dict[str, Any]):
    narrow = {**arm_limits["twist"], "orientation": {**CONE, "angle": 0.01}}
    robot = Arm(arm, {**arm_limits, "twist": narrow})
    assert max(robot.step((1.0, -0.5, 0.2)) and robot.angle for _ in range(50)) <= 0.01 + 1e-6


def test_beyond_the_limit_only_the_way_back_is_open(arm: Spec, limits: dict[str, Any]):
    robot = Arm(arm, limits, (0.9, 0.0, 0.0))
    before = robot.angle
    assert np.abs(robot.step([1.0, 0, 0]).action[3:6]).max() < 1e-9 and robot.angle <= before + 1e-9
    for _ in range(60):
        robot.step([-1.0, 0, 0])
    assert robot.angle < 0.5


def test_without_knowing_how_it_is_turned_the_robot_holds(arm: Spec, limits: dict[str, Any]):
    envelope = SafetyEnvelope(arm, limits)
    envelope.reset(at([0, 0, 0]))
    broken = {"ee_pose": np.array([0.0, 0.0, 0.25, 0.0, 0.0, 0.0, 0.0])}
    out = envelope.filter(turn([1, 0, 0]), now=10**9, command_stamp=10**9, measured=broken, measured_stamp=10**9)
    assert out.flags & Safety.STALE_OBSERVATION and (out.action[:6] == 0).all()
    assert "ee_pose" in envelope.limits.named


number = st.floats(-1.2, 1.2)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=st.lists(st.lists(number, min_size=3, max_size=3), min_size=5, max_size=40), start=st.floats(-0.4, 0.4))
def test_no_sequence_turns_it_beyond_the_angle(arm: Spec, limits: dict[str, Any], asked: Any, start: float):
    robot = Arm(arm, limits, (start, 0.0, start / 2))
    for w in asked:
        last = robot.envelope.last
        out = robot.step(w).action
        assert robot.angle <= 0.5 + 1e-3
        assert (np.abs(out) <= arm.action.high + 1e-12).all()
        # without being stopped, it speeds up by no more than its acceleration
        assert (np.abs(out[3:6]) <= np.abs(last[3:6]) + 5.0 / arm.rate * LONGEST_STEP + 1e-9).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pose": "ee"}, "no pose 'ee' among the observations; there are ee_pose"),
        ({"angle": 0.0}, "angle is 0.0; it lies between 0 and pi"),
        ({"angle": 3.5}, "angle is 3.5; it lies between 0 and pi"),
        ({"angle": "wide"}, "angle is 'wide'"),
        ({"reference": [1, 0, 0]}, "a unit quaternion x y z w was expected"),
        ({"reference": [1, 1, 0, 0]}, "a unit quaternion x y z w was expected"),
        ({"reaction": -1.0}, "reaction is -1.0; it is a time"),
        ({"angel": 1.0}, "unknown key 'angel'. Did you mean 'angle'"),
    ],
)
def test_a_mistake_is_named(arm: Spec, arm_limits: dict[str, Any], change: dict[str, Any], said: str):
    section = copy.deepcopy(arm_limits)
    section["twist"]["orientation"] = {**CONE, **change}
    with pytest.raises(SpecError, match=said.replace("(", r"\(")):
        parse(arm, section)


def test_only_a_twist_turns(arm: Spec, arm_limits: dict[str, Any]):
    section = {**arm_limits, "gripper": {"order": "position", "rate": 10.0, "orientation": CONE}}
    with pytest.raises(SpecError, match="unknown key 'orientation'"):
        parse(arm, section)
    del section["gripper"]["orientation"]
    section["twist"] = {**arm_limits["twist"], "orientation": {"pose": "ee_pose", "angle": 1.0}}
    with pytest.raises(SpecError, match="'reference' is missing"):
        parse(arm, section)


def test_an_orientation_in_a_frame_that_is_not_said_limits_no_twist_in_one_that_is(arm: Spec, limits: dict[str, Any]):
    silent = Layout((Field("ee_pose", (7,), "pose", unit="m"),))
    del limits["twist"]["workspace"]
    with pytest.raises(SpecError, match="twist is in frame 'base', 'ee_pose' in ''; both need the same"):
        parse(Spec(arm.robot, arm.rate, silent, arm.action, arm.control_mode), limits)
