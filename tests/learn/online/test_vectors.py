"""Vector observations as networks see them: a rotation has one form, and its scale is its own."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.observe import Observer
from robot_rl.learn.online.vectors import VectorState
from robot_rl.spec import Field, Layout

HALF = 0.5**0.5


def test_a_pose_becomes_a_scaled_position_and_two_columns_of_its_rotation() -> None:
    vectors = VectorState(9, poses={1: "base"})
    rows = np.zeros((2, 9), np.float32)
    rows[:, 0], rows[:, 1:4], rows[:, 7], rows[:, 8] = [1, 3], [[0, 0, 1], [2, 4, 1]], 1.0, [5, 9]
    vectors.fit(rows)
    turned = torch.tensor([[3.0, 2.0, 4.0, 1.0, 0.0, 0.0, HALF, HALF, 9.0]])
    out = vectors(turned)[0]
    assert vectors.size == len(out) == 5 + 6
    torch.testing.assert_close(out[:5], torch.tensor([1.0, 1.0, 1.0, 0.0, 1.0]))
    # a quarter turn about z sends x to y and y to -x
    torch.testing.assert_close(out[5:], torch.tensor([0.0, 1.0, 0.0, -1.0, 0.0, 0.0]), atol=1e-6, rtol=0)


def test_both_signs_of_a_quaternion_are_the_same_to_a_network() -> None:
    vectors, pose = VectorState(7, poses={0: "base"}), torch.randn(4, 7)
    other = pose.clone()
    other[:, 3:] *= -1
    torch.testing.assert_close(vectors(pose), vectors(other))


def test_an_object_turned_as_in_no_demonstration_is_not_ten_deviations_away() -> None:
    vectors, rng = VectorState(7, poses={0: "base"}), np.random.default_rng(0)
    rows = np.zeros((50, 7), np.float32)
    rows[:, :3], rows[:, 5], rows[:, 6] = rng.normal(size=(50, 3)), 0.01 * rng.normal(size=50), 1.0
    vectors.fit(rows)
    knocked = torch.tensor([[0.0, 0.0, 0.0, HALF, 0.0, 0.0, HALF]])
    assert vectors(knocked).abs().max() <= 1.0 + 1e-6


def test_two_poses_in_one_frame_are_seen_from_each_other_and_those_of_two_frames_are_not() -> None:
    assert VectorState(14, {0: "base", 7: "camera"}).size == 2 * 9
    vectors = VectorState(14, {0: "base", 7: "base"})
    rows = np.zeros((2, 14), np.float32)
    rows[:, 6] = rows[:, 13] = 1.0
    rows[1, :3], rows[:, 7:10] = [1.0, 2.0, 3.0], [[0.2, 0.0, 0.0], [1.0, 2.0, 3.0]]
    vectors.fit(rows)
    seen = vectors(torch.from_numpy(rows))
    # differences of 0.2 and 0 have deviation 0.1; those along y and z do not vary
    assert seen.shape == (2, vectors.size) and vectors.size == 2 * 9 + 12
    torch.testing.assert_close(seen[:, 18], torch.tensor([2.0, 0.0]), atol=1e-5, rtol=0)
    torch.testing.assert_close(seen[1, 18:24], torch.zeros(6), atol=1e-5, rtol=0)
    moved = rows + np.tile(np.array([0.3, -0.2, 0.1, 0, 0, 0, 0], np.float32), 2)
    torch.testing.assert_close(vectors(torch.from_numpy(moved))[:, 18:], seen[:, 18:], atol=1e-5, rtol=0)


def test_an_observer_knows_where_poses_begin(point: SimpleNamespace) -> None:
    fields = (*point.spec.observation.values(), Field("hand", (7,), kind="pose"))
    assert Observer(replace(point.spec, observation=Layout(fields))).poses == {4: ""}
    assert Observer(point.spec).poses == {}
    with pytest.raises(TrainingError, match="each takes 7"):
        VectorState(9, poses={4: ""})
