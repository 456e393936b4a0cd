"""Verifiers of trained policies, on the data set whose action the observation tells."""

import shutil

import numpy as np
import pytest

from robot_rl.learn.config import TrainConfig, TrainingError
from robot_rl.learn.data import load_data
from robot_rl.learn.train import train
from robot_rl.learn.verifier import features, train_verifier
from robot_rl.policies import checkpoint
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.encoders import EncoderConfig
from robot_rl.policies.flow import FlowConfig
from robot_rl.policies.verifier_counts import CountConfig


@pytest.fixture
def trained(make_dataset, tmp_path):
    config = TrainConfig(
        dataset=(make_dataset(4),),
        policy=PolicyConfig(
            observation=("clock",),
            horizon=4,
            n_action_steps=2,
            encoder=EncoderConfig(width=16),
            head=FlowConfig(width=16, depth=2),
        ),
        output=tmp_path / "run",
        select="all",
        steps=20,
        batch=32,
        warmup=2,
        device="cpu",
    )
    train(config, progress=False)
    return config


def test_a_verifier_is_trained_on_the_windows_of_its_policy_and_then_chooses(trained, tmp_path):
    seen = []
    file = train_verifier(
        tmp_path / "run", CountConfig(width=16, steps=300, lr=1e-2), progress=lambda s, loss: seen.append(loss)
    )
    assert file.is_file() and len(seen) == 300
    policy = checkpoint.load(tmp_path / "run")
    policy.choose_among(16)
    assert policy.predict({"clock": np.array([[3.0], [4.0]])}).shape == (4, 1)
    data = load_data(trained, policy.device)
    rows = features(policy, data)
    data.train.close()
    assert rows.shape == (len(data.train), 16 + 4)
    assert policy.choice.verifier.inverse_count(rows).mean() < 0.7


def test_data_that_have_changed_are_refused(trained, make_dataset, tmp_path):
    shutil.rmtree(trained.dataset[0])
    make_dataset(5)
    with pytest.raises(TrainingError, match="have changed since the policy was trained"):
        train_verifier(tmp_path / "run", CountConfig(steps=1))
