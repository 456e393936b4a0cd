import numpy as np
import pytest
import torch

from robot_rl.control import poses
from robot_rl.policies import action_space_poses as torch_poses
from robot_rl.policies.action_space import ActionSpace, sampled_windows
from robot_rl.policies.asynchronous import AsyncExecutor
from robot_rl.policies.chunk_module import action_space
from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.encoders import EncoderConfig
from robot_rl.policies.execution import ChunkExecutor
from robot_rl.policies.flow import FlowConfig
from robot_rl.policies.gaussian import GaussianConfig
from robot_rl.policies.normalization import Statistics
from robot_rl.spec import Field, Layout, Spec, SpecError

EE = Field("ee", (7,), kind="pose")
JOINTS = Field("q", (2,), kind="joint_position", unit="rad")
SPEC = Spec(
    "toy",
    20.0,
    Layout((EE, JOINTS)),
    Layout((Field("target", (7,), kind="pose"), Field("joints", (2,), kind="joint_position", unit="rad"))),
)
TWIST = Spec("toy", 20.0, SPEC.observation, Layout((Field("twist", (6,), kind="twist"), Field("grip", (1,)))))
HALF = np.sqrt(0.5)


def draw_poses(*shape, seed=0):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(size=(*shape, 3)), poses.normalize(rng.normal(size=(*shape, 4)))], axis=-1)


def tensor(x):
    return torch.from_numpy(np.asarray(x, np.float64))


def same_pose(a, b, tolerance=1e-9):
    return np.abs(poses.error(a, b)).max() < tolerance


def draw(batch=5, horizon=6, n_obs=2):
    rng = np.random.default_rng(1)
    joints = rng.normal(size=(batch, horizon, 2))
    chunk = np.concatenate([draw_poses(batch, horizon), joints], axis=-1)
    observation = {"ee": draw_poses(batch, n_obs, seed=2), "q": rng.normal(size=(batch, n_obs, 2))}
    return tensor(chunk), {n: tensor(v) for n, v in observation.items()}


def test_tensor_poses_agree_with_the_numpy_ones():
    a, b = draw_poses(50), draw_poses(50, seed=1)
    assert same_pose(torch_poses.compose(tensor(a), tensor(b)).numpy(), poses.compose(a, b))
    expected = poses.compose(poses.inverse(a), b)
    assert same_pose(torch_poses.relative(tensor(a), tensor(b)).numpy(), expected)


@pytest.mark.parametrize("q", [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1), (HALF, HALF, 0, 0)])
def test_columns_give_back_the_rotation_also_at_half_turns(q):
    pose = np.array([[0.1, 0.2, 0.3, *q]], dtype=float)
    assert same_pose(torch_poses.from_columns(torch_poses.to_columns(tensor(pose))).numpy(), pose)


def test_columns_of_a_quarter_turn_are_those_worked_by_hand():
    """A quarter turn about z sends x to y and y to -x."""
    columns = torch_poses.to_columns(tensor([[0, 0, 0, 0, 0, HALF, HALF]]))[0]
    torch.testing.assert_close(columns, tensor([0, 0, 0, 0, 1, 0, -1, 0, 0]))


def test_columns_need_not_be_orthonormal_but_must_name_a_rotation():
    skewed = tensor([[0, 0, 0, 0, 2, 0, -3, 5, 0]])
    assert same_pose(torch_poses.from_columns(skewed).numpy(), np.array([[0, 0, 0, 0, 0, HALF, HALF]]))
    assert torch_poses.from_columns(tensor([[0, 0, 0, 0, 1, 0, 0, 2, 0]]))[0, 3:].isnan().all(), "the envelope refuses"


@pytest.mark.parametrize("representation", ["absolute", "delta", "relative"])
def test_decoding_undoes_encoding(representation):
    chunk, observation = draw()
    space = ActionSpace(SPEC, SPEC.observation, representation)
    assert space.size == 11
    back = space.decode(space.encode(chunk, observation), observation).numpy()
    assert same_pose(back[..., :7], chunk[..., :7].numpy())
    np.testing.assert_allclose(back[..., 7:], chunk[..., 7:], atol=1e-12)


def test_relative_is_in_the_frame_of_the_newest_measured_pose():
    """Hand-worked: the robot is at (1, 0, 0), turned by a quarter about z; (1, 2, 0) lies 2 m ahead of it, on its x."""
    observation = {
        "ee": tensor([[[9, 9, 9, 0, 0, 0, 1], [1, 0, 0, 0, 0, HALF, HALF]]]),
        "q": torch.zeros(1, 2, 2).double(),
    }
    chunk = tensor([[[1, 2, 0, 0, 0, HALF, HALF, 0, 0]]])
    learned = ActionSpace(SPEC, SPEC.observation, "relative").encode(chunk, observation)[0, 0]
    torch.testing.assert_close(learned[:9], tensor([2, 0, 0, 1, 0, 0, 0, 1, 0]))


def test_joints_by_hand():
    observation = {"ee": tensor([[[0, 0, 0, 0, 0, 0, 1.0]]]), "q": tensor([[[1.0, 1.0]]])}
    chunk = torch.zeros(1, 3, 9).double()
    chunk[..., 6] = 1
    chunk[0, :, 7] = tensor([1.5, 2.0, 4.0])
    relative = ActionSpace(SPEC, SPEC.observation, {"joints": "relative"})
    delta = ActionSpace(SPEC, SPEC.observation, {"joints": "delta"})
    assert relative.encode(chunk, observation)[0, :, 9].tolist() == [0.5, 1.0, 3.0]
    assert delta.encode(chunk, observation)[0, :, 9].tolist() == [0.5, 0.5, 2.0]
    assert relative.references == ("q",), "the pose stays absolute and needs none"


def test_the_sign_of_a_quaternion_is_neither_learned_nor_jumps():
    chunk, observation = draw()
    flipped = chunk.clone()
    flipped[:, 2, 3:7] *= -1
    turned = {**observation, "ee": observation["ee"] * tensor([1, 1, 1, -1, -1, -1, -1])}
    for word in ("absolute", "delta", "relative"):
        space = ActionSpace(SPEC, SPEC.observation, word)
        torch.testing.assert_close(space.encode(flipped, turned), space.encode(chunk, observation))
    space = ActionSpace(SPEC, SPEC.observation, "relative")
    q = space.decode(space.encode(flipped, observation), observation)[..., 3:7]
    assert ((q[:, 1:] * q[:, :-1]).sum(-1) >= 0).all()
    assert ((q[:, 0] * observation["ee"][:, -1, 3:]).sum(-1) >= 0).all()


def test_a_velocity_stays_absolute_and_says_so_when_asked_otherwise():
    with pytest.raises(SpecError, match="'twist' is a twist and stays absolute"):
        ActionSpace(TWIST, TWIST.observation, {"twist": "delta"})
    with pytest.raises(SpecError, match="action_representation is 'relative', but only poses and joint"):
        ActionSpace(TWIST, TWIST.observation, "relative")
    assert ActionSpace(TWIST, TWIST.observation).plain


def test_a_reference_must_be_there_be_one_and_be_in_the_same_frame():
    only_q = Layout((JOINTS,))
    with pytest.raises(SpecError, match="'target' needs one observation that tells where the robot is.*none"):
        ActionSpace(SPEC, only_q, {"target": "relative"})
    two = Layout((EE, Field("cube", (7,), kind="pose")))
    with pytest.raises(SpecError, match="name it in action_reference"):
        ActionSpace(SPEC, two, {"target": "relative"})
    assert ActionSpace(SPEC, two, {"target": "relative"}, {"target": "ee"}).references == ("ee",)
    with pytest.raises(SpecError, match="'q' cannot tell where action 'target' starts"):
        ActionSpace(SPEC, SPEC.observation, {"target": "relative"}, {"target": "q"})
    elsewhere = Layout((Field("ee", (7,), kind="pose", frame="camera"),))
    with pytest.raises(SpecError, match="frame 'camera'|in 'camera'"):
        ActionSpace(SPEC, elsewhere, {"target": "relative"})
    with pytest.raises(SpecError, match="no action 'targt'. Did you mean 'target'"):
        ActionSpace(SPEC, SPEC.observation, {"targt": "relative"})
    with pytest.raises(ValueError, match="'relativ' is none of"):
        PolicyConfig(action_representation="relativ")


def test_statistics_are_of_converted_rows_and_never_of_padding():
    """A robot that is led by 0.1 a step from wherever it is: the second of two rows is padding."""
    observation = {"ee": np.tile(np.array([0, 0, 0, 0, 0, 0, 1.0]), (3, 1, 1)), "q": np.arange(6.0).reshape(3, 1, 2)}
    actions = np.zeros((3, 2, 9))
    actions[..., 6] = 1
    actions[..., 7:] = observation["q"] + 0.1
    actions[:, 1, 7:] = 1000
    mask = np.array([[True, False]] * 3)
    rows = ActionSpace(SPEC, SPEC.observation, "relative").learned_rows(actions, mask, observation)
    assert rows.shape == (3, 11)
    np.testing.assert_allclose(rows[:, 9:], 0.1)


def test_statistics_of_very_many_windows_are_of_evenly_spaced_ones():
    chosen = sampled_windows(1_000_000)
    assert len(chosen) == 200_000 and chosen[0] == 0 and chosen[-1] == 999_999
    assert sampled_windows(3).tolist() == [0, 1, 2]


def led_robot(word, head, steps=200):
    """A policy trained to lead the pose by 0.05 m a step along its own x axis, from random poses; joints stay."""
    config = PolicyConfig(
        n_obs=2,
        horizon=4,
        n_action_steps=2,
        action_representation=word,
        encoder=EncoderConfig(width=16),
        head=head,
    )
    rng = np.random.default_rng(0)
    n = 128
    ee, q = draw_poses(n, 2, seed=3), rng.normal(size=(n, 2, 2))
    ahead = np.zeros((n, 4, 7))
    ahead[..., 0], ahead[..., 6] = 0.05 * np.arange(1, 5), 1
    actions = np.concatenate([poses.compose(ee[:, -1:], ahead), np.repeat(q[:, -1:], 4, axis=1)], axis=-1)
    rows = action_space(SPEC, SPEC.observation, config).learned_rows(actions, np.ones((n, 4), bool), {"ee": ee, "q": q})
    fields = {"ee": Statistics.of(ee[:, -1]), "q": Statistics.of(q[:, -1]), "action": Statistics.of(rows)}
    torch.manual_seed(0)
    policy = ChunkPolicy(SPEC, SPEC.observation, config, fields)
    optimizer = torch.optim.Adam(policy.parameters(), lr=3e-3)
    batch = {"ee": ee, "q": q, "action": actions}
    batch = {k: torch.from_numpy(v).float() for k, v in batch.items()} | {"action_mask": torch.ones(n, 4).bool()}
    for _ in range(steps):
        loss = policy.loss(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return policy.eval()


@pytest.mark.parametrize("word", ["relative", "delta"])
@pytest.mark.parametrize("head", [FlowConfig(width=32), GaussianConfig(width=32)], ids=lambda h: h.name)
def test_a_policy_learns_poses_from_where_it_is_and_carries_over_to_where_it_never_was(word, head):
    policy = led_robot(word, head)
    policy.reset(seed=0)
    far = np.array([50.0, -20.0, 5.0, *poses.normalize([0.5, -0.5, 0.5, 0.5])])
    old = np.array([9.0, 9.0, 9.0, 0, 0, 0, 1])
    chunk = policy.predict({"ee": np.stack([old, far]), "q": np.array([[9.0, 9], [2.0, 3.0]])})
    ahead = poses.compose(far, np.array([[0.05 * k, 0, 0, 0, 0, 0, 1] for k in range(1, 5)]))
    assert np.abs(poses.error(chunk[:, :7], ahead)).max() < 0.1
    np.testing.assert_allclose(chunk[:, 7:], [[2.0, 3.0]] * 4, atol=0.02)


class Follower:
    """A robot that goes where it is told at once; yields the commands it got."""

    def __init__(self, executor, steps):
        executor.reset(0)
        pose, self.commands = np.array([0, 0, 0, 0, 0, 0, 1.0]), []
        for _ in range(steps):
            action = executor.act({"ee": pose, "q": np.zeros(2)})
            if action is not None:
                self.commands.append(action[0])
                pose = action[:7]
        executor.close()


def test_rows_become_commands_once_with_the_observation_that_was_asked_with():
    """Every chunk leads 0.05, 0.10, 0.15, 0.20 m ahead of where the robot was when it was asked for. With a latency of
    one step the first row is missed, and later chunks arrive when the robot has gone on: their rows must be neither
    shifted to the pose at arrival nor added twice."""
    policy = led_robot("relative", GaussianConfig(width=32))
    waited = Follower(ChunkExecutor(policy), 8).commands
    np.testing.assert_allclose(waited, 0.05 * np.arange(1, 9), atol=0.02)
    late = AsyncExecutor(policy, 2, latency=1, expected=1, overrun="still", continuing=False)
    commands = Follower(late, 9).commands
    np.testing.assert_allclose(commands, 0.05 * np.arange(2, 10), atol=0.02)


def test_a_continued_chunk_begins_with_the_commands_that_are_under_way():
    policy = led_robot("relative", FlowConfig(width=32), steps=20)
    here = np.array([1.0, 2.0, 3.0, 0, 0, HALF, HALF])
    committed = np.zeros((4, 9))
    committed[:2, :7] = poses.compose(here, np.array([[0.5, 0, 0, 0, 0, 0, 1], [0.7, 0.1, 0, 0, 0, 0, 1]]))
    observation = {"ee": np.stack([here, here]), "q": np.zeros((2, 2))}
    chunk = policy.predict_onto(observation, committed, np.array([1.0, 1.0, 0.0, 0.0]), 2)
    assert same_pose(chunk[:2, :7], committed[:2, :7], 1e-4)
    assert np.isfinite(chunk).all()
