"""Readings on the wire: what is put together, and what is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs robot_rl[ros]")

import rclpy  # noqa: E402
from rclpy.node import Node  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402

from robot_rl.hardware.robot import Reading  # noqa: E402
from robot_rl.ros import codecs, topics  # noqa: E402
from robot_rl.ros.state import StatePublisher, StateSubscriber  # noqa: E402
from robot_rl.spec import Field, Layout, Spec  # noqa: E402

NAMES = ("shoulder", "elbow")
SPEC = Spec(
    robot="two_joints",
    rate=20.0,
    observation=Layout(
        (
            Field("q", (2,), "joint_position", unit="rad", labels=NAMES),
            Field("dq", (2,), "joint_velocity", unit="rad/s", labels=NAMES),
            Field("pose", (7,), "pose", unit="m", frame="base"),
        )
    ),
    action=Layout((Field("v", (1,), low=(-1.0,), high=(1.0,)),)),
)
POSE = np.array([0.1, 0.2, 0.3, 0, 0, 0, 1.0])

Wire = tuple[Node, StateSubscriber, list[Reading], Callable[[Callable[[], bool]], bool]]


@pytest.fixture
def wire(spinner: type) -> Iterator[Wire]:
    """A node, a subscriber on it, the readings it hands on, and a way to let time pass until something holds."""
    rclpy.init()
    node, readings = Node("two_joints"), list[Reading]()
    subscriber = StateSubscriber(node, SPEC, readings.append)
    yield node, subscriber, readings, spinner(node)
    node.destroy_node()
    rclpy.try_shutdown()


def joints(names: tuple[str, ...], position: list[float], velocity: list[float], stamp: int = 5) -> JointState:
    return codecs.encode_joints(stamp, names, {"joint_position": position, "joint_velocity": velocity})


def test_joint_fields_carry_the_oldest_of_their_stamps_and_others_their_own(wire: Wire) -> None:
    node, subscriber, _, spin = wire
    values = {"q": np.array([1.0, 2.0]), "dq": np.array([3.0, 4.0]), "pose": POSE}
    state = StatePublisher(node, SPEC)

    def complete() -> bool:
        state.publish(Reading(values, {"q": 100, "dq": 300, "pose": 200}), offset=7)
        return subscriber.latest is not None

    assert spin(complete) and subscriber.latest is not None
    assert subscriber.latest.stamps == {"q": 107, "dq": 107, "pose": 207}
    for name, value in values.items():
        np.testing.assert_array_equal(subscriber.latest.values[name], value)


def test_another_drivers_joints_are_reordered_or_left_out_and_end_nothing(wire: Wire) -> None:
    node, subscriber, readings, spin = wire
    subscriber._message(SPEC.observation["pose"], codecs.encode(SPEC.observation["pose"], 5, POSE))
    elsewhere = codecs.encode(Field("pose", (7,), "pose", frame="map"), 5, POSE + 9.0)
    subscriber._message(SPEC.observation["pose"], elsewhere)  # of another frame
    vendor = node.create_publisher(JointState, topics.JOINT_STATES, topics.stream())
    assert spin(lambda: vendor.get_subscription_count() == 1)
    for message in (
        joints(("wheel_left", "wheel_right"), [9.0, 9.0], [9.0, 9.0]),
        joints((*NAMES, "finger"), [9.0, 9.0, 9.0], [9.0, 9.0, 9.0]),
        joints(NAMES, [9.0, 9.0], []),  # nothing of it is taken: position and velocity belong together
        joints(NAMES[::-1], [2.0, 1.0], [4.0, 3.0], stamp=6),
    ):
        vendor.publish(message)
    assert spin(lambda: bool(readings))
    assert len(readings) == 1 and readings[0].stamps == {"q": 6, "dq": 6, "pose": 5}
    for name, value in {"q": [1.0, 2.0], "dq": [3.0, 4.0], "pose": POSE}.items():
        np.testing.assert_array_equal(readings[0].values[name], value)
