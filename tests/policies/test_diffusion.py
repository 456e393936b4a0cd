import math
from dataclasses import replace
from itertools import product as every

import pytest
import torch

from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.diffusion import DiffusionConfig, DiffusionHead, estimate, schedule, target


def product(k, steps):
    """The share of signal left at level k: prod (1 - min(.999, 1 - f(i + 1) / f(i))), f(i) = cos^2(...)."""

    def f(i):
        return math.cos((i / steps + 0.008) / 1.008 * math.pi / 2) ** 2

    return math.prod(1 - min(0.999, 1 - f(i + 1) / f(i)) for i in range(k + 1))


def test_noise_follows_the_squared_cosine():
    share = schedule(DiffusionConfig(training_steps=50)).alphas_cumprod
    for k in (0, 10, 49):
        assert share[k].item() == pytest.approx(product(k, 50), rel=1e-3)
    assert share[24].item() == pytest.approx(math.cos((0.5 + 0.008) / 1.008 * math.pi / 2) ** 2 / 0.99984, rel=1e-3)


def test_a_ddim_step_is_hand_worked():
    """x' = sqrt(a') x0 + sqrt(1 - a') e, with x0 = (x - sqrt(1 - a) e) / sqrt(a)."""
    scheduler = schedule(DiffusionConfig(clip=0, sampling_steps=10))
    x, e = torch.tensor([0.3]), torch.tensor([-0.8])
    a, b = product(50, 100), product(40, 100)
    x0 = (0.3 + math.sqrt(1 - a) * 0.8) / math.sqrt(a)
    out = scheduler.step(e, 50, x).prev_sample
    assert out.item() == pytest.approx(math.sqrt(b) * x0 - math.sqrt(1 - b) * 0.8, abs=1e-5)


class Known(DiffusionHead):
    """Knows that every chunk is `goal`, and so the noise and the velocity exactly."""

    goal = torch.tensor([[0.4], [-0.7]])

    def _predict(self, x, k, context):
        a = self.scheduler.alphas_cumprod[k][:, None, None]
        noise = (x - a.sqrt() * self.goal) / (1 - a).sqrt()
        velocity = (a.sqrt() * x - self.goal) / (1 - a).sqrt()
        return {"noise": noise, "sample": self.goal.expand_as(x), "velocity": velocity}[self.config.prediction]


@pytest.mark.parametrize("prediction", ["noise", "sample", "velocity"])
@pytest.mark.parametrize(("sampler", "steps"), [("ddim", 1), ("ddim", 10), ("ddpm", 10)])
def test_a_perfect_network_gives_the_chunk_exactly_with_any_sampler(sampler, steps, prediction):
    head = Known(DiffusionConfig(sampler=sampler, sampling_steps=steps, prediction=prediction, width=8), 1, 2, 3)
    out = head.sample(torch.zeros(5, 3), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(out, Known.goal.expand(5, -1, -1), atol=1e-4, rtol=0)
    mask = torch.ones(5, 2, dtype=torch.bool)
    assert head.loss(Known.goal.expand(5, -1, -1), mask, torch.zeros(5, 3)).item() < 1e-6


def test_the_velocity_is_hand_worked_and_every_prediction_tells_the_chunk():
    """a = 0.64: noisy = 0.8 * 0.5 + 0.6 * -1 = -0.2, and v = 0.8 * -1 - 0.6 * 0.5 = -1.1."""
    x, noise, share = torch.tensor([[[0.5]]]), torch.tensor([[[-1.0]]]), torch.tensor([[[0.64]]])
    assert target("velocity", x, noise, share).item() == pytest.approx(-1.1)
    for prediction in ("noise", "sample", "velocity"):
        learned = target(prediction, x, noise, share)
        assert estimate(prediction, learned, torch.tensor([[[-0.2]]]), share).item() == pytest.approx(0.5)


def test_all_but_noise_are_sampled_from_the_noisiest_level():
    levels = {p: schedule(DiffusionConfig(prediction=p)).timesteps.tolist() for p in ("noise", "sample", "velocity")}
    assert levels["noise"] == list(range(90, -1, -10))
    assert levels["sample"] == levels["velocity"] == list(range(99, 0, -10))


@pytest.mark.parametrize(("sampler", "prediction"), [("ddim", "noise"), ("ddpm", "noise"), ("ddim", "velocity")])
def test_diffusion_learns_two_modes(learn_toy, sampler, prediction):
    toy = learn_toy(DiffusionConfig(width=64, sampler=sampler, prediction=prediction))
    assert 0.4 < toy.right < 0.6 and toy.near > 0.93 and toy.whole > 0.97


def test_ddim_is_a_function_of_its_noise_and_ddpm_of_noise_and_seed():
    context, noise = torch.randn(2, 4), torch.randn(2, 3, 2)
    ddim = DiffusionConfig(width=16).build(2, 3, 4)
    assert torch.equal(ddim.sample(context, noise), ddim.sample(context, noise))
    ddpm = DiffusionConfig(width=16, sampler="ddpm").build(2, 3, 4)
    first, second, other = (ddpm.sample(context, noise, torch.Generator().manual_seed(s)) for s in (0, 0, 1))
    assert torch.equal(first, second) and not torch.equal(first, other)


def test_clipping_is_refused_where_it_would_truncate_actions():
    with pytest.raises(ValueError, match="truncates actions normalised by 'mean_std': set action_normalization: range"):
        PolicyConfig(action_normalization="mean_std", head=DiffusionConfig())
    assert PolicyConfig(action_normalization="mean_std", head=DiffusionConfig(clip=0)).head.clip == 0


def test_more_sampling_than_training_steps_are_refused():
    with pytest.raises(ValueError, match="sampling_steps is 200, above training_steps, 100"):
        DiffusionConfig(sampling_steps=200)


class Gaussian(DiffusionHead):
    """Knows that chunks are drawn from N(0, 0.3^2): E[x | noisy] = sqrt(a) s^2 noisy / (a s^2 + 1 - a)."""

    def _predict(self, x, k, context):
        a = self.scheduler.alphas_cumprod[k][:, None, None]
        clean = a.sqrt() * 0.09 * x / (a * 0.09 + 1 - a)
        return target(self.config.prediction, clean, (x - a.sqrt() * clean) / (1 - a).sqrt(), a)


def product_of_steps(levels, shares):
    """The deviation that DDIM through these levels gives: each step multiplies x, whose clean estimate is linear."""
    factor = 1.0
    for a, b in zip(shares[levels], [*shares[levels[1:]], 1.0]):
        clean = math.sqrt(a) * 0.09 / (a * 0.09 + 1 - a)
        factor *= math.sqrt(b) * clean + math.sqrt(1 - b) * (1 - math.sqrt(a) * clean) / math.sqrt(1 - a)
    return factor


@pytest.mark.parametrize(
    ("steps", "prediction"),
    [*every([4, 10, 25, 50, 100], ["noise", "sample", "velocity"]), (7, "noise"), (8, "noise"), (16, "noise")],
)
def test_a_step_ends_at_the_level_where_the_next_begins(steps, prediction):
    """Seen in the deviation of a Gaussian's samples; those of a single point come out right whatever the levels."""
    head = Gaussian(DiffusionConfig(sampling_steps=steps, prediction=prediction, clip=0, width=8, depth=1), 1, 1, 1)
    noise = torch.randn(1000, 1, 1, generator=torch.Generator().manual_seed(0))
    out = head.sample(torch.zeros(1000, 1), noise)
    expected = product_of_steps(head.scheduler.timesteps.numpy(), head.scheduler.alphas_cumprod.double().numpy())
    torch.testing.assert_close(out, expected * noise, rtol=1e-3, atol=1e-4)
    assert steps < 50 or expected == pytest.approx(0.3, rel=0.06)


@pytest.mark.parametrize(
    ("steps", "prediction", "nearest"),
    [(30, "noise", "25 or 50"), (51, "noise", "50 or 100"), (3, "sample", "2 or 4"), (8, "velocity", "5 or 10")],
)
def test_ddim_steps_that_lead_elsewhere_are_refused(steps, prediction, nearest):
    good = DiffusionConfig(prediction=prediction)
    with pytest.raises(ValueError, match=f"sampling_steps is {steps}, which does not divide .*100; .* Take {nearest}$"):
        replace(good, sampling_steps=steps)
    assert replace(good, sampling_steps=steps, sampler="ddpm").sampling_steps == steps, "it visits all"


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
def test_an_estimate_that_is_not_finite_is_not_clipped_to_one_that_is(sampler):
    head = DiffusionConfig(width=8, depth=1, sampler=sampler).build(1, 2, 3)
    head._predict = lambda x, k, context: torch.full_like(x, torch.inf)
    assert head.sample(torch.zeros(2, 3)).isnan().all()
