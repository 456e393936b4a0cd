import pytest
import torch

from robot_rl.policies.diffusion import DiffusionConfig
from robot_rl.policies.flow import FlowConfig
from robot_rl.policies.networks.layers import TimeEmbedding
from robot_rl.policies.networks.time_convolution import TimeConvolution
from robot_rl.policies.networks.transformer import SelfAttention

SMALL = {"mlp": {"width": 32}, "unet": {"dims": (16, 32, 64)}, "transformer": {"width": 32, "depth": 2}}


@pytest.mark.parametrize("backbone", SMALL)
@pytest.mark.parametrize("times", [1, 2])
def test_every_weight_of_a_denoiser_has_a_share_in_its_output(backbone, times):
    torch.manual_seed(0)
    network = FlowConfig(backbone=backbone, **SMALL[backbone]).network(3, 8, 5, times)
    with torch.no_grad():
        for p in network.parameters():  # away from layers that start at zero
            p.add_(0.02 * torch.randn_like(p))
    t = torch.rand(4) if times == 1 else torch.rand(4, 2)
    out, features = network.with_features(torch.randn(4, 8, 3), t, torch.randn(4, 5))
    assert out.shape == (4, 8, 3) and features.shape[0] == 4 and features.ndim == 2
    out.square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in network.parameters())


@pytest.mark.parametrize("backbone", SMALL)
def test_time_and_context_change_the_output_and_samples_of_a_batch_do_not_mix(backbone):
    torch.manual_seed(0)
    network = FlowConfig(backbone=backbone, **SMALL[backbone]).network(3, 8, 5)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.05 * torch.randn_like(p))
        x, t, context = torch.randn(2, 8, 3), torch.tensor([0.2, 0.7]), torch.randn(2, 5)
        out = network(x, t, context)
        torch.testing.assert_close(network(x[:1], t[:1], context[:1]), out[:1])
        assert (network(x, t.flip(0), context) - out).abs().max() > 1e-3
        assert (network(x, t, context.flip(0)) - out).abs().max() > 1e-3


def test_unet_of_the_published_widths_has_the_size_of_the_published_one():
    """diffusion_policy's U-Net 256/512/1024 has some 64 million weights with a state of 18 numbers."""
    network = DiffusionConfig(backbone="unet", dims=(256, 512, 1024), condition=146).network(7, 16, 18)
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(64e6, rel=0.03)


def test_a_horizon_that_cannot_be_halved_is_refused_with_the_next_one_that_can():
    with pytest.raises(ValueError, match="3 levels need a horizon that is a multiple of 4; it is 10. Take 12"):
        FlowConfig(backbone="unet", dims=(16, 32, 64)).build(2, 10, 4)
    with pytest.raises(ValueError, match=r"dims are \(16, 20\); each must be a multiple of 8"):
        FlowConfig(backbone="unet", dims=(16, 20)).build(2, 8, 4)
    with pytest.raises(ValueError, match="kernel is 4; it must be odd"):
        FlowConfig(backbone="unet", kernel=4).build(2, 8, 4)


@pytest.mark.parametrize(("n", "length"), [(1, 16), (1, 2), (9, 4), (8, 16), (40, 1)])
@pytest.mark.parametrize("kernel", [1, 5])
def test_products_a_tap_are_the_convolution_with_its_gradients(n, length, kernel):
    torch.manual_seed(0)
    layer, x = TimeConvolution(6, 10, kernel).double(), torch.randn(n, 6, length, dtype=torch.float64)
    x.requires_grad_()

    def library(x, weight, bias):
        return torch.nn.functional.conv1d(x, weight.transpose(1, 2), bias, padding=kernel // 2)

    inputs = (x, layer.weight, layer.bias)
    ours, theirs = layer(x), library(*inputs)
    torch.testing.assert_close(ours, theirs)
    direction = torch.randn_like(theirs)
    gradients = (torch.autograd.grad(y, inputs, direction) for y in (ours, theirs))
    for mine, its in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, its)


def test_weights_of_earlier_checkpoints_are_read_into_the_present_order():
    torch.manual_seed(0)
    layer, x = TimeConvolution(6, 10, 5), torch.randn(1, 6, 16)
    before = {"weight": layer.weight.detach().permute(1, 2, 0).clone(), "bias": layer.bias.detach().clone()}
    again = TimeConvolution(6, 10, 5)
    again.load_state_dict(before)
    torch.testing.assert_close(again(x), layer(x))
    again.load_state_dict(layer.state_dict())
    torch.testing.assert_close(again(x), layer(x))


def test_convolutions_begin_as_those_of_the_library():
    ours, theirs = TimeConvolution(64, 64, 5), torch.nn.Conv1d(64, 64, 5)
    for mine, its in ((ours.weight.detach(), theirs.weight.detach()), (ours.bias.detach(), theirs.bias.detach())):
        assert float(mine.abs().max()) == pytest.approx(float(its.abs().max()), rel=0.1)
        assert float(mine.std()) == pytest.approx(float(its.std()), rel=0.25)


def test_attention_agrees_with_torch():
    torch.manual_seed(0)
    ours, theirs = SelfAttention(8, 2), torch.nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(ours.project.weight)
        theirs.in_proj_bias.copy_(ours.project.bias)
        theirs.out_proj.load_state_dict(ours.output.state_dict())
    x = torch.randn(3, 5, 8)
    torch.testing.assert_close(ours(x), theirs(x, x, x, need_weights=False)[0])
    with pytest.raises(ValueError, match="width 8 does not divide into 3"):
        SelfAttention(8, 3)


def test_an_embedding_of_two_times_is_both_embeddings():
    embed = TimeEmbedding(4, highest=10.0)
    both = embed(torch.tensor([[0.1, 0.4]]))
    torch.testing.assert_close(both, torch.cat([embed(torch.tensor([0.1])), embed(torch.tensor([0.4]))], dim=1))
    torch.testing.assert_close(both[0, :2], torch.tensor([0.1, 1.0]).sin())


@pytest.mark.parametrize(("backbone", "options"), [("unet", {"dims": (16, 32)}), ("transformer", {"width": 32})])
def test_denoisers_learn_two_modes(learn_toy, backbone, options):
    toy = learn_toy(FlowConfig(backbone=backbone, depth=2, sampling_steps=8, **options), 250, horizon=4, n=128)
    assert 0.35 < toy.right < 0.65 and toy.near > 0.9 and toy.whole > 0.97
