"""The slow-fast head through training and evaluation: fast fields reach it, and feeling beats not feeling."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from robot_rl.datasets import Dataset
from robot_rl.hardware import config as hardware_config
from robot_rl.hardware.teleop import Teleop
from robot_rl.learn.config import TrainConfig
from robot_rl.learn.data import load_data
from robot_rl.learn.evaluate import evaluate
from robot_rl.learn.train import train
from robot_rl.policies import checkpoint
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.encoders import EncoderConfig
from robot_rl.policies.modes import ExecutionConfig
from robot_rl.policies.slow_fast import SlowFastConfig
from robot_rl.runtime.arbiter import Arbiter
from robot_rl.runtime.episodes import EpisodeMachine, EpisodeRules
from robot_rl.runtime.loop import run_episode
from robot_rl.runtime.recorder import Recorder


def test_training_gives_the_head_what_was_sensed_along_the_chunk(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    policy = PolicyConfig(
        observation=("clock",), n_obs=1, horizon=4, n_action_steps=2, encoder=EncoderConfig(width=16),
        head=SlowFastConfig(fast=("clock",), width=16, channels=16, decoder_width=16),
    )  # fmt: skip
    config = TrainConfig((make_dataset(2),), policy, output=tmp_path / "run", steps=3, batch=8, warmup=1, holdout=0.0)
    batch = load_data(config, torch.device("cpu")).train.next()
    along = batch["clock"][:, :1] + torch.arange(4.0)[None, :, None]
    mask = batch["action_mask"]
    assert torch.equal(batch["future.clock"][mask], along[mask])
    loaded = checkpoint.load(train(config, progress=False).checkpoint)
    assert loaded.can_react and loaded.fast_names == ("clock",)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_wiping_by_feel_beats_the_same_latent_policy_without_the_fast_path(tmp_path: Path) -> None:
    setup = hardware_config.load("sim_wiping")
    robot, arbiter = hardware_config.make(setup), Arbiter.from_config(setup)
    with Dataset.create(tmp_path / "wiping", setup.spec) as dataset:
        for seed in range(20):
            run_episode(
                robot,
                arbiter,
                EpisodeMachine(EpisodeRules.of_task(setup.task)),
                operator=hardware_config.make_operator(setup, "expert"),
                teleop=Teleop(setup.spec, setup.teleop),
                recorder=Recorder(dataset),
                seed=seed,
            )
    rates = []
    for fast in (("force",), ()):
        policy = PolicyConfig(
            observation=("tip", "lead", "force"), horizon=16, n_action_steps=12, head=SlowFastConfig(fast=fast)
        )
        config = TrainConfig(
            (tmp_path / "wiping",), policy, output=tmp_path / f"run{len(fast)}", steps=300, batch=128, warmup=50,
            holdout=0.0,
        )  # fmt: skip
        path = train(config, progress=False).checkpoint
        execution = ExecutionConfig("slow_fast", latency_steps=2, overrun="last")
        result = evaluate(path, "sim_wiping", range(1000, 1010), execution=execution, allow_slow=True)
        rates.append(result.proportion.rate)
    assert rates[0] >= 0.9 and rates[1] <= 0.4
