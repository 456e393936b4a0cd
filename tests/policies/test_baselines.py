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
    mean = torch.tensor([[0.0, 0.0], [1.0, -1.0]])
    logits = torch.tensor([math.log(0.25), math.log(0.75)])
    got = mixture_nll(torch.tensor([1.0, -1.0]), logits, mean, torch.ones(2, 2)).item()
    want = -math.log((0.25 * math.exp(-1) + 0.75) / (2 * math.pi))
    assert got == pytest.approx(want)


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


def test_act_with_a_zero_latent_gives_one_answer_and_with_a_free_latent_both_modes(learn_toy):
    assert learn_toy(ActConfig(**SMALL_ACT), 150, n=128).samples.std(axis=0).max() < 1e-5
    toy = learn_toy(ActConfig(**SMALL_ACT, kl=0.01, sampled_latent="prior"), 300, n=128)
    assert 0.25 < toy.right < 0.75 and toy.near > 0.85 and toy.whole > 0.97
    ones = torch.ones(4, 2, 1)
    for sign in (-1, 1):
        mean, _ = toy.head.encode(sign * ones, torch.zeros(4, 1))
        rebuilt = toy.head.decode(mean, torch.zeros(4, 1))
        assert (rebuilt - sign).abs().max() < 0.3


def test_drawn_actions_have_the_mixtures_deviation_unless_noise_is_low():
    head = GmmRnnConfig(width=8, modes=1, low_noise=False).build(1, 1, 1)
    h = torch.randn(1, 8)
    logits, mean, deviation = head._mixture(h.expand(20_000, -1))
    drawn = head._draw(logits, mean, deviation, torch.Generator().manual_seed(0))
    assert drawn.std().item() == pytest.approx(deviation[0].item(), rel=0.03)
    assert drawn.mean().item() == pytest.approx(mean[0].item(), abs=0.03)
