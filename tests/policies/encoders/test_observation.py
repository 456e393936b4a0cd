import numpy as np
import pytest
import torch

from robot_rl.policies.encoders import EncoderConfig, ObservationEncoder
from robot_rl.policies.encoders.pooling import spatial_softmax
from robot_rl.policies.encoders.vectors import OBSERVATION_LIMIT, VectorFeatures
from robot_rl.policies.normalization import Statistics
from robot_rl.policies.rotations import rotation_columns
from robot_rl.spec import Field, Layout


def test_a_quarter_turn_about_z_has_the_hand_worked_columns():
    s = 0.5**0.5
    out = rotation_columns(torch.tensor([0.0, 0.0, s, s]))  # R = [[0,-1,0],[1,0,0],[0,0,1]]
    torch.testing.assert_close(out, torch.tensor([0.0, 1, 0, -1, 0, 0]), atol=1e-6, rtol=0)


def test_a_quaternion_and_its_negative_are_the_same_rotation_to_the_network():
    q = torch.randn(20, 4)
    torch.testing.assert_close(rotation_columns(q), rotation_columns(-q))


def test_a_pose_is_scaled_position_and_unscaled_rotation():
    features = VectorFeatures(Field("ee", (7,), kind="pose"))
    low, high = np.array([0, 0, 0, 0, 0, 0, 1.0]), np.array([2, 4, 8, 0, 0, 0, 1.0])
    features.fit(Statistics.of(np.stack([low, high])), "range")
    out = features(torch.tensor([1.0, 4, 0, 0, 0, 0, 1]))
    torch.testing.assert_close(out, torch.tensor([0.0, 1, -1, 1, 0, 0, 0, 1, 0]))


def test_a_reading_far_outside_the_data_saturates():
    features = VectorFeatures(Field("x", (1,)))
    features.fit(Statistics.of(np.array([[-1.0], [1.0]])), "range")
    assert features(torch.tensor([1e9])).item() == OBSERVATION_LIMIT


def test_spatial_softmax_finds_the_bright_pixel():
    maps = torch.zeros(1, 1, 5, 9)
    maps[0, 0, 4, 2] = 100.0  # bottom row: y = 1; third of nine columns: x = -1 + 2 * 2/8 = -0.5
    torch.testing.assert_close(spatial_softmax(maps), torch.tensor([[-0.5, 1.0]]))


def test_channels_that_cannot_be_grouped_are_refused():
    with pytest.raises(ValueError, match=r"channels are \(12,\); each must be a multiple of 8"):
        EncoderConfig(channels=(12,))


def test_images_and_vectors_become_one_context_with_gradients_everywhere():
    inputs = Layout((Field("q", (3,)), Field("front", (32, 32, 3), kind="image", dtype="uint8")))
    encoder = ObservationEncoder(inputs, 2, EncoderConfig(width=16, channels=(8, 16), keypoints=4))
    images = torch.randint(0, 256, (5, 2, 32, 32, 3), dtype=torch.uint8)
    context = encoder({"q": torch.randn(5, 2, 3), "front": images})
    assert context.shape == (5, 16)
    context.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.parameters())


def test_a_recurrent_encoder_reads_the_history_in_order():
    torch.manual_seed(0)
    inputs = Layout((Field("q", (2,)),))
    encoder = ObservationEncoder(inputs, 3, EncoderConfig(width=8, temporal="lstm"))
    q = torch.randn(1, 3, 2)
    out = encoder({"q": q})
    assert out.shape == (1, 8)
    assert (encoder({"q": q.flip(1)}) - out).abs().max() > 1e-4
    for step in range(3):
        other = q.clone()
        other[:, step] += 1
        assert (encoder({"q": other}) - out).abs().max() > 1e-5, "every step of the history counts"


def test_dropped_state_leaves_the_pictures_and_only_in_training():
    torch.manual_seed(0)
    inputs = Layout((Field("q", (3,)), Field("front", (16, 16, 3), kind="image", dtype="uint8")))
    encoder = ObservationEncoder(inputs, 2, EncoderConfig(width=8, channels=(8,), state_dropout=0.5))
    q, front = torch.randn(100, 2, 3), torch.zeros(100, 2, 16, 16, 3, dtype=torch.uint8)

    def context(q):
        with torch.no_grad():
            return encoder({"q": q, "front": front}, torch.Generator().manual_seed(3))

    blind, seeing = context(torch.zeros_like(q)), context(q)
    same = (blind == seeing).all(dim=1)
    assert 35 <= same.sum() <= 65, "about half of the samples know nothing of the vector, in both frames"
    encoder.eval()
    assert not (context(torch.zeros_like(q)) == context(q)).all(dim=1).any()


def test_what_training_begins_with_is_told_from_what_it_makes(timm_folder):
    inputs = Layout((Field("q", (3,)), Field("front", (96, 96, 3), kind="image", dtype="uint8")))

    def known(**options):
        encoder = ObservationEncoder(inputs, 1, EncoderConfig(width=8, **options))
        return {n for n, p in encoder.named_parameters() if any(p is q for q in encoder.pretrained())}

    names = known(backbone=f"timm:local-dir:{timm_folder}")
    assert names and all(".backbone." in n for n in names)
    assert not known(backbone=f"timm:local-dir:{timm_folder}", frozen=True)
    assert not known(backbone=f"timm:local-dir:{timm_folder}", pretrained=False)
    assert not known(backbone="cnn")


def test_dropping_all_that_a_policy_sees_is_refused():
    with pytest.raises(ValueError, match="sees no camera and would learn from nothing"):
        ObservationEncoder(Layout((Field("q", (3,)),)), 1, EncoderConfig(state_dropout=0.1))


def test_poses_in_one_frame_are_also_seen_from_each_other():
    hand, cube = Field("hand", (7,), kind="pose", frame="base"), Field("cube", (7,), kind="pose", frame="base")
    inputs = Layout((hand, cube, Field("lens", (7,), kind="pose", frame="camera")))
    assert ObservationEncoder(inputs, 1, EncoderConfig(width=8)).pairs == [("hand", "cube")]
    assert ObservationEncoder(inputs, 1, EncoderConfig(width=8, relative_poses=False)).pairs == []
    rows = np.random.default_rng(0).normal(size=(50, 7))
    encoder = ObservationEncoder(inputs, 1, EncoderConfig(width=8))
    encoder.fit({n: Statistics.of(rows * width) for n, width in (("hand", 1.0), ("cube", 2.0), ("lens", 1.0))})
    expected = np.ptp(2 * rows[:, :3], axis=0) / 2
    np.testing.assert_allclose(encoder.differences[0].scale, expected, rtol=1e-6, err_msg="the wider of the two")
