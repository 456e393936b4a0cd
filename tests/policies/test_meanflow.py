import math

import pytest
import torch

from robot_rl.policies.meanflow import MeanFlowConfig, adaptive_loss, draw_interval, target


def test_the_target_of_a_linear_field_is_hand_worked():
    """u = 2 z + 3 t + 5 r: du/dt along the path is 2 v + 3, so the target is v - (t - r)(2 v + 3)."""

    def u(z, r, t):
        return 2 * z + 3 * t[:, None, None] + 5 * r[:, None, None]

    z, v = torch.tensor([[[0.7]], [[1.0]]]), torch.tensor([[[4.0]], [[-1.0]]])
    out = target(u, z, torch.tensor([0.2, 0.5]), torch.tensor([0.7, 0.5]), v)
    torch.testing.assert_close(out, torch.tensor([[[4.0 - 0.5 * 11.0]], [[-1.0]]]), atol=5e-4, rtol=0)


@pytest.mark.parametrize("backbone", ["mlp", "unet", "transformer"])
def test_the_target_is_that_of_the_exact_derivative(backbone):
    """Taken in double precision through the networks' gradients: J v is the gradient of w J v by w."""
    torch.manual_seed(0)
    head = MeanFlowConfig(backbone=backbone, width=32, dims=(16, 32)).build(3, 4, 5)
    with torch.no_grad():
        for weights in head.parameters():
            weights.add_(0.1 * torch.randn_like(weights))
    context, z, v = torch.randn(64, 5), torch.randn(64, 4, 3), torch.randn(64, 4, 3)
    t, r = torch.rand(2, 64).sort(dim=0, descending=True).values
    single = target(lambda z, r, t: head._mean_velocity(z, r, t, context), z, r, t, v)
    head, context, z, v, t, r = head.double(), context.double(), z.double(), v.double(), t.double(), r.double()
    along = torch.zeros(64, dtype=torch.float64, requires_grad=True)  # how far everything has moved
    u = head._mean_velocity(z + along[:, None, None] * v, r, t + along, context)
    change = torch.stack([torch.autograd.grad(n.sum(), along, retain_graph=True)[0] for n in u.flatten(1).unbind(1)], 1)
    exact = v - (t - r)[:, None, None] * change.view_as(u)
    off = (single - exact).flatten(1).norm(dim=1) / exact.flatten(1).norm(dim=1)
    assert off.median() < 3e-4 and off.max() < 0.1


def test_the_exact_mean_velocity_is_a_fixed_point():
    """Chunks N(0, s^2) and noise N(0, 1) move along z_t = z_1 q(t), q = sqrt((1 - t)^2 s^2 + t^2), whose mean velocity
    over [r, t] is z_t (1 - q(r) / q(t)) / (t - r), and whose velocity is z_t q'(t) / q(t)."""
    s = 0.5

    def q(t):
        return ((1 - t) ** 2 * s**2 + t**2).sqrt()

    def u(z, r, t):
        return z * ((1 - q(r) / q(t)) / (t - r))[:, None, None]

    t, r = torch.tensor([0.9, 0.6, 1.0]), torch.tensor([0.1, 0.5, 0.0])
    z = torch.randn(3, 2, 1)
    rate = (t - (1 - t) * s**2) / q(t) ** 2
    torch.testing.assert_close(target(u, z, r, t, z * rate[:, None, None]), u(z, r, t), atol=1e-5, rtol=1e-4)


def test_intervals_have_the_asked_share_of_points_and_the_median_of_their_distribution():
    generator = torch.Generator().manual_seed(0)
    config = MeanFlowConfig(flow_ratio=0.25)
    t, r = draw_interval(20_000, config, generator, torch.device("cpu"))
    assert torch.all(t >= r) and (t == r).sum() == 5000 and torch.all((t == r)[:5000])
    both = torch.cat([t[5000:], r[5000:]])
    assert both.median().item() == pytest.approx(1 / (1 + math.exp(-0.8)), abs=0.01)


def test_adaptive_weights_carry_no_gradient():
    error = torch.tensor([0.25, 4.0], requires_grad=True)
    loss = adaptive_loss(error, 0.5)
    assert loss.item() == pytest.approx((0.25 / math.sqrt(0.251) + 4 / math.sqrt(4.001)) / 2)
    loss.backward()
    torch.testing.assert_close(error.grad, torch.tensor([0.5 / math.sqrt(0.251), 0.5 / math.sqrt(4.001)]))


def test_meanflow_learns_two_modes_in_one_evaluation(learn_toy):
    toy = learn_toy(MeanFlowConfig(width=64), 600)
    calls = []
    toy.head.network.register_forward_hook(lambda *a: calls.append(1))
    toy.head.sample(torch.zeros(3, 1))
    assert len(calls) == 1
    assert 0.4 < toy.right < 0.6 and toy.near > 0.8 and toy.whole > 0.95


@pytest.mark.parametrize("backbone", ["mlp", "unet", "transformer"])
def test_the_loss_trains_every_weight_of_each_network_also_without_gradient_mode(backbone):
    torch.manual_seed(0)
    head = MeanFlowConfig(backbone=backbone, width=16, depth=2, dims=(8, 16), dispersive=0.5).build(2, 4, 3)
    with torch.no_grad():
        for p in head.parameters():
            p.add_(0.05 * torch.randn_like(p))
    arguments = torch.randn(8, 4, 2), torch.ones(8, 4, dtype=torch.bool), torch.randn(8, 3)
    loss = head.loss(*arguments, torch.Generator().manual_seed(0))
    loss.backward()
    assert all(p.grad.abs().sum() > 0 for p in head.parameters())
    with torch.no_grad():
        torch.testing.assert_close(head.loss(*arguments, torch.Generator().manual_seed(0)), loss.detach())


@pytest.mark.parametrize("options", [{"width": 32}, {"backbone": "unet", "dims": (16, 32)}], ids=["mlp", "unet"])
def test_meanflow_learns_in_bf16_what_it_learns_in_full_precision(options):
    torch.manual_seed(0)
    head = MeanFlowConfig(**options).build(2, 8, 4)
    chunk, mask, context = torch.randn(16, 8, 2), torch.ones(16, 8, dtype=torch.bool), torch.randn(16, 4)
    torch.manual_seed(1)
    full = head.loss(chunk, mask, context)
    torch.manual_seed(1)
    with torch.autocast("cpu", torch.bfloat16):
        half = head.loss(chunk, mask, context.bfloat16())
    half.backward()
    assert half.item() == pytest.approx(full.item(), rel=0.02)
