import numpy as np
import pytest
import torch

from robot_rl.policies import checkpoint
from robot_rl.policies.act import ActConfig
from robot_rl.policies.carp import CarpConfig
from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.encoders import EncoderConfig
from robot_rl.policies.execution import ExecutionError
from robot_rl.policies.gaussian import GaussianConfig
from robot_rl.policies.gmm_rnn import GmmRnnConfig
from robot_rl.policies.modes import ExecutionConfig, make_executor
from robot_rl.policies.verifier import Candidates, CriticVerifier
from robot_rl.policies.verifier_counts import CountConfig, CountVerifier, fit
from robot_rl.spec import SpecError

QUICK = CountConfig(width=64, steps=400, lr=3e-3)


def observation(policy, seed=0):
    rng = np.random.default_rng(seed)
    return {n: rng.normal(size=(policy.n_obs, *policy.inputs[n].shape)) for n in policy.observation_names}


def test_the_inverse_count_is_one_over_how_often_a_chunk_was_seen():
    """Four chunks seen 1, 4, 16 and 64 times: the best answer to n coins has the mean square 1/n (d = 100 coins)."""
    points = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    counts = torch.tensor([1, 4, 16, 64])
    network = fit(
        points.repeat_interleave(counts, dim=0), 2, CountConfig(coins=100, width=64, steps=400, batch=85, lr=3e-3)
    )
    torch.testing.assert_close(network.inverse_count(points), 1 / counts, rtol=0.3, atol=0.01)
    elsewhere = 4 * torch.randn(50, 6, generator=torch.Generator().manual_seed(1))
    assert network.inverse_count(elsewhere).median() > 0.3


def test_an_untrained_network_counts_nothing():
    features = torch.randn(500, 6)
    network = fit(features, 2, CountConfig(steps=0))
    assert network.inverse_count(features).mean() == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize(
    ("head", "one"),
    [
        (ActConfig(), True),
        (ActConfig(sampled_latent="prior"), False),
        (GaussianConfig(), True),
        (GaussianConfig(deviation="learnt"), False),
        (CarpConfig(temperature=0), True),
        (CarpConfig(), False),
        (GmmRnnConfig(temperature=0), True),
        (GmmRnnConfig(temperature=0, low_noise=False), False),
        (GmmRnnConfig(), False),
    ],
)
def test_a_head_that_has_one_answer_is_not_asked_for_several(head, one, spec, statistics):
    config = PolicyConfig(horizon=8, n_action_steps=4, encoder=EncoderConfig(width=16), head=head)
    policy = ChunkPolicy(spec, spec.observation, config, statistics)
    policy.verify_with(lambda candidates: candidates.learned[:, 0, 0])
    if one:
        with pytest.raises(SpecError, match=f"samples is 2; head '{head.name}' has one answer"):
            policy.choose_among(2)
    else:
        policy.choose_among(2)


def test_the_prior_is_frozen():
    features = torch.randn(50, 6, generator=torch.Generator().manual_seed(0))
    before, after = (fit(features, 2, CountConfig(width=64, steps=n, batch=16)) for n in (0, 20))
    assert all(a.equal(b) for a, b in zip(before.prior.parameters(), after.prior.parameters(), strict=True))
    assert not all(a.equal(b) for a, b in zip(before.trained.parameters(), after.trained.parameters(), strict=True))


def test_of_good_and_odd_candidates_a_demonstrated_one_is_chosen():
    """Demonstrations go left or right as the context does not tell; odd candidates lie between."""
    g = torch.Generator().manual_seed(0)
    context = torch.randn(512, 2, generator=g)
    sign = torch.where(torch.rand(512, 1, generator=g) < 0.5, 1.0, -1.0)
    network = fit(torch.cat([context, sign + 0.05 * torch.randn(512, 4, generator=g)], dim=1), 2, QUICK)
    good = 0
    for i in range(50):
        side = 1.0 if i % 2 else -1.0
        chunks = 0.5 * torch.randn(8, 2, 2, generator=g).clamp(-1, 1)
        chunks[i % 8] = side + 0.05 * torch.randn(2, 2, generator=g)
        candidates = Candidates({}, torch.randn(1, 2, generator=g), chunks, chunks)
        good += int(network.scores(candidates).argmax()) == i % 8
    assert good >= 47, f"{good} of 50; by chance 6"


def test_numbers_that_never_varied_do_not_choose():
    """As above, with a third action number that is always 0 in the demonstrations and almost 0 in candidates, and a
    number of the context likewise."""
    g = torch.Generator().manual_seed(0)

    def constant(chunks, spread):
        return torch.cat([chunks, spread * torch.randn(len(chunks), 2, 1, generator=g)], dim=2)

    def seen(n, spread):
        return torch.cat([torch.randn(n, 2, generator=g), spread * torch.randn(n, 1, generator=g)], dim=1)

    sign = torch.where(torch.rand(512, 1, 1, generator=g) < 0.5, 1.0, -1.0)
    shown = constant(sign + 0.05 * torch.randn(512, 2, 2, generator=g), 0.0)
    network = fit(torch.cat([seen(512, 0.0), shown.flatten(1)], dim=1), 3, QUICK)
    good = 0
    for i in range(40):
        side = 1.0 if i % 2 else -1.0
        chunks = 0.5 * torch.randn(8, 2, 2, generator=g).clamp(-1, 1)
        chunks[i % 8] = side + 0.05 * torch.randn(2, 2, generator=g)
        chunks = constant(chunks, 0.003)
        candidates = Candidates({}, seen(1, 0.003), chunks, chunks)
        good += int(network.scores(candidates).argmax()) == i % 8
    assert good >= 35, f"{good} of 40; by chance 5"


def test_the_chunk_that_the_critic_likes_best_is_played(policy):
    """By its velocity along x; the policy proposes the same candidates to both critics."""
    policy.verify_with(CriticVerifier(lambda _, chunks: chunks[:, :, 0].mean(1)))
    policy.choose_among(16)
    policy.reset(seed=0)
    fast = policy.predict(observation(policy))
    policy.verify_with(CriticVerifier(lambda _, chunks: -chunks[:, :, 0].mean(1)))
    policy.reset(seed=0)
    slow = policy.predict(observation(policy))
    assert fast.shape == (6, 7)
    assert fast[:, 0].mean() > slow[:, 0].mean() + 0.01


def test_a_verifier_sees_every_candidate_and_the_observation_once(policy):
    seen = []

    def critic(observation, chunks):
        seen.append((observation["q"].shape, chunks.shape))
        return torch.zeros(len(chunks))

    policy.verify_with(CriticVerifier(critic))
    policy.choose_among(5)
    encoded = []
    policy.encoder.register_forward_hook(lambda _module, _inputs, out: encoded.append(len(out)))
    policy.predict(observation(policy))
    policy.predict_onto(observation(policy), np.zeros((6, 7)), np.array([1.0, 1, 0, 0, 0, 0]), 2)
    assert seen == [((1, 2, 2), (5, 6, 7))] * 2
    assert encoded == [1, 1], "the encoder runs once, however many candidates there are"


def test_a_continued_chunk_is_chosen_among_chunks_that_agree_with_what_is_under_way(policy):
    policy.verify_with(CriticVerifier(lambda _, chunks: chunks[:, -1, 0]))
    policy.choose_among(4)
    committed = np.full((6, 7), 0.1)
    chunk = policy.predict_onto(observation(policy), committed, np.array([1.0, 1, 0, 0, 0, 0]), 2)
    np.testing.assert_allclose(chunk[:2], committed[:2], atol=1e-5)


def test_scores_that_are_not_numbers_stop_the_robot(policy):
    policy.verify_with(CriticVerifier(lambda _, chunks: torch.full((len(chunks),), torch.nan)))
    policy.choose_among(3)
    assert np.isnan(policy.predict(observation(policy))).all(), "the safety envelope refuses it"


def test_several_samples_need_a_verifier_and_a_policy_that_can_choose(policy):
    with pytest.raises(SpecError, match="no verifier.*robot-rl verifier"):
        policy.choose_among(16)
    with pytest.raises(SpecError, match="samples is 0"):
        policy.choose_among(0)
    with pytest.raises(ExecutionError, match="samples is 0"):
        ExecutionConfig(samples=0)

    class Remote:
        n_action_steps = 4

    with pytest.raises(ExecutionError, match="cannot choose among several chunks.*robot-rl serve --samples 4"):
        make_executor(Remote(), ExecutionConfig(samples=4), simulated=True)
    policy.verify_with(CriticVerifier(lambda _, chunks: chunks[:, 0, 0]))
    make_executor(policy, ExecutionConfig(samples=4), simulated=True)
    assert policy.choice.samples == 4
    make_executor(policy, ExecutionConfig(), simulated=True)
    assert policy.choice.samples == 1


def count_verifier(policy):
    learned = policy.horizon * policy.action_space.size
    return fit(torch.randn(64, 16 + learned), 16, CountConfig(width=16, steps=5))


def test_a_verifier_comes_back_with_its_checkpoint(policy, statistics, tmp_path):
    checkpoint.save(tmp_path, policy, statistics)
    policy.verify_with(count_verifier(policy))
    checkpoint.save_verifier(tmp_path, policy.choice.verifier)
    loaded = checkpoint.load(tmp_path)
    assert isinstance(loaded.choice.verifier, CountVerifier)
    for p in (policy, loaded):
        p.choose_among(8)
        p.reset(seed=1)
    np.testing.assert_array_equal(policy.predict(observation(policy)), loaded.predict(observation(policy)))


def test_a_verifier_of_other_weights_is_not_used(policy, statistics, tmp_path, caplog):
    checkpoint.save(tmp_path, policy, statistics)
    checkpoint.save_verifier(tmp_path, count_verifier(policy))
    policy.action_normalizer.offset += 1
    checkpoint.save(tmp_path, policy, statistics)
    assert checkpoint.load(tmp_path).choice.verifier is None
    assert "was trained for other weights" in caplog.text
