"""Headings (fields that `wraps`) are learned as points of the unit circle."""

import json
import math

import numpy as np
import pytest
import torch

from robot_rl.policies import checkpoint
from robot_rl.policies.action_space import ActionSpace
from robot_rl.policies.checkpoint import CheckpointError
from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.encoders import EncoderConfig
from robot_rl.policies.encoders.vectors import VectorFeatures
from robot_rl.policies.flow import FlowConfig
from robot_rl.policies.gaussian import GaussianConfig
from robot_rl.policies.headings import from_circle, to_circle
from robot_rl.policies.normalization import Statistics
from robot_rl.spec import Field, Layout, Spec


def heading(name, size=1, wraps=True):
    return Field(name, (size,), unit="rad", low=(-3.1416,) * size, high=(3.1416,) * size, wraps=wraps)


def wrapped(angles):
    return (angles + math.pi) % (2 * math.pi) - math.pi


POSE = Field("ee", (7,), kind="pose")
SPEC = Spec("drone", 20.0, Layout((heading("seen"),)), Layout((heading("yaw"),)))
MIXED = Spec(
    "toy", 20.0, Layout((POSE,)), Layout((Field("u", (2,)), heading("pan", 2), Field("target", (7,), kind="pose")))
)


def test_a_circle_is_hand_worked_and_needs_no_unit_length():
    points = to_circle(torch.tensor([0.0, math.pi / 2]))
    torch.testing.assert_close(points, torch.tensor([1.0, 0.0, 0.0, 1.0]))
    torch.testing.assert_close(from_circle(torch.tensor([-0.2, 0.3])), torch.tensor([math.pi - math.atan(1.5)]))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_point_that_is_not_finite_is_no_heading(bad):
    out = from_circle(torch.tensor([[bad, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, bad]]))
    assert out.isnan().tolist() == [[True, False], [False, True]]


@pytest.mark.parametrize("representation", ["absolute", "delta", "relative"])
def test_headings_come_back_across_pi_beside_poses_and_plain_numbers(representation):
    """A heading stays absolute whatever the others are."""
    rng = np.random.default_rng(0)
    pan = np.array([3.1, math.pi, -math.pi, -3.1, 3.0 + 2 * math.pi, -1.0])
    chunk = np.concatenate([rng.normal(size=(1, 6, 2)), np.stack([pan, -pan], -1)[None], np.zeros((1, 6, 7))], -1)
    chunk[..., 10] = 1
    observation = {"ee": torch.tensor([[[0.1, 0.2, 0.3, 0, 0, 0, 1]]]).double()}
    space = ActionSpace(MIXED, MIXED.observation, representation)
    learned = space.encode(torch.from_numpy(chunk), observation)
    assert space.size == 2 + 4 + 9 and not space.plain
    np.testing.assert_allclose(learned[0, :, 2:6], np.stack([np.cos(pan), np.cos(pan), np.sin(pan), -np.sin(pan)], -1))
    back = space.decode(learned, observation).numpy()
    np.testing.assert_allclose(wrapped(back[..., 2:4] - chunk[..., 2:4]), 0, atol=1e-12)
    assert (np.abs(back[..., 2:4]) <= math.pi).all()
    np.testing.assert_allclose(np.delete(back, [2, 3], -1), np.delete(chunk, [2, 3], -1), atol=1e-12)


def test_an_observed_heading_is_the_same_on_both_sides_of_pi():
    features = VectorFeatures(heading("seen"))
    features.fit(Statistics.of(np.array([[-3.0], [3.0]])), "range")
    a, b = (features(torch.tensor([x])) for x in (math.pi, -math.pi))
    assert features.size == 2
    torch.testing.assert_close(a, torch.tensor([-1.0, 0.0]), atol=1e-6, rtol=0)
    torch.testing.assert_close(a, b, atol=1e-6, rtol=0)


def follower(head, spec=SPEC):
    """An untrained policy that is to command the heading that it sees."""
    torch.manual_seed(0)
    config = PolicyConfig(n_obs=1, horizon=2, n_action_steps=1, encoder=EncoderConfig(width=32), head=head)
    angles = np.linspace(-math.pi, math.pi, 101)[:, None]
    space = ActionSpace(spec, spec.observation)
    rows = space.learned_rows(angles[:, None], np.ones((101, 1), bool), {})
    statistics = {"seen": Statistics.of(angles), "action": Statistics.of(rows)}
    return ChunkPolicy(spec, spec.observation, config, statistics), statistics


def sample(n):
    """Headings all round, and commands that lie 0.1 rad about them, in [-pi, pi)."""
    seen = wrapped(2 * math.pi * torch.rand(n, 1, 1))
    action = wrapped(seen + 0.1 * torch.randn(n, 1, 1)).expand(-1, 2, -1)
    return {"seen": seen, "action": action, "action_mask": torch.ones(n, 2, dtype=torch.bool)}


@pytest.mark.parametrize("head", [GaussianConfig(width=32), FlowConfig(width=32)], ids=lambda h: h.name)
def test_a_heading_is_learned_as_well_at_pi_as_at_zero(head):
    policy, _ = follower(head)
    optimizer = torch.optim.Adam(policy.parameters(), lr=3e-3)
    for _ in range(200):
        loss = policy.loss(sample(128))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    policy.eval()
    for centre in (0.0, math.pi, -math.pi):
        with torch.no_grad():
            got = policy.sample({"seen": torch.full((300, 1, 1), centre)})[:, 0, 0]
        error = wrapped(got - centre).abs()
        assert error.median() < 0.2 and (error < 0.6).float().mean() > 0.97, centre


@pytest.mark.parametrize("part", ["observation", "action"])
def test_a_policy_from_before_is_refused_with_the_reason(part, tmp_path):
    """Its numbers were plain, and its spec says that they wrap."""
    plain = {"observation": Layout((heading("seen", wraps=False),)), "action": Layout((heading("yaw", wraps=False),))}
    policy, statistics = follower(GaussianConfig(width=8), Spec("drone", 20.0, **plain))
    checkpoint.save(tmp_path, policy, statistics)
    checkpoint.load(tmp_path)
    document = json.loads((tmp_path / "policy.json").read_text())
    for layout in (document["spec"][part], document["inputs"] if part == "observation" else {}):
        for field in layout.values():
            field["wraps"] = True
    (tmp_path / "policy.json").write_text(json.dumps(document))
    name = "seen" if part == "observation" else "yaw"
    with pytest.raises(CheckpointError, match=rf"when headings \({name}\) were still learned as plain.*train it anew$"):
        checkpoint.load(tmp_path)


def test_a_policy_of_headings_is_saved_and_read_back(tmp_path):
    policy, statistics = follower(GaussianConfig(width=8))
    checkpoint.save(tmp_path, policy.eval(), statistics)
    seen = {"seen": np.full((1, 1), 3.0)}
    np.testing.assert_array_equal(checkpoint.load(tmp_path).predict(seen), policy.predict(seen))
