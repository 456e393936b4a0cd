from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.control import poses

HALF = np.sqrt(0.5)
TURN_Z = np.array([0.0, 0.0, HALF, HALF])  # 90 degrees about z
TURN_X = np.array([HALF, 0.0, 0.0, HALF])  # 90 degrees about x

numbers = st.floats(-3.0, 3.0)
vectors = st.tuples(numbers, numbers, numbers).map(np.array)


def test_quarter_turn_about_z_takes_x_to_y():
    np.testing.assert_allclose(poses.rotate(TURN_Z, [1.0, 0.0, 0.0]), [0.0, 1.0, 0.0], atol=1e-15)


def test_product_applies_the_right_factor_first():
    # x about z -> y, then y about x -> z
    q = poses.multiply(TURN_X, TURN_Z)
    np.testing.assert_allclose(poses.rotate(q, [1.0, 0.0, 0.0]), [0.0, 0.0, 1.0], atol=1e-15)
    np.testing.assert_allclose(q, [0.5, -0.5, 0.5, 0.5], atol=1e-15)


def test_exp_of_a_quarter_turn_is_hand_worked():
    np.testing.assert_allclose(poses.exp([0.0, 0.0, np.pi / 2]), TURN_Z, atol=1e-15)
    np.testing.assert_array_equal(poses.exp([0.0, 0.0, 0.0]), [0.0, 0.0, 0.0, 1.0])


def test_log_takes_the_short_way_for_either_sign_of_the_quaternion():
    np.testing.assert_allclose(poses.log(TURN_Z), [0.0, 0.0, np.pi / 2], atol=1e-15)
    np.testing.assert_allclose(poses.log(-TURN_Z), [0.0, 0.0, np.pi / 2], atol=1e-15)
    # 350 degrees about z is -10 degrees
    np.testing.assert_allclose(poses.log(poses.exp([0.0, 0.0, np.radians(350)])), [0, 0, -np.radians(10)], atol=1e-12)


def test_log_is_exact_for_tiny_rotations():
    tiny = np.array([3e-10, -2e-10, 1e-10])
    np.testing.assert_allclose(poses.log(poses.exp(tiny)), tiny, rtol=1e-12)


@given(vectors)
def test_log_of_exp_is_the_same_rotation_of_at_most_pi(r: np.ndarray):
    back = poses.log(poses.exp(r))
    assert np.linalg.norm(back) <= np.pi + 1e-9
    np.testing.assert_allclose(poses.angle(poses.exp(back), poses.exp(r)), 0.0, atol=1e-7)


def test_slerp_goes_the_short_way_across_the_double_cover():
    a, b = poses.exp([0, 0, np.radians(170)]), -poses.exp([0, 0, np.radians(-170)])
    np.testing.assert_allclose(poses.yaw(poses.slerp(a, b, 0.25)), np.radians(175), atol=1e-12)
    np.testing.assert_allclose(poses.angle(poses.slerp(a, b, 1.0), b), 0.0, atol=1e-7)


def test_compose_moves_the_second_position_by_the_first_rotation():
    a = np.concatenate([[1.0, 2.0, 3.0], TURN_Z])
    b = np.concatenate([[0.5, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    np.testing.assert_allclose(poses.compose(a, b), [1.0, 2.5, 3.0, *TURN_Z], atol=1e-15)


@given(vectors, vectors)
def test_a_pose_composed_with_its_inverse_is_the_identity(p: np.ndarray, r: np.ndarray):
    pose = np.concatenate([p, poses.exp(r)])
    np.testing.assert_allclose(poses.compose(pose, poses.inverse(pose)), [0, 0, 0, 0, 0, 0, 1], atol=1e-9)


def test_error_is_expressed_in_the_fixed_frame():
    # the body has turned 90 degrees about z; the target is 0.2 rad further about the fixed x axis
    current = np.concatenate([[0.0, 0.0, 1.0], TURN_Z])
    target = np.concatenate([[0.1, 0.0, 1.0], poses.multiply(poses.exp([0.2, 0.0, 0.0]), TURN_Z)])
    np.testing.assert_allclose(poses.error(current, target), [0.1, 0.0, 0.0, 0.2, 0.0, 0.0], atol=1e-12)


@given(vectors, vectors, vectors)
def test_integrating_the_error_for_one_second_arrives(p: np.ndarray, a: np.ndarray, b: np.ndarray):
    start = np.concatenate([[0.0, 0.0, 0.0], poses.exp(a)])
    goal = np.concatenate([p, -poses.exp(b)])
    reached = poses.integrate(start, poses.error(start, goal), 1.0)
    np.testing.assert_allclose(reached[:3], p, atol=1e-12)
    np.testing.assert_allclose(poses.angle(reached[3:], goal[3:]), 0.0, atol=1e-6)


def test_a_constant_turn_integrates_to_its_angle():
    pose = np.array([0.0, 0, 0, 0, 0, 0, 1])
    for _ in range(100):
        pose = poses.integrate(pose, [0.5, 0, 0, 0, 0, np.pi], 0.01)
    np.testing.assert_allclose(pose, [0.5, 0, 0, 0, 0, 1, 0], atol=1e-12)


def test_functions_broadcast_over_leading_axes():
    q = poses.exp(np.zeros((4, 3)))
    assert poses.multiply(q, TURN_Z).shape == (4, 4)
    assert poses.slerp(q, TURN_Z, np.linspace(0, 1, 4)).shape == (4, 4)
    assert poses.integrate(np.tile([0, 0, 0, *TURN_Z], (4, 1)), np.ones((4, 6)), 0.1).shape == (4, 7)
    assert poses.yaw(q).shape == (4,)


def test_angles_wrap_into_one_turn():
    np.testing.assert_allclose(poses.wrap([np.pi + 0.1, -np.pi - 0.1, 7 * np.pi]), [0.1 - np.pi, np.pi - 0.1, -np.pi])


@pytest.mark.parametrize("q", [[0.0, 0.0, 0.0, 0.0], [np.nan, 0.0, 0.0, 1.0], [np.inf, 0.0, 0.0, 1.0]])
def test_a_quaternion_that_names_no_rotation_is_refused(q: list[float]):
    with pytest.raises(ValueError, match="names no rotation"):
        poses.normalize(q)
