import math

import numpy as np
import pytest
import torch

from robot_rl.policies.asynchronous import AsyncExecutor
from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.encoders import EncoderConfig
from robot_rl.policies.flow import FlowConfig
from robot_rl.policies.guidance import Guide, flow_gain
from robot_rl.policies.normalization import Statistics
from robot_rl.policies.realtime_chunking import committed, soft_mask
from robot_rl.spec import Field, Layout, Spec

torch.set_num_threads(1)


def test_the_soft_mask_is_hand_worked():
    # H = 8, s = 3, d = 2: overlap 5, c_i = (5 - i) / 4, W = c (e^c - 1) / (e - 1)
    expected = [1, 1] + [c * (math.exp(c) - 1) / (math.e - 1) for c in (0.75, 0.5, 0.25)] + [0, 0, 0]
    np.testing.assert_allclose(soft_mask(8, 5, 2), expected)
    np.testing.assert_array_equal(soft_mask(3, 0, 0), [0, 0, 0])
    np.testing.assert_array_equal(soft_mask(3, 3, 3), [1, 1, 1])


def test_committed_rows_move_to_the_front():
    chunk = np.arange(8.0).reshape(4, 2)
    assert committed(chunk, 3).tolist() == [[6, 7], [0, 0], [0, 0], [0, 0]]


def test_the_gain_is_that_of_the_paper_up_to_its_limit():
    # (1 - t) / (t r^2), r^2 = (1 - t)^2 / (t^2 + (1 - t)^2): at t = 1/2 it is 2, at 1/5 (.04 + .64) / .16 = 4.25
    torch.testing.assert_close(flow_gain(torch.tensor([0.0, 0.2, 0.5, 1.0]), 5.0), torch.tensor([5.0, 4.25, 2.0, 5.0]))


def test_guidance_of_an_affine_field_is_hand_worked():
    # v = -x: clean = x - (1 - t) x = t x, with Jacobian t. At t = 1/2, x = 1, Y = 3, W = 1/2, gain 2:
    # v + 2 * (1/2 (3 - 1/2)) * 1/2 = -1 + 1.25
    guide = Guide(torch.full((1, 2, 1), 3.0), torch.tensor([0.5, 0.0]), frozen=0)
    v = guide.velocity(lambda x, t: -x, torch.zeros(1, 2, 1), steps=10)(torch.ones(1, 2, 1), torch.tensor([0.5]))
    torch.testing.assert_close(v, torch.tensor([[[0.25], [-1.0]]]))


def test_rows_of_weight_zero_are_free_even_of_numbers_that_are_none():
    target = torch.tensor([[[1.0], [math.nan]]])
    guide = Guide(target, torch.tensor([1.0, 0.0]), frozen=1)
    v = guide.velocity(lambda x, t: -x, torch.zeros(1, 2, 1), steps=4)(torch.ones(1, 2, 1), torch.tensor([0.5]))
    assert torch.isfinite(v).all() and v[0, 1, 0] == -1
    assert guide.clean(lambda x: x / 2, torch.ones(1, 2, 1), 2.0)[..., 0].tolist() == [[1.0, 0.5]]


@pytest.mark.parametrize("solver", ["euler", "heun"])
@pytest.mark.parametrize("steps", [1, 8])
def test_frozen_rows_are_reproduced(solver, steps):
    torch.manual_seed(0)
    head = FlowConfig(width=16, sampling_steps=steps, solver=solver).build(2, 6, 3)
    target = torch.randn(4, 6, 2)
    guide = Guide(target, torch.from_numpy(soft_mask(6, 4, 2)).float(), frozen=2)
    with torch.no_grad():
        chunk = head.sample_guided(torch.randn(4, 3), guide)
    torch.testing.assert_close(chunk[:, :2], target[:, :2], atol=1e-5, rtol=0)
    assert not torch.allclose(chunk[:, 2:4], target[:, 2:4], atol=1e-2)


def test_a_guided_sample_with_all_weights_zero_is_the_plain_sample():
    torch.manual_seed(0)
    head = FlowConfig(width=16).build(2, 6, 3)
    context, noise = torch.randn(4, 3), torch.randn(4, 6, 2)
    guide = Guide(torch.zeros(4, 6, 2), torch.zeros(6), frozen=0)
    with torch.no_grad():
        torch.testing.assert_close(head.sample_guided(context, guide, noise), head.sample(context, noise))


def test_guidance_of_a_linear_denoiser_reaches_what_it_knows_for_certain():
    # Data N(0, 1) and noise of deviation sigma: the denoiser is x / (1 + sigma^2), so the gain 1 + sigma^2 undoes
    # its slope and a row of weight w moves the share w of the way: 2 / 5 + 1/2 (3 - 2 / 5).
    guide = Guide(torch.full((1, 1, 1), 3.0), torch.tensor([0.5]), frozen=0)
    out = guide.clean(lambda x: x / (1 + 2.0**2), torch.full((1, 1, 1), 2.0), 1 + 2.0**2)
    torch.testing.assert_close(out, torch.full((1, 1, 1), 1.7))


@pytest.mark.parametrize("guided", [False, True])
def test_a_guided_diffusion_sampler_keeps_the_frozen_rows_and_their_mode(guided):
    # The exact denoiser of chunks that are all +1 or all -1 (equally likely): tanh of the evidence of every row.
    target = torch.full((400, 4, 1), -1.0)
    guide = Guide(target, torch.tensor([1.0, 0.5, 0.0, 0.0]), frozen=1)
    torch.manual_seed(0)
    sigmas = torch.logspace(1, -2, 20).tolist()
    x = sigmas[0] * torch.randn(400, 4, 1)
    for sigma, smaller in zip(sigmas, [*sigmas[1:], 0.0], strict=True):

        def denoise(x, s=sigma):
            return torch.tanh(x.sum(1, keepdim=True) / s**2).expand(-1, 4, -1)

        clean = guide.clean(denoise, x, 1 + sigma**2) if guided else denoise(x)
        x = clean + smaller / sigma * (x - clean)  # DDIM where x is the clean chunk plus noise of deviation sigma
    followed = (x[:, 3] < 0).float().mean().item()
    if guided:
        assert torch.equal(x[:, 0], target[:, 0])
        assert followed > 0.95, "the free rows follow the committed ones into their mode"
    else:
        assert 0.4 < followed < 0.6


@pytest.fixture(scope="module")
def bimodal():
    """A policy whose chunks ramp up or ramp down, at random: the observation says how far along it is."""
    torch.manual_seed(0)
    spec = Spec("toy", 20.0, Layout((Field("x", (1,)),)), Layout((Field("u", (1,), low=(-3.0,), high=(3.0,)),)))
    statistics = {n: Statistics.of(np.array([[-1.0], [1.0]])) for n in ("x", "action")}
    config = PolicyConfig(
        n_obs=1,
        horizon=8,
        n_action_steps=4,
        encoder=EncoderConfig(width=16),
        head=FlowConfig(width=96, sampling_steps=8),
    )
    policy = ChunkPolicy(spec, spec.observation, config, statistics)
    optimizer = torch.optim.Adam(policy.parameters(), lr=3e-3)
    mask = torch.ones(256, 8, dtype=torch.bool)
    for _ in range(500):
        sign = torch.randint(0, 2, (256, 1, 1)) * 2.0 - 1
        chunk = sign.expand(-1, 8, 1) + 0.03 * torch.randn(256, 8, 1)
        loss = policy.loss({"x": torch.rand(256, 1, 1) * 2 - 1, "action": chunk, "action_mask": mask})
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return policy.eval()


def jumps(policy, continuing):
    """How much the action changes from step to step, over seams and within chunks."""
    executor = AsyncExecutor(policy, latency=2, continuing=continuing)
    executor.reset(seed=5)
    actions = [executor.act({"x": np.zeros(1)}) for _ in range(202)]
    played = np.array([a for a in actions if a is not None])
    assert len(played) == 200
    assert np.mean(np.abs(np.abs(played) - 1) < 0.35) > 0.95, "the chunks stay near the modes"
    return np.abs(np.diff(played[:, 0]))


def test_on_a_bimodal_toy_the_seams_are_smooth_with_real_time_chunking_and_not_without(bimodal):
    without, with_it = jumps(bimodal, False), jumps(bimodal, True)
    # chunks are drawn independently, so about half of the 49 seams jump from mode to mode
    assert 12 < np.sum(without > 1) < 38
    assert np.sum(with_it > 1) <= 2
    assert with_it.mean() < without.mean() / 3


def test_a_heading_under_way_draws_a_chunk_as_the_same_heading_a_turn_further_does():
    torch.manual_seed(0)
    yaw = Field("yaw", (1,), unit="rad", low=(-3.1416,), high=(3.1416,), wraps=True)
    spec = Spec("toy", 20.0, Layout((Field("x", (1,)),)), Layout((Field("u", (1,)), yaw)))
    learned = np.array([[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]])  # u, and the cosine and sine of the heading
    statistics = {"x": Statistics.of(np.eye(1)), "action": Statistics.of(learned)}
    config = PolicyConfig(
        n_obs=1, horizon=4, n_action_steps=2, encoder=EncoderConfig(width=16), head=FlowConfig(width=16)
    )
    policy = ChunkPolicy(spec, spec.observation, config, statistics).eval()

    def drawn(*under_way):
        policy.reset(0)
        rows = np.tile(under_way, (4, 1))
        return policy.predict_onto({"x": np.zeros((1, 1))}, rows, soft_mask(4, 4, 0), 0)

    near = drawn(0.5, 3.0)
    np.testing.assert_allclose(drawn(0.5, 3.0 - 2 * np.pi), near, atol=1e-4)
    assert np.abs(drawn(0.5 - 2 * np.pi, 3.0) - near).max() > 0.1, "a plain number is drawn where it is"
    assert (np.abs(near[:, 1]) <= 3.1416).all()


def test_a_policy_continues_a_chunk_in_physical_units_and_within_bounds(bimodal):
    rows = np.full((8, 1), 0.9)
    chunk = bimodal.predict_onto({"x": np.zeros((1, 1))}, rows, soft_mask(8, 6, 3), 3)
    np.testing.assert_allclose(chunk[:3], rows[:3], atol=1e-5)
    assert chunk.shape == (8, 1) and np.all(chunk > 0.4)
