import math

import numpy as np
import pytest
import torch

from robot_rl.policies.act import ActConfig, kl_to_standard
from robot_rl.policies.gaussian import GaussianConfig, negative_log_likelihood
from robot_rl.policies.gmm_rnn import GmmRnnConfig, mixture_nll

SMALL_ACT = {"width": 32, "feed_forward": 64, "encoder_depth": 1, "decoder_depth": 1}


def test_likelihoods_are_hand_worked():
    nll = negative_log_likelihood(torch.tensor(3.0), torch.tensor(1.0), torch.tensor(2.0))
    assert nll.item() == pytest.approx(0.5 + math.log(2) + math.log(2 * math.pi) / 2)


def test_the_likelihood_of_a_chunk_is_that_of_a_mixture_of_chunks_hand_worked():
    mean = torch.tensor([[[[0.0], [1.0]], [[0.0], [-1.0]], [[9.0], [9.0]]]])  # (1, H 3, M 2, A 1)
    logits = torch.tensor([[math.log(0.25), math.log(0.75)]])
    chunk, mask = torch.tensor([[[1.0], [-1.0], [math.nan]]]), torch.tensor([[True, True, False]])
    got = mixture_nll(chunk, mask, logits, mean, torch.ones(1, 3, 2, 1))
    # mode 0 is off by 1 at both steps, mode 1 by nothing; a mode may not change between the steps
    assert got.item() == pytest.approx(-math.log((0.25 * math.exp(-1) + 0.75) / (2 * math.pi)))


def test_divergence_is_hand_worked_and_agrees_with_torch():
    mean, log_variance = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, math.log(4.0)]])
    assert kl_to_standard(mean, log_variance).item() == pytest.approx((1 + 4 - 1 - math.log(4)) / 2)
    theirs = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, (log_variance / 2).exp()), torch.distributions.Normal(0.0, 1.0)
    )
    torch.testing.assert_close(kl_to_standard(mean, log_variance), theirs.sum(-1))


def test_squared_error_answers_two_modes_with_neither(learn_toy):
    toy = learn_toy(GaussianConfig(width=64), 200)
    assert np.abs(toy.samples).max() < 0.3 and toy.near == 0


def test_a_learnt_deviation_covers_both_modes_but_mixes_them_within_a_chunk(learn_toy):
    toy = learn_toy(GaussianConfig(width=64, deviation="learnt"), 300)
    assert toy.samples.std() == pytest.approx(1, abs=0.15)
    assert toy.near < 0.5 and toy.whole < 0.65


def test_a_recurrent_mixture_learns_two_modes_and_stays_with_one(learn_toy):
    toy = learn_toy(GmmRnnConfig(width=32, depth=1), 400, lr=1e-2)
    assert 0.4 < toy.right < 0.6 and toy.near > 0.95 and toy.whole > 0.97


def test_an_act_head_sees_its_context_and_no_noise_before_the_first_update():
    torch.manual_seed(0)
    head = ActConfig(**SMALL_ACT).build(2, 8, 10)
    context = torch.randn(64, 10)
    one, other = (head.decode(torch.randn(64, 32), context) for _ in range(2))
    assert torch.equal(one, other), "a latent that says nothing yet is no noise"
    assert one.std(0).mean() > 0.05, "the answers differ by what is seen"


def test_act_with_a_zero_latent_gives_one_answer_and_with_a_free_latent_both_modes(learn_toy):
    assert learn_toy(ActConfig(**SMALL_ACT), 150, n=128).samples.std(axis=0).max() < 1e-5
    toy = learn_toy(ActConfig(**SMALL_ACT, kl=0.01, sampled_latent="prior"), 300, n=128)
    assert 0.25 < toy.right < 0.75 and toy.near > 0.85 and toy.whole > 0.97
    ones = torch.ones(4, 2, 1)
    for sign in (-1, 1):
        mean, _ = toy.head.encode(sign * ones, torch.zeros(4, 1))
        rebuilt = toy.head.decode(mean, torch.zeros(4, 1))
        assert (rebuilt - sign).abs().max() < 0.3


def test_a_recurrent_mixture_learns_what_it_sees_beside_a_number_that_never_varies():
    """At a rate of 1e-3, where signals as small as an encoder's first ones must get through."""
    torch.manual_seed(0)
    head = GmmRnnConfig(width=64).build(2, 6, 8)
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-3)

    def answer(seen):
        return torch.stack([seen[:, :1].expand(-1, 6) / 0.3, torch.zeros(len(seen), 6)], dim=-1)

    for _ in range(150):
        seen = 0.6 * torch.rand(64, 8) - 0.3
        optimizer.zero_grad()
        head.loss(answer(seen), torch.ones(64, 6, dtype=torch.bool), seen).backward()
        torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimizer.step()
    seen = 0.6 * torch.rand(200, 8) - 0.3
    with torch.no_grad():
        error = (head.sample(seen, generator=torch.Generator().manual_seed(0)) - answer(seen))[..., 0]
    assert error.square().mean().sqrt() < 0.15  # of a number with a deviation of 0.58


def test_a_recurrent_mixture_tells_the_rows_of_a_chunk_apart():
    """A command that changes in a row that what is seen decides, as a gripper's does."""
    torch.manual_seed(0)
    head = GmmRnnConfig(width=64, depth=1, modes=1).build(1, 16, 8)
    optimizer = torch.optim.AdamW(head.parameters(), lr=3e-3)

    def draw():
        row = torch.randint(0, 16, (128,))
        seen = torch.nn.functional.one_hot(row // 2, 8).float()
        return seen, torch.where(torch.arange(16) >= 2 * (row // 2)[:, None], 1.0, -1.0)[..., None]

    for _ in range(200):
        seen, chunk = draw()
        optimizer.zero_grad()
        head.loss(chunk, torch.ones(128, 16, dtype=torch.bool), seen).backward()
        optimizer.step()
    seen, chunk = draw()
    with torch.no_grad():
        assert (head.sample(seen) - chunk).square().mean().sqrt() < 0.1


def test_at_temperature_zero_a_mixture_plays_its_likeliest_mode():
    head = GmmRnnConfig(width=8, modes=3, temperature=0).build(1, 2, 1)
    with torch.no_grad():
        head.weights.weight.zero_()
        head.weights.bias.copy_(torch.tensor([0.0, 0.1, 0.05]))
        _, mean, _ = head.mixture(torch.ones(1, 1))
        torch.testing.assert_close(head.sample(torch.ones(5, 1)), mean[:, :, 1].expand(5, -1, -1))


def test_drawn_actions_have_the_mixtures_deviation_unless_noise_is_low():
    head = GmmRnnConfig(width=8, modes=1, low_noise=False).build(1, 1, 1)
    context = torch.ones(1, 1)
    with torch.no_grad():
        _, mean, deviation = head.mixture(context)
        drawn = head.sample(context.expand(20_000, -1), generator=torch.Generator().manual_seed(0))
    assert drawn.std().item() == pytest.approx(deviation.item(), rel=0.03)
    assert drawn.mean().item() == pytest.approx(mean.item(), abs=0.03)
