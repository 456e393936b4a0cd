import math

import pytest
import torch

from robot_rl.policies.edm import EdmConfig, ddim, draw_sigmas, preconditioning, sigma_steps


def test_preconditioning_is_hand_worked_and_keeps_unit_variance():
    skip, out, scale = preconditioning(torch.tensor([0.5, 2.0]), 0.5)
    torch.testing.assert_close(skip, torch.tensor([0.5, 0.25 / 4.25]))
    torch.testing.assert_close(out, torch.tensor([0.25 / math.sqrt(0.5), 1 / math.sqrt(4.25)]))
    torch.testing.assert_close(scale, torch.tensor([1 / math.sqrt(0.5), 1 / math.sqrt(4.25)]))
    # the network's input and target have unit variance (Karras et al. 2022, appendix B.6)
    sigma, data = torch.tensor([0.5, 2.0]), 0.5
    torch.testing.assert_close(scale**2 * (sigma**2 + data**2), torch.ones(2))
    torch.testing.assert_close(((1 - skip) ** 2 * data**2 + skip**2 * sigma**2) / out**2, torch.ones(2))


def test_the_network_gives_the_chunk_or_what_preconditioning_makes_of_it():
    x, sigma, context = torch.randn(2, 3, 1), torch.tensor([0.5, 2.0]), torch.randn(2, 4)
    for prediction in ("sample", "residual"):
        torch.manual_seed(0)
        head = EdmConfig(width=16, prediction=prediction).build(1, 3, 4)
        with torch.no_grad():
            for p in head.parameters():  # away from layers that start at zero
                p.add_(0.1 * torch.randn_like(p))
        skip, out, scale = (c[:, None, None] for c in preconditioning(sigma, 0.5))
        raw = head.network(scale * x, sigma.log() / 4, context)
        expected = raw if prediction == "sample" else skip * x + out * raw
        torch.testing.assert_close(head.denoise(x, sigma, context), expected)


def test_ddim_of_a_gaussian_has_the_hand_worked_factors_and_its_limit():
    """For chunks N(0, s^2), D = x s^2 / (s^2 + sigma^2), and the exact path scales as sqrt(s^2 + sigma^2)."""
    s = 0.5

    def denoise(x, sigma):
        return x * (s**2 / (s**2 + sigma**2))[:, None, None]

    x = torch.ones(1, 1, 1)
    two = ddim(denoise, x, torch.tensor([1.0, 0.5, 0.0]))
    assert two.item() == pytest.approx((0.5 + 0.5 * 0.2) * 0.5)  # D(1) = 0.2 x, then D(0.5) = 0.5 x
    many = ddim(denoise, x, sigma_steps(EdmConfig(sampling_steps=2000), x.device))
    assert many.item() == pytest.approx(s / math.sqrt(s**2 + 9), rel=2e-3)


def test_sigmas_visited_are_geometric_and_end_at_zero():
    steps = sigma_steps(EdmConfig(sampling_steps=3, sigma_min=0.01, sigma_max=1.0), torch.device("cpu"))
    torch.testing.assert_close(steps, torch.tensor([1.0, 0.1, 0.01, 0.0]))
    one = sigma_steps(EdmConfig(sampling_steps=1), torch.device("cpu"))
    torch.testing.assert_close(one, torch.tensor([3.0, 0.0]))


def test_training_sigmas_have_the_median_of_their_distribution_within_bounds():
    generator = torch.Generator().manual_seed(0)
    wide = {"sigma_min": 1e-5, "sigma_max": 1e4}
    for noise, median in (("log_logistic", 0.5), ("log_normal", math.exp(-1.2))):
        sigmas = draw_sigmas(40_000, EdmConfig(noise=noise, **wide), generator, torch.device("cpu"))
        assert sigmas.median().item() == pytest.approx(median, rel=0.03)
        near = draw_sigmas(1000, EdmConfig(noise=noise), generator, torch.device("cpu"))
        assert near.min() >= 0.005 * 0.999 and near.max() <= 3.001


@pytest.mark.parametrize("prediction", ["sample", "residual"])
def test_three_steps_find_both_modes_and_ten_find_them_sharply(prediction, learn_toy):
    toy = learn_toy(EdmConfig(width=64, prediction=prediction))
    assert 0.4 < toy.right < 0.6 and toy.near > 0.7 and toy.whole > 0.97
    toy = learn_toy(EdmConfig(width=64, prediction=prediction, sampling_steps=10))
    assert 0.4 < toy.right < 0.6 and toy.near > 0.93 and toy.whole > 0.97


def goals(guidance):
    """A head taught left for goal -1 and right for goal +1, the goal hidden now and then; samples for goal +1."""
    torch.manual_seed(0)
    head = EdmConfig(width=64, guidance=guidance, goal_dropout=0.3, sampling_steps=10).build(1, 2, 2, goal_size=1)
    optimizer = torch.optim.Adam(head.parameters(), lr=3e-3)
    mask = torch.ones(256, 2, dtype=torch.bool)
    for _ in range(400):
        goal = torch.randint(0, 2, (256, 1)) * 2.0 - 1
        chunk = goal[:, :, None].expand(-1, 2, -1) + 0.05 * torch.randn(256, 2, 1)
        loss = head.loss(chunk, mask, torch.cat([torch.zeros(256, 1), goal], dim=1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return head.sample(torch.tensor([[0.0, 1.0]]).expand(500, -1))[..., 0]


@pytest.mark.parametrize("guidance", [1.0, 1.5])
def test_a_goal_decides_between_modes(guidance):
    assert (goals(guidance) > 0.5).float().mean() > 0.97


def test_without_its_goal_the_same_head_does_either():
    assert 0.3 < (goals(0.0)[:, 0] > 0).float().mean() < 0.7


def test_guidance_extrapolates_from_the_prediction_without_goal():
    torch.manual_seed(0)
    x, sigma, context = torch.randn(2, 3, 1), torch.tensor([0.5, 0.9]), torch.randn(2, 4)
    head = EdmConfig(width=16, guidance=1.5).build(1, 3, 4, goal_size=2)
    with torch.no_grad():
        for p in head.parameters():  # away from layers that start at zero
            p.add_(0.1 * torch.randn_like(p))
    hidden = context.clone()
    hidden[:, 2:] = 0
    a, b = head.denoise(x, sigma, context), head.denoise(x, sigma, hidden)
    assert (a - b).abs().max() > 1e-4
    torch.testing.assert_close(head._guided(x, sigma, context), b + 1.5 * (a - b))


def test_impossible_noise_is_refused():
    with pytest.raises(ValueError, match="0 < sigma_min < sigma_max must hold, got 5, 3"):
        EdmConfig(sigma_min=5)
