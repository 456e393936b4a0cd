"""The policy node refuses what would not keep up with the robot, before anything moves."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs robot_rl[ros]")
pytest.importorskip("torch", reason="needs robot_rl[train]")

from robot_rl.control.safety import Safety  # noqa: E402
from robot_rl.datasets.record import Phase, Source  # noqa: E402
from robot_rl.hardware import config as hardware_config  # noqa: E402
from robot_rl.hardware.robot import Reading  # noqa: E402
from robot_rl.policies import checkpoint  # noqa: E402
from robot_rl.policies.chunk_policy import ChunkPolicy  # noqa: E402
from robot_rl.policies.config import PolicyConfig  # noqa: E402
from robot_rl.policies.flow import FlowConfig  # noqa: E402
from robot_rl.policies.normalization import Statistics  # noqa: E402
from robot_rl.ros import wire  # noqa: E402
from robot_rl.ros.policy_node import PolicyNode  # noqa: E402
from robot_rl.runtime.arbiter import Decision  # noqa: E402
from robot_rl.spec import Layout  # noqa: E402

NODE = Path(__file__).parents[2] / "ros2_ws" / "src" / "robot_rl" / "scripts" / "policy_node"


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """A policy for the 50 Hz quadrotor that takes 1000 network evaluations for a chunk."""
    spec = hardware_config.load("sim_crazyflie").spec
    ones = Statistics.of(np.eye(7))
    inputs = Layout((spec.observation["pose"],))
    head = FlowConfig(width=16, sampling_steps=1000)
    statistics = {"pose": ones, "action": Statistics.of(np.eye(spec.action.size))}
    return checkpoint.save(
        tmp_path,
        ChunkPolicy(spec, inputs, PolicyConfig(horizon=4, n_action_steps=2, head=head), statistics),
        statistics,
    )


def start(slow: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(NODE), "--ros-args", "-p", "robot:=sim_crazyflie", "-p", f"checkpoint:={slow}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)


def test_a_policy_slower_than_its_robot_is_refused_with_both_figures(slow: Path) -> None:
    result = start(slow)
    assert result.returncode == 1
    figures = r"a chunk takes \d+ ms, and robot 'sim_crazyflie' wants an action every 20 ms \(50 Hz\)"
    assert re.search(figures, result.stderr), result.stderr


def test_an_executor_that_wants_to_know_is_told_what_the_robot_was_sent() -> None:
    spec = hardware_config.load("sim_pegslot").spec
    heard: list[np.ndarray] = []

    class Follows:
        def follow(self, executed: np.ndarray) -> None:
            heard.append(executed)

    node = PolicyNode.__new__(PolicyNode)  # the decision's way through the node, without a graph around it
    node.spec, node._executor, node._active = spec, Follows(), False
    none = np.full(3, np.nan)
    sent, asked = np.array([0.01, -0.02, 0.1]), np.array([0.05, 0.0, 0.0])
    decision = Decision(5, sent, Source.HUMAN, Phase.CORRECTION, Safety(0), none, asked, interrupted=True)
    node._on_decision(wire.decision_message(spec.action, decision))
    np.testing.assert_allclose(heard, [sent])
    assert node._interrupted


@pytest.mark.parametrize(
    ("source", "phase", "safety", "void"),
    [
        (Source.POLICY, Phase.AUTONOMOUS, Safety(0), False),
        (Source.HUMAN, Phase.CORRECTION, Safety(0), True),
        (Source.NONE, Phase.CORRECTION, Safety.DEADMAN, True),  # the human has taken over, and let go of the clutch
        (Source.NONE, Phase.AUTONOMOUS, Safety.RETREAT, True),
        (Source.NONE, Phase.AUTONOMOUS, Safety.NOT_FINITE, True),  # as the loop in one process has it
        (Source.NONE, Phase.AUTONOMOUS, Safety.STALE_OBSERVATION, True),
        (Source.NONE, Phase.AUTONOMOUS, Safety.ESTOP, True),
        (Source.NONE, Phase.AUTONOMOUS, Safety.STALE_COMMAND, False),  # the policy was late
        (Source.NONE, Phase.AUTONOMOUS, Safety(0), False),  # it had no action to give
    ],
)
def test_what_is_left_of_a_chunk_is_void_after_a_step_that_somebody_else_took(
    source: Source, phase: Phase, safety: Safety, void: bool
) -> None:
    spec = hardware_config.load("sim_pegslot").spec
    node = PolicyNode.__new__(PolicyNode)
    node.spec, node._executor, node._active = spec, None, False
    none = np.full(3, np.nan)
    decision = Decision(5, np.zeros(3), source, phase, safety, none, none, interrupted=source is not Source.POLICY)
    node._on_decision(wire.decision_message(spec.action, decision))
    assert node._interrupted is void


@pytest.mark.parametrize(
    ("ages", "acts"),
    [
        ({}, True),
        ({"object_pose": 0.2}, True),
        ({"object_pose": 0.5}, False),
        ({"gripper_position": 60.0}, True),  # the policy does not look at it
    ],
)
def test_a_policy_does_not_act_on_a_measurement_that_has_stood_still(ages: dict[str, float], acts: bool) -> None:
    setup = hardware_config.load("sim_lift")
    node = PolicyNode.__new__(PolicyNode)
    said: list[str] = []
    interrupted: list[bool] = []
    node.get_logger = lambda: SimpleNamespace(warning=lambda text, **_: said.append(text))
    node.spec, node.config, node.lockstep, node._start = setup.spec, setup, False, 0
    node._policy = SimpleNamespace(observation_names=("ee_pose", "object_pose"))
    node._executor = SimpleNamespace(interrupt=lambda: interrupted.append(True))
    node._images, node._cameras, node._oldest = {}, [], node._ages()
    now, fields = 10**11, setup.spec.observation.vectors
    reading = Reading(
        {f.name: np.zeros(f.shape) for f in fields},
        {f.name: now - round(1e9 * ages.get(f.name, 0.0)) for f in fields},
    )
    node._state = SimpleNamespace(latest=reading)
    seen = node._observation()
    assert (seen is not None, not interrupted, not said) == (acts, acts, acts)
    if seen is not None:
        assert seen[0] == now and set(seen[1]) == {"ee_pose", "object_pose"}
    else:
        assert len(said) == 1 and said[0].startswith("nothing new of 'object_pose' for 0.5 s: the policy waits; ")
