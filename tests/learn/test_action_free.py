import dataclasses
import shutil

import numpy as np
import pytest
import torch

from robot_rl.learn.config import TrainConfig, TrainingError
from robot_rl.learn.data import load_data, tensors
from robot_rl.learn.trainer import Trainer
from robot_rl.learn.verifier import features
from robot_rl.policies.auxiliary import AuxiliaryConfig
from robot_rl.policies.joint import JointConfig


@pytest.fixture
def watching(make_dataset, small, tmp_path):
    """A run that learns from two demonstrations, and from two episodes whose actions would spoil everything."""
    config = small(make_dataset(2), holdout=0.0, batch=32)
    executed = np.array([1.0])
    watched = make_dataset(2, name="watched", executed=executed)
    policy = dataclasses.replace(config.policy, head=JointConfig(width=16, depth=2, condition=8))
    return dataclasses.replace(config, policy=policy, action_free=(watched,))


def tensors_of(data):
    """A batch of windows that are only watched."""
    windows = data.train.windows
    return tensors(windows.batch(np.flatnonzero(~windows.known)[:8]), torch.device("cpu"))


def test_what_is_only_watched_teaches_observations_and_no_action(watching):
    data = load_data(watching, torch.device("cpu"))
    alone = load_data(dataclasses.replace(watching, action_free=()), torch.device("cpu"))
    assert len(data.train) == 2 * len(alone.train)
    assert data.statistics["action"].maximum.tolist() == alone.statistics["action"].maximum.tolist()
    assert [d.get("action_free", False) for d in data.identity["datasets"]] == [False, True]

    policy = Trainer(watching, data, torch.device("cpu")).policy
    batch = tensors_of(data)

    def gradients(**changes):
        policy.zero_grad()
        torch.manual_seed(0)
        policy.loss(batch | changes).backward()
        return torch.cat([p.grad.flatten() for p in policy.parameters() if p.grad is not None])

    learnt = gradients()
    assert learnt.abs().max() > 0, "observations are learned from"
    torch.testing.assert_close(gradients(action=batch["action"] + 7.0), learnt)
    rows = policy.head.network.output.bias.grad  # of the chunk first, then of the latent
    chunk = policy.horizon * policy.action_space.size
    assert not rows[:chunk].any() and rows[chunk:].any()


def test_a_verifier_counts_no_chunk_of_what_is_only_watched(watching):
    data = load_data(watching, torch.device("cpu"))
    policy = Trainer(watching, data, torch.device("cpu")).policy
    rows = features(policy, data)
    assert len(rows) == data.train.windows.known.sum() == len(data.train) / 2


def test_an_episode_that_is_learned_from_with_its_actions_is_not_watched_besides(watching, tmp_path):
    both = tmp_path / "both"
    shutil.copytree(watching.dataset[0], both)  # the same episodes, by their ids
    config = dataclasses.replace(watching, action_free=(both, *watching.action_free), holdout=0.5)
    data = load_data(config, torch.device("cpu"))
    alone = load_data(dataclasses.replace(config, action_free=watching.action_free), torch.device("cpu"))
    assert len(data.train.windows) == len(alone.train.windows)
    assert data.train.windows.known.sum() == alone.train.windows.known.sum() > 0
    assert data.holdout.known.all(), "and what is held out is not trained on"


def test_any_head_learns_later_observations_from_what_is_only_watched(watching, small):
    latents = AuxiliaryConfig(latents=0.5)
    flow = dataclasses.replace(small(watching.dataset[0]).policy, auxiliary=latents)
    config = dataclasses.replace(watching, policy=flow)
    data = load_data(config, torch.device("cpu"))
    policy = Trainer(config, data, torch.device("cpu")).policy
    policy.loss(tensors_of(data)).backward()
    assert not any(p.grad.any() for p in policy.head.parameters())
    assert all(p.grad.any() for p in policy.later.predictor.parameters())


def test_a_policy_that_learns_from_actions_alone_is_refused(watching, small):
    with pytest.raises(TrainingError, match="head 'flow' and auxiliary.latents 0.0 learns from actions alone"):
        dataclasses.replace(small(watching.dataset[0]), action_free=watching.action_free)


def test_a_recipe_names_them(watching):
    assert TrainConfig.from_dict(watching.to_dict()) == watching
