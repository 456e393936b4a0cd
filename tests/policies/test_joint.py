"""The joint head on a line: an agent at x (the context) moves by a and is then at z = x + a; a is -1 or 1."""

import pytest
import torch

from robot_rl.policies.joint import JointConfig, draw_times

CONFIG = JointConfig(width=48, depth=3, condition=32, latent_weight=1.0)


def line(n, generator):
    x = torch.rand(n, 1, generator=generator) * 2 - 1
    a = torch.where(torch.rand(n, 1, 1, generator=generator) < 0.5, -1.0, 1.0)
    a = a + 0.05 * torch.randn(n, 1, 1, generator=generator)
    return x, a, (x + a[:, 0]) / 1.2


def learn(steps):
    torch.manual_seed(0)
    head = CONFIG.build(1, 1, 1, latent_size=1)
    optimizer = torch.optim.Adam(head.parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(0)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 3e-3 * min(1, 2 * (1 - step / steps))
        x, a, z = line(128, generator)
        loss = head.loss(a, torch.ones(128, 1).bool(), x, generator, latents=z)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return head.eval()


@pytest.fixture(scope="module")
def head():
    return learn(800)


def test_as_a_policy_it_goes_both_ways(head):
    with torch.no_grad():
        a = head.sample(torch.zeros(1000, 1), generator=torch.Generator().manual_seed(1))[:, 0, 0]
    assert 0.4 < (a > 0).float().mean() < 0.6
    assert ((a.abs() - 1).abs() < 0.35).float().mean() > 0.85


def test_as_forward_dynamics_it_adds_the_action_to_the_position(head):
    x, a, z = line(500, torch.Generator().manual_seed(2))
    with torch.no_grad():
        told = head.latents_after(x, a, torch.Generator().manual_seed(3))
    assert (told - z).abs().mean() < 0.15, "a guess that knows only the position is off by 0.83"


def test_as_inverse_dynamics_it_finds_the_action_that_leads_there(head):
    x, a, z = line(500, torch.Generator().manual_seed(2))
    with torch.no_grad():
        told = head.chunk_towards(x, z, torch.Generator().manual_seed(3))
    assert (told - a).abs().mean() < 0.2, "a guess that knows only the position is off by 1"


@pytest.mark.parametrize("prediction", ["sample", "velocity"])
def test_the_loss_is_that_of_the_chunk_and_of_the_latent_and_sampling_follows_their_velocities(prediction):
    torch.manual_seed(0)
    head = JointConfig(width=16, prediction=prediction, latent_weight=0.3, sampling_steps=1).build(
        1, 2, 3, latent_size=4
    )
    with torch.no_grad():
        for p in head.parameters():  # away from layers that start at zero
            p.add_(0.1 * torch.randn_like(p))
    chunk, context, latents = torch.randn(5, 2, 1), torch.randn(5, 3), torch.randn(5, 4)
    draws = torch.Generator().manual_seed(7)
    x0, z0 = torch.randn(chunk.shape, generator=draws), torch.randn(latents.shape, generator=draws)
    t = draw_times(5, draws, chunk.device)
    share = t[:, :1, None]
    x, z = (1 - share) * x0 + share * chunk, (1 - t[:, 1:]) * z0 + t[:, 1:] * latents
    out = head.network(torch.cat([x.flatten(1), z], dim=1)[:, None], t, context)[:, 0]
    goals = (chunk.flatten(1), latents) if prediction == "sample" else ((chunk - x0).flatten(1), latents - z0)
    expected = (out[:, :2] - goals[0]).square().mean() + 0.3 * (out[:, 2:] - goals[1]).square().mean()
    loss = head.loss(
        chunk, torch.ones(5, 2, dtype=torch.bool), context, torch.Generator().manual_seed(7), latents=latents
    )
    torch.testing.assert_close(loss, expected)
    # one step from noise (time 0) with the chunk given (time 1): z0 + (z1 - z0), or z0 and the velocity
    after = head.latents_after(context, chunk, torch.Generator().manual_seed(9))
    z0 = torch.randn(5, 4, generator=torch.Generator().manual_seed(9))
    times = torch.tensor([1.0, 0.0]).expand(5, 2)
    later = head.network(torch.cat([chunk.flatten(1), z0], dim=1)[:, None], times, context)[:, 0, 2:]
    torch.testing.assert_close(after, later if prediction == "sample" else z0 + later)


def test_an_unknown_chunk_enters_neither_the_loss_nor_its_gradient():
    head = CONFIG.build(1, 1, 1, latent_size=1)
    x, a, z = line(8, torch.Generator().manual_seed(0))
    known = torch.tensor([True, False] * 4)
    other = torch.where(known[:, None, None], a, torch.full_like(a, torch.nan))
    mask = torch.ones(8, 1).bool()
    losses = [head.loss(c, mask, x, torch.Generator().manual_seed(1), latents=z, known=known) for c in (a, other)]
    assert losses[0].item() == losses[1].item()
    none = head.loss(a, mask, x, torch.Generator().manual_seed(1), latents=z, known=torch.zeros(8).bool())
    none.backward()
    rows = head.network.output.weight.grad
    assert rows[0].abs().sum() == 0 and rows[1].abs().sum() > 0, "only the latent's output learns"


def test_times_are_independent_and_reach_both_ends():
    t = draw_times(20_000, torch.Generator().manual_seed(0), torch.device("cpu"))
    assert abs(torch.corrcoef(t.T)[0, 1]) < 0.03
    for end in (0.0, 1.0):
        assert (t == end).float().mean(0).tolist() == pytest.approx([1 / 12, 1 / 12], abs=0.01)
