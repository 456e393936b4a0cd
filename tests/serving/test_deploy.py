"""A served policy flies the simulated quadrotor: over ROS in lockstep, and in one process, with the same result."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs robot_rl[ros]")
pytest.importorskip("mujoco", reason="needs robot_rl[sim]")
torch = pytest.importorskip("torch", reason="needs robot_rl[train]")

from robot_rl.datasets.dataset import Dataset  # noqa: E402
from robot_rl.datasets.record import Source  # noqa: E402
from robot_rl.hardware import config as hardware_config  # noqa: E402
from robot_rl.policies import checkpoint  # noqa: E402
from robot_rl.policies.chunk_policy import ChunkPolicy  # noqa: E402
from robot_rl.policies.config import PolicyConfig  # noqa: E402
from robot_rl.policies.normalization import Statistics  # noqa: E402
from robot_rl.spec import Layout  # noqa: E402

STEPS = 30


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy with random weights for the simulated quadrotor."""
    torch.manual_seed(0)
    spec = hardware_config.load("sim_crazyflie").spec
    rng = np.random.default_rng(0)
    statistics = {
        "pose": Statistics.of(rng.normal(size=(9, 7))),
        "action": Statistics.of(0.1 * rng.normal(size=(9, spec.action.size))),
    }
    inputs = Layout((spec.observation["pose"],))
    policy = ChunkPolicy(spec, inputs, PolicyConfig(horizon=8, n_action_steps=4), statistics)
    return checkpoint.save(tmp_path_factory.mktemp("policy"), policy, statistics)


def cli(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "robot_rl.cli", *arguments]


@pytest.fixture(scope="module")
def server(untrained: Path) -> Iterator[str]:
    """The address of `robot-rl serve` in a process of its own."""
    process = subprocess.Popen(
        cli("serve", "--checkpoint", str(untrained), "--port", "0"), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"ws://127\.0\.0\.1:\d+", line)
    assert found, line
    yield found.group()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0


def deploy(name: str, data: Path, *extra: str) -> dict[str, np.ndarray]:
    """The recorded steps of one episode."""
    command = cli("deploy", "--checkpoint", name, "--robot", "sim_crazyflie", "--no-intervene", "--episodes", "1")
    command += ["--dataset", str(data), "--cameras", "none", "--max-steps", str(STEPS), "--seed", "3"]
    command += ["--execution", "rtc", "--latency-steps", "2", *extra]
    result = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return {k: np.array(v) for k, v in Dataset.open(data)[0].steps.items()}


def test_in_process_from_a_folder_or_a_server_and_over_ros_the_robot_does_the_same(
    untrained: Path, server: str, tmp_path: Path
) -> None:
    here = deploy(str(untrained), tmp_path / "here", "--in-process")
    assert len(here["source"]) == STEPS
    assert (here["source"][:2] == Source.NONE).all(), "until the first chunk is there, two steps later, it holds still"
    assert (here["source"][2:] == Source.POLICY).all()
    served = deploy(server, tmp_path / "served", "--in-process")
    over_ros = deploy(server, tmp_path / "ros", "--lockstep")
    for other in (served, over_ros):
        np.testing.assert_array_equal(other["source"], here["source"])
        np.testing.assert_allclose(other["executed"], here["executed"], atol=1e-6)
        np.testing.assert_allclose(other["proposed"], here["proposed"], atol=1e-6)
