import math

import pytest
import torch

from robot_rl.policies.encoders.augment import (
    center_crop,
    color_jitter,
    color_matrices,
    crop_size,
    keep_mask,
    random_crop,
)


def where_am_i(n, steps, height, width):
    """Histories whose pixels tell their row (red), column (green) and step (blue)."""
    frames = torch.zeros(n, steps, height, width, 3, dtype=torch.uint8)
    frames[..., 0] = torch.arange(height)[:, None]
    frames[..., 1] = torch.arange(width)
    frames[..., 2] = torch.arange(steps)[:, None, None]
    return frames


def test_a_crop_of_nine_tenths_of_84_is_76_as_robomimic_has_it():
    assert crop_size(84, 84, 0.9) == (76, 76)


def test_the_middle_is_cut_out_evenly():
    out = center_crop(where_am_i(1, 1, 10, 20), 0.6)[0, 0]
    assert out.shape == (6, 12, 3)
    assert out[0, 0].tolist() == [2, 4, 0] and out[-1, -1].tolist() == [7, 15, 0]


def test_a_random_crop_is_one_whole_place_for_all_frames_of_a_sample():
    out = random_crop(where_am_i(200, 3, 12, 16), 0.75, torch.Generator().manual_seed(0))
    assert out.shape == (200, 3, 9, 12, 3)
    top, left = out[:, 0, 0, 0, 0].long(), out[:, 0, 0, 0, 1].long()
    assert torch.equal(out[..., 0].long(), (top[:, None] + torch.arange(9))[:, None, :, None].expand(200, 3, 9, 12))
    assert torch.equal(out[..., 1].long(), (left[:, None] + torch.arange(12))[:, None, None].expand(200, 3, 9, 12))
    assert out[:, :, 0, 0, 2].unique(dim=0).tolist() == [[0, 1, 2]], "the frames stay in order"
    assert set(top.tolist()) == {0, 1, 2, 3} and set(left.tolist()) == {0, 1, 2, 3, 4}, "every place comes up"


def test_the_same_seed_cuts_the_same_places():
    frames = where_am_i(20, 1, 12, 16)
    first, again, other = (random_crop(frames, 0.5, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


@pytest.mark.parametrize(("saturation", "hue"), [(0.0, 0.0), (1.4, 0.0), (1.0, 0.3), (0.5, -1.0)])
def test_grey_stays_grey(saturation, hue):
    matrix = color_matrices(torch.tensor([saturation]), torch.tensor([hue]))[0]
    torch.testing.assert_close(matrix @ torch.full((3,), 0.6), torch.full((3,), 0.6))


def test_a_third_of_a_turn_makes_red_green():
    matrix = color_matrices(torch.ones(1), torch.tensor([2 * math.pi / 3]))[0]
    torch.testing.assert_close(matrix @ torch.tensor([1.0, 0, 0]), torch.tensor([0.0, 1, 0]), atol=1e-6, rtol=0)


def test_without_saturation_red_is_its_luminance():
    matrix = color_matrices(torch.zeros(1), torch.zeros(1))[0]
    torch.testing.assert_close(matrix @ torch.tensor([1.0, 0, 0]), torch.full((3,), 0.299))


def test_colours_change_alike_in_all_frames_of_a_sample_and_stay_colours():
    picture = torch.rand(8, 1, 3, 5, 6, generator=torch.Generator().manual_seed(0))
    out = color_jitter(picture.expand(8, 4, 3, 5, 6), 0.4, torch.Generator().manual_seed(1))
    assert torch.equal(out, out[:, :1].expand_as(out))
    assert out.min() >= 0 and out.max() <= 1
    brightness = out.mean(dim=(1, 2, 3, 4)) / picture.mean(dim=(1, 2, 3, 4))
    assert brightness.std() > 0.05, "samples differ"
    assert brightness.min() > 0.5 and brightness.max() < 1.5


def test_a_fifth_is_dropped():
    mask = keep_mask(10_000, 0.2, torch.device("cpu"), torch.Generator().manual_seed(0))
    assert set(mask.tolist()) == {0.0, 1.0}
    assert mask.mean().item() == pytest.approx(0.8, abs=0.02)
