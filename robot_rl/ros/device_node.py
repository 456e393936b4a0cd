"""The node that reads an input device and publishes it as sensor_msgs/Joy, as ROS's own drivers do."""

from __future__ import annotations

from collections.abc import Sequence

from rclpy.node import Node
from sensor_msgs.msg import Joy

from robot_rl.hardware.devices.registry import make_device
from robot_rl.ros import codecs, topics
from robot_rl.ros.node import run

RATE = 100.0
"""[Hz]"""
LOST = "the input device is lost, so the robot holds: plug it in or bring it near, and let go of all its buttons"


class DeviceNode(Node):  # type: ignore[misc]
    """Parameters `device` (gamepad, spacemouse, keyboard) and `path` (found by itself when empty).

    A device that is there is published at every tick, whether or not it is moved: that says that somebody can still
    stop the robot. One that is lost (unplugged, out of reach) is published once more, as all released, so that the
    deadman is lost at once; then nothing is, since hands off a device would give control back to the policy, and
    silence does not: with it the arbiter holds the robot. It is back once it is let go of.
    """

    def __init__(self) -> None:
        super().__init__("device")
        self.exit_code: int | None = None
        name = str(self.declare_parameter("device", "gamepad").value)
        path = str(self.declare_parameter("path", "").value)
        self._device = make_device(name, path or None)
        self._device.open()
        self._connected = True
        self._publisher = self.create_publisher(Joy, topics.JOY, topics.stream(10))
        self.create_timer(1.0 / RATE, self._tick)

    def _tick(self) -> None:
        state = self._device.poll()
        if not state.connected:
            self.get_logger().warning(LOST, throttle_duration_sec=5.0)
            if not self._connected:
                return
        self._connected = state.connected
        message = Joy(axes=[float(a) for a in state.axes], buttons=[int(b) for b in state.buttons])
        message.header.stamp = codecs.to_time(state.stamp)
        self._publisher.publish(message)

    def close(self) -> None:
        self._device.close()


def main(argv: Sequence[str] | None = None) -> int:
    return run(DeviceNode, argv)
