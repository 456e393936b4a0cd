"""One task, two ways to run it: the same actions from the same start give the same observations."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs robot_rl[ros]")
pytest.importorskip("robosuite", reason="needs robosuite")

import rclpy  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402

from robot_rl.hardware.robot import Reading  # noqa: E402
from robot_rl.ros import codecs, topics  # noqa: E402
from robot_rl.ros.node import RobotNode  # noqa: E402
from robot_rl.ros.state import StateSubscriber  # noqa: E402
from robot_rl.sim.environment import make_env  # noqa: E402

STEPS, SEED = 25, 7
SCRIPTS = Path(__file__).parents[2] / "ros2_ws" / "src" / "robot_rl" / "scripts"


class Player(RobotNode):
    """Stands in for the policy node: proposes a fixed action for each reading and keeps the readings."""

    def __init__(self, actions: np.ndarray) -> None:
        super().__init__("player")
        self.actions, self.readings = actions, []  # type: list[Reading]
        self._publisher = self.create_publisher(JointState, topics.POLICY_ACTION, topics.stream())
        self._episode = {"episode": uuid.uuid4().hex, "seed": SEED, "purpose": "evaluation"}
        self._start: int | None = None
        self._state = StateSubscriber(self, self.spec, self._on_reading, lockstep=True)
        self.on_event(topics.ROBOT_EVENT, self._on_robot)
        self.create_timer(0.5, self._ask)

    def _ask(self) -> None:
        if self._start is None:
            self.publish_event(topics.EPISODE_EVENT, event="reset", **self._episode)

    def _on_robot(self, event: dict[str, Any]) -> None:
        if event["event"] == "ready" and self._start is None:
            self._start = event["stamp"]
            self.publish_event(topics.EPISODE_EVENT, event="begin", stamp=self._start, **self._episode)
            if self._state.latest is not None:
                self._on_reading(self._state.latest)

    def _on_reading(self, reading: Reading) -> None:
        if self._start is None or reading.stamp < self._start:
            return
        step = round((reading.stamp - self._start) / self.spec.period_ns)
        if step == len(self.readings):
            self.readings.append(reading)
        if step < len(self.actions):
            action = self.actions[step]
            self._publisher.publish(codecs.labelled(reading.stamp, self.spec.action.labels, action))


def over_ros(actions: np.ndarray) -> list[Reading]:
    """Run the actions through the real robot and arbiter processes, in lockstep."""
    parameters = ["--ros-args", "-p", "robot:=sim_lift", "-p", "lockstep:=true", "-p", "wait_for:=policy"]
    nodes = [
        subprocess.Popen([sys.executable, str(SCRIPTS / name), *parameters]) for name in ("robot_node", "arbiter_node")
    ]
    rclpy.init()
    try:
        player = Player(actions)
        deadline = time.monotonic() + 60
        while len(player.readings) <= len(actions):
            if time.monotonic() > deadline:
                pytest.fail(f"only {len(player.readings)} readings came within 60 s")
            rclpy.spin_once(player, timeout_sec=0.1)
        return player.readings
    finally:
        rclpy.try_shutdown()
        for node in nodes:
            node.send_signal(signal.SIGINT)
        assert [node.wait(timeout=10) for node in nodes] == [0, 0]


def test_in_process_and_over_ros_agree_to_the_last_digit() -> None:
    env = make_env("sim_lift", seed=SEED, normalize_actions=False)
    rng = np.random.default_rng(0)
    low, high = env.action_space.low, env.action_space.high  # type: ignore[attr-defined]
    actions = rng.uniform(low, high, (STEPS, low.size)).astype(np.float32).astype(np.float64)

    env.reset(seed=SEED)
    robot = env.unwrapped.robot  # type: ignore[attr-defined]
    expected = [robot.read()]
    for action in actions:
        env.step(action.astype(np.float32))
        expected.append(robot.read())
    env.close()

    readings = over_ros(actions)
    for ours, theirs in zip(expected, readings, strict=True):
        for name in ours.values:
            np.testing.assert_allclose(theirs.values[name], ours.values[name], rtol=0, atol=1e-12, err_msg=name)
