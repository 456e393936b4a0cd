"""A robot node lets go of what it presses on when the arbiter begins to back off."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

pytest.importorskip("rclpy", reason="needs robot_rl[ros]")

import rclpy  # noqa: E402
from rclpy.node import Node  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402

from robot_rl import workspace  # noqa: E402
from robot_rl.control.safety import Safety  # noqa: E402
from robot_rl.datasets.record import Phase, Source  # noqa: E402
from robot_rl.ros import codecs, topics, wire  # noqa: E402
from robot_rl.ros.robot_node import RobotServer  # noqa: E402
from robot_rl.runtime.arbiter import Decision  # noqa: E402

DOWN, STILL = np.array([0.0, -0.05, 0.0]), np.zeros(3)


@pytest.fixture
def robot_yaml(tmp_path: Path) -> Path:
    """The peg and slot, with a force limit."""
    found = workspace.find("hardware", "sim_pegslot", "robot.yaml")
    assert found is not None
    data = yaml.safe_load(found.read_text())
    data["limits"]["force"] = {"field": "force", "limit": [9.0, 9.0, 1.0], "retreat": "hold"}
    path = tmp_path / "pressing" / "robot.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(data))
    return path


@pytest.fixture
def look(robot_yaml: Path) -> Iterator[Node]:
    rclpy.init(args=["--ros-args", "-p", f"robot:={robot_yaml}"])
    node = Node("look")
    yield node
    node.destroy_node()
    rclpy.try_shutdown()


def test_the_beginning_of_a_retreat_lets_go_of_the_lead_and_its_continuation_does_not_stop_again(
    look: Node, spinner: type
) -> None:
    robot = RobotServer()
    spin = spinner(look, robot)
    stops = []
    stop = robot.robot.stop

    def counting() -> None:
        stops.append(1)
        stop()

    robot.robot.stop = counting
    command = look.create_publisher(JointState, topics.COMMAND, topics.stream(10))
    decided = look.create_publisher(JointState, topics.DECISION, topics.kept())

    def drive(until: Callable[[], bool], velocity: np.ndarray, safety: Safety | None = None) -> bool:
        def there() -> bool:
            if until():
                return True
            now = time.time_ns()
            command.publish(codecs.labelled(now, robot.spec.action.labels, velocity))
            if safety is not None:
                nan = np.full(3, np.nan)
                decision = Decision(now, velocity, Source.NONE, Phase.AUTONOMOUS, safety, nan, nan)
                decided.publish(wire.decision_message(robot.spec.action, decision))
            return False

        return spin(there)

    def lead() -> float:
        return float(robot.robot.read().values["lead"][1])

    try:
        assert drive(lambda: lead() < -0.0079, DOWN)  # 16 N on the plate, or held up by the bottom of the slot
        heard = len(stops)
        assert drive(lambda: lead() > -0.001, STILL, Safety.RETREAT)
        assert len(stops) == heard + 1
        end = time.monotonic() + 0.5
        assert drive(lambda: time.monotonic() > end, STILL, Safety.RETREAT)
        assert len(stops) == heard + 1
        end = time.monotonic() + 0.5
        assert drive(lambda: time.monotonic() > end, STILL, Safety(0))
        assert drive(lambda: len(stops) == heard + 2, STILL, Safety.RETREAT)
    finally:
        spin.executor.remove_node(robot)
        spin.executor.remove_node(look)
        robot.close()
        robot.destroy_node()
