"""An input device on the wire: all of its states while it is there, and one release when it is gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs robot_rl[ros]")

import rclpy  # noqa: E402
from rclpy.node import Node  # noqa: E402
from sensor_msgs.msg import Joy  # noqa: E402

from robot_rl.hardware.devices.simulated import SimulatedGamepad  # noqa: E402
from robot_rl.ros import topics  # noqa: E402
from robot_rl.ros.device_node import DeviceNode  # noqa: E402

DEADMAN = 5
"""The right shoulder button."""

Pad = tuple[SimulatedGamepad, list[Joy], Callable[..., bool]]


@pytest.fixture
def pad(tmp_path: Path, spinner: type) -> Iterator[Pad]:
    """A gamepad, what its node publishes, and a way to let time pass until something holds."""
    twin = SimulatedGamepad(tmp_path / "js0")
    rclpy.init(args=["--ros-args", "-p", f"path:={twin.path}"])
    listener, device = Node("listener"), DeviceNode()
    heard: list[Joy] = []
    listener.create_subscription(Joy, topics.JOY, heard.append, topics.stream(10))
    yield twin, heard, spinner(listener, device)
    device.close()
    device.destroy_node()
    listener.destroy_node()
    rclpy.try_shutdown()


def test_an_unplugged_device_is_released_once_and_then_silent_until_it_is_back(pad: Pad) -> None:
    twin, heard, spin = pad
    twin.button(DEADMAN, True)
    assert spin(lambda: bool(heard) and heard[-1].buttons[DEADMAN] == 1)
    twin.unplug()
    assert spin(lambda: heard[-1].buttons[DEADMAN] == 0)
    until, released = time.monotonic() + 0.5, len(heard)
    assert spin(lambda: time.monotonic() > until)
    assert len(heard) == released
    twin.plug_in()
    assert spin(lambda: len(heard) > released + 5)
    assert heard[-1].buttons[DEADMAN] == 0
