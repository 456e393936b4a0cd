"""The compliance contract and the admittance against values worked out by hand."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
import pytest

from robot_rl.control import poses
from robot_rl.control.compliance import ComplianceError, Impedance, limit_displacement, limit_lead, limit_pose_lead
from robot_rl.control.compliance_admittance import Admittance, AdmittanceFilter

HERE = np.array([0.4, 0.0, 0.2, 1.0, 0.0, 0.0, 0.0])
MOST = (0.005, 0.01, 0.002, 0.02, 0.03, 0.04)


def test_each_number_leads_by_at_most_its_own_limit() -> None:
    assert limit_lead((1.0, -1.0, 0.5), (0.0, 0.0, 0.4), (0.3, 0.2, 0.2)) == (0.3, -0.2, 0.5)


def test_a_target_far_away_leads_by_the_limit_of_each_axis_and_one_nearby_is_kept() -> None:
    turned = poses.multiply(poses.exp([0.5, 0.01, -0.5]), HERE[3:])
    far = np.concatenate([HERE[:3] + np.array([0.1, 0.003, -0.1]), turned])
    limited = limit_pose_lead(far, HERE, MOST)
    np.testing.assert_allclose(limited[:3] - HERE[:3], [0.005, 0.003, -0.002], atol=1e-12)
    np.testing.assert_allclose(poses.error(HERE, limited)[3:], [0.02, 0.01, -0.04], atol=1e-9)
    np.testing.assert_allclose(limit_pose_lead(limited, HERE, MOST), limited, atol=1e-12)


def test_the_sign_of_a_quaternion_does_not_turn_the_target_the_long_way_round() -> None:
    near = np.concatenate([HERE[:3], poses.multiply(poses.exp([0.01, 0.0, 0.0]), HERE[3:])])
    flipped = np.concatenate([near[:3], -near[3:]])
    assert poses.angle(limit_pose_lead(flipped, HERE, MOST)[3:], near[3:]) < 1e-9


def test_axes_of_the_tool_are_clipped_along_the_tool() -> None:
    quarter = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # the tool's x is the base's y
    clipped = limit_displacement(np.array([0.1, 0.1, 0.0, 0.0, 0.0, 0.0]), MOST, quarter)
    np.testing.assert_allclose(clipped[:3], [0.01, 0.005, 0.0], atol=1e-12)


def test_the_static_force_is_stiffness_times_lead_however_far_the_target_runs() -> None:
    law = Impedance()
    np.testing.assert_allclose(law.force_limit, [10.0, 10.0, 10.0, 3.0, 3.0, 3.0])
    target = law.target(HERE + np.array([0.0, 0.0, -5.0, 0.0, 0.0, 0.0, 0.0]), HERE)
    np.testing.assert_allclose(law.wrench(target, HERE, np.zeros(6)), [0, 0, -10.0, 0, 0, 0], atol=1e-9)
    moving = law.wrench(target, HERE, [0.0, 0.0, 0.1, 0.0, 0.0, 0.0])
    assert moving[2] == pytest.approx(-10.0 - 8.9)


def test_a_pose_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ComplianceError, match="finite"):
        limit_pose_lead(HERE, np.full(7, math.nan), MOST)


@pytest.mark.parametrize("length", [0.0, 1e-9, 0.5, 2.0])
def test_a_quaternion_that_names_no_rotation_is_refused(length: float) -> None:
    bad = np.concatenate([HERE[:3], HERE[3:] * length])
    with pytest.raises(ComplianceError, match=r"measured pose .* with a quaternion x y z w of length 1"):
        limit_pose_lead(HERE, bad, MOST)
    with pytest.raises(ComplianceError, match="target .* of length 1"):
        limit_pose_lead(bad, HERE, MOST)


@pytest.mark.parametrize("value", [(0.1,), (0.1, -0.2), (0.1, math.nan), "soft", (1.0,) * 5])
def test_leads_that_make_no_contract_are_refused(value) -> None:
    with pytest.raises(ComplianceError, match="lead"):
        Impedance(lead=value)


def soft(**changes) -> Admittance:
    return Admittance(
        **{"mass": (2.0, 1.0), "damping": (100.0, 10.0), "stiffness": (500.0, 5.0), "deadband": (0.0, 0.0)}
        | {"environment": (1000.0, 10.0), "delay": 0.02}
        | changes
    )


def test_two_steps_of_the_admittance_are_those_of_backward_euler() -> None:
    law = AdmittanceFilter(soft(), 0.01)
    push = np.array([5.0, 0, 0, 0, 0, 0])
    # v1 = dt f / (M + dt D + dt^2 K) = 0.05 / (2 + 1 + 0.05); x1 = dt v1
    v1 = 0.05 / 3.05
    first = law.step(push)
    assert first.velocity[0] == pytest.approx(v1)
    assert first.offset[0] == pytest.approx(0.01 * v1)
    v2 = (2.0 * v1 + 0.01 * (5.0 - 500.0 * 0.01 * v1)) / 3.05
    assert law.step(push).velocity[0] == pytest.approx(v2)


def test_a_constant_force_settles_at_force_over_stiffness_less_the_deadband() -> None:
    law = AdmittanceFilter(soft(deadband=(1.0, 0.1)), 0.01)
    for _ in range(1000):
        step = law.step([0.0, 0.0, 6.0, 0.0, 0.0, 0.05])
    np.testing.assert_allclose(step.offset, [0.0, 0.0, 5.0 / 500.0, 0.0, 0.0, 0.0], atol=1e-6)
    pose = law.apply(HERE)
    np.testing.assert_allclose(pose[:3], HERE[:3] + np.array([0.0, 0.0, 0.01]), atol=1e-6)


def test_the_offset_stays_within_reach_and_speed_and_comes_back_at_once() -> None:
    law = AdmittanceFilter(soft(reach=(0.01, 0.1), speed=(0.05, 0.5)), 0.01)
    offsets = [law.step([0.0, 500.0, 0, 0, 0, 0]).offset[1] for _ in range(200)]
    assert max(np.diff(offsets)) <= 0.05 * 0.01 + 1e-12
    assert offsets[-1] == 0.01
    assert law.step(np.zeros(6)).offset[1] < 0.01


@pytest.mark.parametrize("wrench", [None, [math.nan] * 6, [math.inf, 0, 0, 0, 0, 0], [1.0, 2.0], "hard"])
def test_without_a_finite_force_the_offset_stays_and_says_so(wrench) -> None:
    law = AdmittanceFilter(soft(), 0.01)
    before = law.step([5.0, 0, 0, 0, 0, 0]).offset
    step = law.step(wrench)
    assert step.refused
    np.testing.assert_array_equal(step.offset, before)
    np.testing.assert_array_equal(step.velocity, np.zeros(6))


def push_against_wall(damping: float, delay: float, stiffness: float) -> float:
    """An arm that answers `delay` late leans on a wall; by how much the force still swings after 3 s [N]."""
    dt = 0.002
    law = AdmittanceFilter(
        soft(damping=(damping, 10.0), mass=(0.1, 1.0), stiffness=(0.0, 0.0), environment=(1.0, 1.0)), dt
    )
    late = deque([0.0] * round(delay / dt), maxlen=round(delay / dt))
    forces = []
    for _ in range(1500):
        force = stiffness * (0.002 - late[0])  # commanded 2 mm into the wall, the offset leads out of it
        late.append(float(law.step([force, 0, 0, 0, 0, 0]).offset[0]))
        forces.append(force)
    return float(np.ptp(forces[-250:]))


def test_contact_settles_with_the_damping_that_is_asked_for_and_swings_with_half_of_it() -> None:
    delay, stiffness = 0.03, 5000.0
    assert push_against_wall(1.05 * stiffness * delay, delay, stiffness) < 0.05
    assert push_against_wall(0.5 * stiffness * delay, delay, stiffness) > 5.0


def test_damping_too_small_for_the_stiffest_surroundings_is_refused() -> None:
    with pytest.raises(ComplianceError, match="must exceed 600"):
        Admittance(damping=(500.0, 12.0))
    with pytest.raises(ComplianceError, match="period"):
        AdmittanceFilter(Admittance(), 0.05)
