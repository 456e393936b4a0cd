"""How one pose lies from another, by hand."""

from __future__ import annotations

import torch

from robot_rl.policies.encoders.pose_difference import FINE, LEAST, PoseDifference, related

HALF = 0.5**0.5
QUARTER = [0.0, 0.0, HALF, HALF]
"""A quarter turn about z."""


def made(scale: float = 0.1) -> PoseDifference:
    out = PoseDifference()
    out.fit(torch.full((3,), scale))
    return out


def test_positions_are_subtracted_in_their_frame_and_seen_twice():
    first, second = torch.tensor([1.0, 2.0, 3.0, *QUARTER]), torch.tensor([1.0, 2.05, 2.99, *QUARTER])
    out = made()(first, second)
    shift = torch.tensor([0.0, 0.5, -0.1])
    torch.testing.assert_close(out[:3], shift, atol=1e-5, rtol=0)
    torch.testing.assert_close(out[3:6], torch.tanh(FINE * shift), atol=1e-5, rtol=0)


def test_the_rotation_is_the_second_one_s_as_the_first_one_sees_it():
    still, turned = torch.tensor([0.0, 0, 0, 0, 0, 0, 1]), torch.tensor([0.0, 0, 0, *QUARTER])
    # a quarter turn sends x to y and y to -x; seen from the turned pose the still one is turned back
    torch.testing.assert_close(made()(still, turned)[6:], torch.tensor([0.0, 1, 0, -1, 0, 0]), atol=1e-6, rtol=0)
    torch.testing.assert_close(made()(turned, still)[6:], torch.tensor([0.0, -1, 0, 1, 0, 0]), atol=1e-6, rtol=0)
    torch.testing.assert_close(made()(turned, turned)[6:], torch.tensor([1.0, 0, 0, 0, 1, 0]), atol=1e-6, rtol=0)


def test_neither_sign_of_a_quaternion_nor_a_common_shift_shows():
    torch.manual_seed(0)
    first, second = torch.randn(5, 2, 7), torch.randn(5, 2, 7)
    flipped, moved = first.clone(), torch.tensor([0.4, -0.3, 0.2, 0, 0, 0, 0])
    flipped[..., 3:] *= -1
    torch.testing.assert_close(made()(flipped, second), made()(first, second))
    torch.testing.assert_close(made()(first + moved, second + moved), made()(first, second), atol=1e-5, rtol=1e-4)


def test_what_hardly_varied_is_not_blown_up_and_every_pair_in_one_frame_comes_once():
    torch.testing.assert_close(made(0.0).scale, torch.full((3,), LEAST))
    frames = {"hand": "base", "lens": "camera", "cube": "base", "goal": "base"}
    assert related(frames) == [("hand", "cube"), ("hand", "goal"), ("cube", "goal")]
