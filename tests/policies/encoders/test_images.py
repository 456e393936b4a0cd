import pytest
import torch

from robot_rl.policies.encoders.backbone import BackboneError, Preprocessing, described
from robot_rl.policies.encoders.config import EncoderConfig
from robot_rl.policies.encoders.images import ImageEncoder, MapExtractor, resized
from robot_rl.spec import Field


def camera(name, side=32):
    return Field(name, (side, side, 3), kind="image", dtype="uint8")


def frames(n, steps, side=32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, steps, side, side, 3), dtype=torch.uint8, generator=generator)


def encoder(*cameras, **options):
    torch.manual_seed(0)
    made = ImageEncoder(cameras, described(EncoderConfig(**options)))
    made.load_pretrained()
    return made


def test_bytes_become_rgb_planes_between_zero_and_one():
    pixel = torch.tensor([0, 51, 255], dtype=torch.uint8).expand(1, 2, 2, 3)
    torch.testing.assert_close(MapExtractor(EncoderConfig()).pictures(pixel)[0, :, 1, 0], torch.tensor([0.0, 0.2, 1.0]))


def test_pictures_are_normalised_as_the_weights_want():
    extractor = MapExtractor(EncoderConfig())
    seen = []
    extractor.backbone.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    extractor.mean.copy_(torch.tensor([0.5, 0.4, 0.3]).view(3, 1, 1))
    extractor.std.copy_(torch.tensor([0.5, 0.2, 0.1]).view(3, 1, 1))
    extractor(torch.full((1, 3, 16, 16), 0.6))
    torch.testing.assert_close(seen[0][0, :, 3, 3], torch.tensor([0.2, 1.0, 3.0]))  # (0.6 - mean) / std


def test_halving_a_picture_is_low_passed():
    stripes = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)
    stripes[:, :, ::2] = 200  # finer than the small picture can show: half as bright
    middle = resized(stripes, Preprocessing(size=32))[..., 8:-8, 8:-8]
    assert middle.dtype == torch.uint8 and (middle.int() - 100).abs().max() <= 4


def test_a_larger_picture_is_between_its_pixels_and_stays_a_picture():
    ramp = (4 * torch.arange(32, dtype=torch.uint8)).expand(1, 32, 32)[..., None].expand(1, 32, 32, 3)
    for way in ("bilinear", "bicubic"):
        out = resized(ramp, Preprocessing(size=64, interpolation=way))[0, 0, 10, 8:-8].int()
        expected = 4 * ((torch.arange(64) + 0.5) / 2 - 0.5)[8:-8]  # centres of the small pixels
        assert (out - expected).abs().max() <= 1, way


def test_a_picture_of_the_right_size_is_left_alone():
    frame = frames(1, 1)[0]
    for preprocessing in (Preprocessing(size=32), Preprocessing()):
        assert torch.equal(resized(frame, preprocessing), frame.permute(0, 3, 1, 2))


@pytest.mark.parametrize(("backbone", "least"), [("cnn", 0.15), ("resnet18", 0.15), ("vit", 0.04)])
def test_keypoints_tell_where_a_block_is_before_any_training(backbone, least):
    """With torch's first weights they vary by .016, .056 and .006 of half a picture, whatever is seen."""
    pictures = torch.full((12, 1, 84, 84, 3), 90, dtype=torch.uint8)
    for i, place in enumerate(torch.randint(0, 70, (12, 2), generator=torch.Generator().manual_seed(0))):
        x, y = place.tolist()
        pictures[i, 0, x : x + 14, y : y + 14] = torch.tensor([220, 30, 30], dtype=torch.uint8)
    made = encoder(camera("front", 84), backbone=backbone).eval()
    with torch.no_grad():
        seen = torch.cat(made({"front": pictures}, None), dim=-1)[:, 0]
    assert seen.std(0).mean() > least


def test_cameras_have_a_backbone_each_or_share_one():
    apart, shared = (encoder(camera("a"), camera("b"), shared=s) for s in (False, True))
    assert len(apart.extractors) == 2 and len(shared.extractors) == 1
    assert len(shared.poolings) == 2
    one, two = shared({"a": frames(2, 1), "b": frames(2, 1)})
    assert (one - two).abs().max() > 1e-4, "each camera looks for things of its own"


def test_training_sees_other_crops_and_evaluation_always_the_middle():
    network = encoder(camera("a"), crop=0.75, color=0.2)
    seen = {"a": frames(4, 2)}

    def features(seed):
        return network(seen, torch.Generator().manual_seed(seed))[0]

    network.train()
    assert torch.equal(features(1), features(1))
    assert (features(1) - features(2)).abs().max() > 1e-4
    network.eval()
    assert torch.equal(features(1), features(2))
    middle = encoder(camera("a", 24)).eval()({"a": seen["a"][:, :, 4:28, 4:28]})[0]
    torch.testing.assert_close(features(1), middle)


def test_a_frozen_backbone_keeps_its_weights_and_passes_nothing_back(timm_folder):
    backbone = f"timm:local-dir:{timm_folder}"
    network = encoder(camera("a"), backbone=backbone, frozen=True, stride=8, image_size=32).train()
    extractor = network.extractor("a")
    assert not extractor.backbone.training and network.poolings["a"].training
    network({"a": frames(3, 1)})[0].sum().backward()
    assert all(p.grad is None for p in extractor.parameters())
    assert all(p.grad.abs().sum() > 0 for p in network.poolings["a"].parameters())


def test_a_frozen_backbone_also_takes_the_features_it_would_compute(timm_folder):
    options = {"backbone": f"timm:local-dir:{timm_folder}", "frozen": True, "stride": 8, "image_size": 32}
    for pooling in ("spatial_softmax", "mean"):
        network = encoder(camera("a"), pooling=pooling, **options)
        seen = frames(3, 2)
        extractor = network.extractor("a")
        maps = extractor(extractor.pictures(seen.flatten(0, 1))).unflatten(0, (3, 2)).half()
        torch.testing.assert_close(network({"a": maps})[0], network({"a": seen})[0], atol=5e-3, rtol=5e-3)


def test_a_picture_in_floating_point_is_refused_where_features_are_not_meant():
    with pytest.raises(BackboneError, match="pictures are uint8"):
        encoder(camera("a"))({"a": torch.rand(1, 1, 32, 32, 3)})


def test_a_fine_tuned_backbone_learns_from_the_pretrained_weights(timm_folder):
    options = {"backbone": f"timm:local-dir:{timm_folder}", "stride": 8, "image_size": 32}
    fresh, tuned = (encoder(camera("a"), pretrained=p, **options).train() for p in (False, True))
    one, two = (next(iter(e.extractor("a").parameters())) for e in (fresh, tuned))
    assert not torch.equal(one, two)
    tuned({"a": frames(2, 1)})[0].sum().backward()
    assert two.grad.abs().sum() > 0


def test_a_size_that_a_backbone_does_not_take_is_refused_when_it_is_built(hf_folder):
    with pytest.raises(BackboneError, match="does not take pictures of 3 x 3"):  # its patches are 7 x 7
        encoder(camera("a"), backbone=f"hf:{hf_folder}", image_size=3)


def test_positions_in_a_map_of_one_place_are_refused():
    with pytest.raises(BackboneError, match="maps of 1 x 1 tell no position"):
        encoder(camera("a"), backbone="resnet18")
    assert encoder(camera("a"), backbone="resnet18", pooling="mean").size == 512
