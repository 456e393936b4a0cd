import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
import yaml

from robot_rl.learn.config import TrainingError
from robot_rl.learn.parallel import World
from robot_rl.learn.train import _check_together, train
from robot_rl.policies import checkpoint
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.encoders import EncoderConfig
from robot_rl.policies.flow import FlowConfig
from robot_rl.policies.gaussian import GaussianConfig


def curve(directory: Path, name: str = "loss") -> list[float]:
    return [value for _, value in json.loads((directory / "curves.json").read_text())[name]]


def together(config, recipe: Path, processes: int) -> subprocess.CompletedProcess[str]:
    """The run that torchrun makes of the command line, on the CPU."""
    recipe.write_text(yaml.safe_dump(config.to_dict()))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command += ["-m", "robot_rl.cli", "train", "--recipe", str(recipe)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=110, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )


def policy(head: object) -> PolicyConfig:
    return PolicyConfig(horizon=6, n_action_steps=3, encoder=EncoderConfig(width=32), head=head)


@pytest.mark.parametrize(
    ("head", "parts"),
    [
        pytest.param(GaussianConfig(width=64), 1, marks=pytest.mark.slow),  # draws nothing: just what one does
        (FlowConfig(width=64, condition=32), 2),  # draws noise a part: what one does with two parts
    ],
)
def test_two_processes_reach_the_losses_of_one(make_dataset, small, tmp_path, head, parts):
    """Chunks at the ends of episodes are padded, so the processes' shares of valid steps differ in every batch."""
    one = small(make_dataset(3), steps=30, policy=policy(head), parts=parts, output=tmp_path / "one", holdout=0.3)
    alone = train(one, progress=False)
    two = replace(one, parts=0, output=tmp_path / "two", device="cpu")
    done = together(two, tmp_path / "train.yaml", processes=2)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("checkpoint:") == 1  # the first process alone speaks
    for name in ("loss", "gradient_norm", "holdout_loss"):
        np.testing.assert_allclose(curve(tmp_path / "two", name), curve(alone.directory, name), rtol=1e-5)
    card = checkpoint.read_card(tmp_path / "two")
    assert card.training["processes"] == 2 and card.training["step"] == 30


def test_a_batch_in_parts_has_the_gradient_of_the_whole_batch(make_dataset, small, tmp_path):
    path, head = make_dataset(3), policy(GaussianConfig(width=64))
    whole, parts = (
        train(small(path, steps=20, policy=head, parts=n, output=tmp_path / str(n)), progress=False) for n in (1, 4)
    )
    np.testing.assert_allclose(curve(parts.directory), curve(whole.directory), rtol=1e-5)
    np.testing.assert_allclose(
        curve(parts.directory, "gradient_norm"), curve(whole.directory, "gradient_norm"), rtol=1e-4
    )


def test_a_batch_that_does_not_divide_is_refused(make_dataset, small):
    with pytest.raises(TrainingError, match="a batch of 32 does not divide into 5 equal parts"):
        train(small(make_dataset(2), parts=5), progress=False)


def test_processes_that_would_go_on_from_different_steps_are_refused(tmp_path):
    """Each reads the state on its own computer: the second found none there."""

    class Found(World):
        others: ClassVar = [0, 0]

        def sum(self, values):
            return values + torch.tensor(self.others)

    cpu = torch.device("cpu")
    for rank in (0, 1):
        _check_together(Found(rank, 2), 0, tmp_path, cpu)
    Found.others = [0, 7]
    with pytest.raises(TrainingError, match=f"from different steps: 20, 7, by rank.*{tmp_path}.*file system that all"):
        _check_together(Found(0, 2), 20, tmp_path, cpu)
    _check_together(World(), 20, tmp_path, cpu)
