import numpy as np
import pytest
import torch

from robot_rl.policies.carp import CarpConfig
from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.encoders import EncoderConfig
from robot_rl.policies.gmm_rnn import GmmRnnConfig
from robot_rl.policies.normalization import Statistics
from robot_rl.spec import Field, Layout, Spec, SpecError


def observation(policy, seed=0):
    rng = np.random.default_rng(seed)
    return {n: rng.normal(size=(policy.n_obs, *policy.inputs[n].shape)) for n in policy.observation_names}


def test_a_chunk_has_the_horizon_and_lies_inside_the_action_bounds(policy):
    chunk = policy.predict(observation(policy))
    assert chunk.shape == (6, 7)
    assert chunk.dtype == np.float64
    assert np.all(chunk >= policy.spec.action.low) and np.all(chunk <= policy.spec.action.high)
    assert np.any(np.isclose(chunk, policy.spec.action.high)), "actions of deviation 1 exceed bounds of 0.3"


def test_equal_seeds_give_equal_chunks_and_the_sequence_goes_on(policy):
    obs = observation(policy)
    policy.reset(seed=3)
    first = [policy.predict(obs), policy.predict(obs)]
    policy.reset(seed=3)
    second = [policy.predict(obs), policy.predict(obs)]
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first[0], first[1])


def test_a_missing_or_misshapen_observation_is_named(policy):
    obs = observation(policy)
    with pytest.raises(SpecError, match="'q' is missing"):
        policy.predict({"ee": obs["ee"]})
    with pytest.raises(SpecError, match=r"'q': got shape \(1, 2\), the policy takes \(2, 2\)"):
        policy.predict({**obs, "q": obs["q"][:1]})


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_reading_that_is_not_finite_cannot_turn_into_an_action_that_is(policy, bad):
    obs = observation(policy)
    obs["q"][-1, 0] = bad
    assert np.isnan(policy.predict(obs)).all(), "the safety envelope refuses it"
    rows, weights = np.zeros((6, 7)), np.linspace(1, 0, 6)
    assert np.isnan(policy.predict_onto(obs, rows, weights, 1)).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["q", "ee"])
def test_what_is_seen_of_a_reading_that_is_not_finite_is_not_a_number(policy, name, bad):
    """Not the farthest reading that there is, which would be as good as any other."""
    seen = {n: torch.from_numpy(v).float()[None] for n, v in observation(policy).items()}
    seen[name][0, -1, 0] = bad
    assert policy.encoder(seen).isnan().all()
    assert policy.encoder.vectors[name](seen[name])[0, -1, 0].isnan()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_answer_that_is_not_finite_is_not_clipped_to_a_full_command(policy, monkeypatch, bad):
    chunk = torch.zeros(1, 6, 7)
    chunk[0, 2, 3] = bad
    monkeypatch.setattr(policy.head, "sample", lambda *args, **options: chunk)
    out = policy.predict(observation(policy))
    assert np.isnan(out[2, 3]) and np.isfinite(np.delete(out, 2, axis=0)).all()


@pytest.mark.parametrize("head", [GmmRnnConfig(width=16), CarpConfig(width=16)], ids=lambda h: h.name)
def test_a_head_that_draws_among_answers_is_not_asked_about_a_reading_that_is_not_finite(spec, statistics, head):
    config = PolicyConfig(horizon=8, n_action_steps=4, encoder=EncoderConfig(width=16), head=head)
    policy = ChunkPolicy(spec, spec.observation, config, statistics).eval()
    obs = observation(policy)
    obs["ee"][0, 2] = np.nan
    assert np.isnan(policy.predict(obs)).all()


def test_a_policy_can_look_at_images():
    inputs = Layout((Field("q", (2,)), Field("front", (32, 32, 3), kind="image", dtype="uint8")))
    spec = Spec("toy", 20.0, Layout((inputs["q"],)), Layout((Field("v", (1,), low=(-1,), high=(1,)),)))
    statistics = {
        "q": Statistics.of(np.random.default_rng(0).normal(size=(9, 2))),
        "action": Statistics.of(np.eye(2)[:, :1]),
    }
    policy = ChunkPolicy(spec, inputs, PolicyConfig(horizon=4, n_action_steps=2), statistics)
    frames = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    assert policy.predict({"q": np.zeros((2, 2)), "front": frames}).shape == (4, 1)
    with pytest.raises(SpecError, match="'front': got float64 pixels, the policy takes uint8"):
        policy.predict({"q": np.zeros((2, 2)), "front": frames / 255})
    batch = {"q": torch.zeros(3, 2, 2), "front": torch.from_numpy(frames)[None].repeat(3, 1, 1, 1, 1)}
    batch |= {"action": torch.zeros(3, 4, 1), "action_mask": torch.ones(3, 4, dtype=torch.bool)}
    assert torch.isfinite(policy.loss(batch))


def test_configuration_is_checked():
    with pytest.raises(ValueError, match="n_action_steps is 20"):
        PolicyConfig(n_action_steps=20)
    with pytest.raises(ValueError, match=r"unknown option 'horizn'\. Did you mean 'horizon'"):
        PolicyConfig.from_dict({"horizn": 8})
    config = PolicyConfig(observation=("q",), horizon=12)
    assert PolicyConfig.from_dict(config.to_dict()) == config


def test_an_option_of_the_policy_given_to_its_head_is_told_where_it_belongs():
    words = r"^policy\.head: unknown option 'horizon' of policy head 'flow': it belongs at policy\.horizon\.$"
    with pytest.raises(ValueError, match=words):
        PolicyConfig.from_dict({"head": {"name": "flow", "horizon": 4}})
    with pytest.raises(ValueError, match=r"option 'kl' of policy head 'flow': policy heads? .*'act'.* ha(s|ve) it\.$"):
        PolicyConfig.from_dict({"head": {"name": "flow", "kl": 1.0}})


def test_several_chunks_of_an_observation_follow_one_another(policy):
    seen = {n: torch.randn(3, policy.n_obs, *policy.inputs[n].shape) for n in policy.observation_names}
    repeated = {n: v.repeat_interleave(4, dim=0) for n, v in seen.items()}
    noise = torch.randn(12, policy.horizon, policy.spec.action.size)
    torch.testing.assert_close(policy.sample(seen, noise, count=4), policy.sample(repeated, noise))


def seeing(encoder, *fields, goal):
    """A policy that looks at these fields, of which `goal` tells where to."""
    pictures = (Field(n, (32, 32, 3), kind="image", dtype="uint8") for n in ("front", "wanted"))
    known = Layout((Field("q", (2,)), *pictures))
    spec = Spec("toy", 20.0, Layout((known["q"],)), Layout((Field("v", (1,), low=(-1,), high=(1,)),)))
    config = PolicyConfig(fields, horizon=4, n_action_steps=2, encoder=encoder, goal=(goal,))
    return ChunkPolicy(spec, Layout(tuple(known[f] for f in fields)), config)


def test_pretrained_weights_that_see_the_goal_count_as_pretrained():
    encoder = EncoderConfig(width=8, backbone="efficientnet_lite0", stride=8, pooling="mean")
    policy = seeing(encoder, "q", "front", "wanted", goal="wanted")
    images = [e.images.extractors for e in (policy.encoder, policy.goal_encoder)]
    assert {id(p) for p in policy.pretrained()} == {id(p) for m in images for p in m.parameters()}


def reaching(**encoder):
    """A policy that is told a pose to reach."""
    poses = [Field(n, (7,), kind="pose", frame="base") for n in ("ee", "object", "target")]
    spec = Spec("toy", 20.0, Layout(tuple(poses)), Layout((Field("v", (1,), low=(-1,), high=(1,)),)))
    picture = Field("front", (32, 32, 3), kind="image", dtype="uint8")
    config = PolicyConfig(
        ("ee", "object", "target", "front"), horizon=4, n_action_steps=2, goal=("target",),
        encoder=EncoderConfig(width=8, backbone="cnn", **encoder),
    )  # fmt: skip
    return ChunkPolicy(spec, Layout((*poses, picture)), config)


def test_where_to_is_also_seen_from_where_the_robot_is():
    policy = reaching()
    assert policy.encoder.pairs == [("ee", "object")]
    assert policy.goal_encoder.pairs == [("target", "ee"), ("target", "object")]
    assert not reaching(relative_poses=False).goal_encoder.pairs
    pose = torch.tensor([0.1, 0.2, 0.3, 0.0, 0.0, 0.0, 1.0]).expand(1, policy.n_obs, 7)
    seen = dict.fromkeys(("ee", "object", "target"), pose)
    moved = seen | {"ee": pose + torch.tensor([0.1, 0, 0, 0, 0, 0, 0])}
    assert not torch.allclose(policy.goal_encoder(seen), policy.goal_encoder(moved))


def test_a_state_that_is_hidden_at_times_is_not_told_by_the_goal():
    assert reaching(state_dropout=0.5).goal_encoder.pairs == []
