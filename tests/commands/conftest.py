"""A small data set, written through the real writer: 12 steps of Lift, a take-over in the middle; and a policy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from robot_rl.control.safety import Safety
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.record import Phase, Sample, Source, Step
from robot_rl.hardware.config import load

STEPS = 12


@pytest.fixture(scope="session")
def lift_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = load("sim_lift")
    path = tmp_path_factory.mktemp("datasets") / "lift"
    with Dataset.create(path, config.spec, config.cameras) as dataset:
        writer = dataset.new_episode(purpose="deployment", seed=3, instruction="lift the cube")
        for t in range(STEPS + 1):
            stamp = 10**9 + t * config.spec.period_ns
            for f in config.spec.observation.vectors:
                value = np.full(f.shape, 0.1 * t)
                if f.kind == "pose":
                    value = np.array([0.4 + 0.01 * t, 0.0, 0.2, 0.0, 0.0, 0.0, 1.0])
                writer.add_sample(Sample(f.name, stamp, value))
            for camera in config.cameras.values():
                picture = np.full((camera.height, camera.width, 3), 10 * t, np.uint8)
                writer.add_sample(Sample(camera.name, stamp, picture))
            if t < STEPS:
                writer.add_step(make_step(t, stamp, config.spec.action.size))
        writer.commit(True)
    return path


def make_step(t: int, stamp: int, size: int) -> Step:
    """Policy until step 5, rewinding until 7, human from there on."""
    source = Source.POLICY if t < 5 else Source.REWIND if t < 7 else Source.HUMAN
    phase = {Source.POLICY: Phase.AUTONOMOUS, Source.REWIND: Phase.RECOVERY, Source.HUMAN: Phase.CORRECTION}[source]
    action, none = np.full(size, 0.01 * t), np.full(size, np.nan)
    return Step(
        stamp=stamp,
        executed=action,
        proposed=action if source is Source.POLICY else none,
        human=action if source is Source.HUMAN else none,
        source=source,
        phase=phase,
        safety=Safety.RATE if t == 2 else Safety(0),
        reward=float(t == STEPS - 1),
        success=t == STEPS - 1,
    )


@pytest.fixture(scope="session")
def lost(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy for the simulated quadrotor with random weights, which goes anywhere."""
    torch = pytest.importorskip("torch", reason="needs robot_rl[train]")
    from robot_rl.policies import checkpoint
    from robot_rl.policies.chunk_policy import ChunkPolicy
    from robot_rl.policies.config import PolicyConfig
    from robot_rl.policies.normalization import Statistics
    from robot_rl.spec import Layout

    torch.manual_seed(0)
    spec = load("sim_crazyflie").spec
    numbers = np.random.default_rng(0).normal(size=(9, 7))
    statistics = {"pose": Statistics.of(numbers), "action": Statistics.of(numbers[:, : spec.action.size])}
    small = PolicyConfig(horizon=8, n_action_steps=4)
    policy = ChunkPolicy(spec, Layout((spec.observation["pose"],)), small, statistics)
    return checkpoint.save(tmp_path_factory.mktemp("policy"), policy, statistics)
