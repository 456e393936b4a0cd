"""A policy acts on what it sees now, or not at all."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs robot_rl[ros]")
torch = pytest.importorskip("torch", reason="needs robot_rl[train]")

import rclpy  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from sensor_msgs.msg import Image, JointState  # noqa: E402
from std_msgs.msg import String  # noqa: E402

from robot_rl.hardware.config import load  # noqa: E402
from robot_rl.hardware.robot import Reading  # noqa: E402
from robot_rl.policies import checkpoint  # noqa: E402
from robot_rl.policies.chunk_policy import ChunkPolicy  # noqa: E402
from robot_rl.policies.config import PolicyConfig  # noqa: E402
from robot_rl.policies.encoders import EncoderConfig  # noqa: E402
from robot_rl.policies.flow import FlowConfig  # noqa: E402
from robot_rl.policies.normalization import Statistics  # noqa: E402
from robot_rl.ros import codecs, topics  # noqa: E402
from robot_rl.ros.policy_node import PolicyNode  # noqa: E402
from robot_rl.ros.state import StatePublisher  # noqa: E402
from robot_rl.spec import Field, Layout  # noqa: E402

CONFIG = load("sim_crazyflie")
SPEC = CONFIG.spec


def save_policy(folder: Path) -> Path:
    """A policy with random weights that looks at the goal and the camera `front`."""
    inputs = Layout((SPEC.observation["goal"], Field("front", (128, 128, 3), kind="image", dtype="uint8")))
    rows = np.random.default_rng(0).uniform(-1.0, 1.0, (20, 4))
    statistics = {"goal": Statistics.of(rows[:, :3]), "action": Statistics.of(rows)}
    encoder = EncoderConfig(width=16, channels=(8,), keypoints=4)
    config = PolicyConfig(observation=tuple(inputs), n_obs=1, encoder=encoder, head=FlowConfig(width=16, depth=1))
    return checkpoint.save(folder, ChunkPolicy(SPEC, inputs, config, statistics), statistics)


class World(Node):  # type: ignore[misc]
    """A robot and a camera whose picture can be switched off, and what the policy proposes."""

    def __init__(self) -> None:
        super().__init__("world")
        self.seeing = True
        self.proposals: list[int] = []
        self._state = StatePublisher(self, SPEC)
        self._image = self.create_publisher(Image, topics.image("front"), topics.stream())
        self._events = self.create_publisher(String, topics.EPISODE_EVENT, topics.latched())
        self.create_subscription(
            JointState, topics.POLICY_ACTION, lambda m: self.proposals.append(codecs.stamp_of(m)), topics.stream()
        )
        self.create_timer(0.02, self._tick)

    def begin(self) -> None:
        event = {"event": "begin", "purpose": "deployment", "stamp": time.time_ns(), "seed": 0, "episode": "e"}
        self._events.publish(String(data=json.dumps(event)))

    def _tick(self) -> None:
        now = time.time_ns()
        values = {f.name: np.zeros(f.size) for f in SPEC.observation.vectors}
        self._state.publish(Reading(values, dict.fromkeys(values, now)))
        if self.seeing:
            self._image.publish(codecs.encode_image(now, "front", np.zeros((128, 128, 3), np.uint8)))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[tuple[World, Callable[[Callable[[], bool]], bool]]]:
    parameters = ("robot:=sim_crazyflie", f"checkpoint:={save_policy(tmp_path)}")
    rclpy.init(args=["--ros-args", *(part for p in parameters for part in ("-p", p))])
    world, policy, executor = World(), PolicyNode(), SingleThreadedExecutor()
    executor.add_node(world)
    executor.add_node(policy)

    def spin(until: Callable[[], bool], timeout: float = 20.0) -> bool:
        deadline = time.monotonic() + timeout
        while not until() and time.monotonic() < deadline:
            executor.spin_once(timeout_sec=0.02)
        return until()

    yield world, spin
    policy.close()
    for node in (policy, world):
        node.destroy_node()
    rclpy.try_shutdown()


def test_a_policy_does_not_act_on_a_picture_that_is_old(
    world: tuple[World, Callable[[Callable[[], bool]], bool]],
) -> None:
    node, spin = world
    node.begin()
    assert spin(lambda: len(node.proposals) > 5)
    node.seeing = False
    blind = time.time_ns()
    allowed = CONFIG.limits["observation_timeout"] + 2 / CONFIG.cameras["front"].fps
    until = time.monotonic() + allowed + 1.0
    assert spin(lambda: time.monotonic() > until)
    assert node.proposals[-1] - blind < (allowed + 0.1) * 1e9
    silent = len(node.proposals)
    node.seeing = True
    assert spin(lambda: len(node.proposals) > silent + 5)
