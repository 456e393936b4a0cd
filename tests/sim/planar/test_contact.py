"""The mechanics of peg and plate against values worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from robot_rl.sim.planar.contact import Contact, Geometry, Impedance, contacts, limit_lead, solve3, step

SHAPE, HAND = Geometry(), Impedance()
DT = 0.005
REST = (0.0, 0.0, 0.0)


def settle(pose, reference, slot=0.0, hand=HAND, steps=400):
    velocity, wrench = REST, REST
    for _ in range(steps):
        pose, velocity, wrench = step(pose, velocity, reference, slot, SHAPE, hand, DT)
    return np.array(pose), np.array(wrench)


def test_a_peg_in_the_middle_of_the_slot_touches_nothing():
    assert contacts((0.02, -0.01, 0.0), 0.02, SHAPE) == []


def test_both_corners_of_a_peg_beside_the_slot_press_on_the_plate():
    left, right = contacts((0.05, -0.0002, 0.0), 0.0, SHAPE)
    assert (left.arm, right.arm) == ((-0.010, 0.0), (0.010, 0.0))
    for contact in (left, right):
        assert contact.normal == (0.0, 1.0)
        assert contact.depth == pytest.approx(0.0002)


def test_a_peg_pressed_to_the_right_is_pushed_back_by_the_right_wall():
    touching = contacts((0.0005, -0.01, 0.0), 0.0, SHAPE)  # 0.4 mm of room on each side
    assert len(touching) == 2  # the corner inside the wall, and the rim beside the peg
    for contact in touching:
        assert contact.normal == pytest.approx((-1.0, 0.0))
        assert contact.depth == pytest.approx(0.0001)
    assert touching[1].arm == pytest.approx((0.0099, 0.01))


def test_a_turned_peg_meets_opposite_rims():
    """At 0.1 rad its section by the surface is 20 / cos(0.1) = 20.1 mm wide, within the slot; at 0.4 rad 21.7 mm."""
    assert contacts((-0.002 * math.tan(0.1), -0.002, 0.1), 0.0, SHAPE) == []
    normals = sorted(c.normal[0] for c in contacts((-0.01 * math.tan(0.4), -0.01, 0.4), 0.0, SHAPE))
    assert normals[0] < 0.0 < normals[-1]


def test_the_moment_of_a_force_is_taken_about_the_tip():
    contact = Contact(arm=(0.01, 0.03), normal=(0.0, 1.0), depth=0.0)
    assert contact.row((0.0, 1.0)) == (0.0, 1.0, -0.01)  # pushed up on the right: turns right towards up
    assert contact.row((1.0, 0.0)) == (1.0, 0.0, 0.03)


def test_free_motion_follows_the_first_order_lag():
    """v = k e / (d + dt k): one step covers dt k / (d + dt k) = 10 / 110 of the way, in theta 0.1 / 0.5."""
    pose, velocity, wrench = step((0.0, 0.05, 0.0), REST, (0.0011, 0.05, 0.05), 0.0, SHAPE, HAND, DT)
    assert pose == pytest.approx((0.0001, 0.05, 0.01))
    assert velocity == pytest.approx((0.02, 0.0, 2.0))
    assert wrench == (0.0, 0.0, 0.0)


def test_at_rest_on_the_plate_the_force_is_the_stiffness_times_the_lead():
    pose, wrench = settle((0.05, 0.001, 0.0), (0.05, -0.004, 0.0))
    lead = 0.004 + pose[1]
    assert wrench == pytest.approx([0.0, 2000.0 * lead, 0.0], abs=1e-6)
    assert 2 * 50_000.0 * -pose[1] == pytest.approx(2000.0 * lead)  # two corners bear it


def test_a_sideways_lead_below_the_friction_creeps_and_above_it_slides():
    """fz is about 8 N, so friction holds 0.15 x 8 = 1.2 N, a lead of 0.6 mm."""
    start = (0.05, -0.00008, 0.0)
    held, wrench = settle(start, (0.0503, -0.004, 0.0), steps=2)
    assert held[0] - 0.05 < 2e-5
    assert -1.2 < wrench[0] < 0.0
    slid, wrench = settle(start, (0.054, -0.004, 0.0), steps=10)
    assert slid[0] - 0.05 > 1e-3
    assert wrench[0] == pytest.approx(-0.15 * wrench[1], rel=0.1)  # of the step before, while slowing down


def test_an_aligned_peg_goes_in_and_rests_on_the_floor_of_the_slot():
    pose, wrench = settle((0.0, 0.002, 0.0), (0.0, -0.031, 0.0))
    assert pose[1] == pytest.approx(-0.030, abs=1e-4)
    assert wrench[1] == pytest.approx(2000.0 * (0.031 + pose[1]), rel=1e-6)


@pytest.mark.parametrize("slot", [0.0, 0.0006, -0.003, 0.015])
def test_forces_balance_and_the_overlap_stays_small_under_the_largest_lead(slot):
    pose = (0.0, 0.001, 0.0)
    velocity, reference = REST, (0.05, -0.05, 0.3)
    for _ in range(300):
        lead = limit_lead(reference, pose, HAND.lead)
        pose, velocity, wrench = step(pose, velocity, lead, slot, SHAPE, HAND, DT)
        assert max((c.depth for c in contacts(pose, slot, SHAPE)), default=0.0) < 1.5e-3
        spring = [k * (r - p) for k, r, p in zip(HAND.stiffness, lead, pose)]
        resistance = [d * v for d, v in zip(HAND.damping, velocity)]
        assert np.add(spring, wrench) == pytest.approx(resistance, abs=1e-9)  # spring + contacts = D v


def test_the_lead_is_limited_axis_by_axis():
    assert limit_lead((0.02, -0.001, -0.1), (0.01, 0.0, 0.0), HAND.lead) == pytest.approx((0.018, -0.001, -0.06))


def test_the_solver_agrees_with_numpy():
    matrix = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, -0.2], [0.5, -0.2, 2.0]])
    b = [1.0, -2.0, 3.0]
    assert solve3(matrix.tolist(), b) == pytest.approx(np.linalg.solve(matrix, b).tolist())


def test_a_peg_shorter_than_the_slot_is_refused():
    with pytest.raises(ValueError, match="must exceed"):
        Geometry(length=0.02)
