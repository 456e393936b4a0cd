"""Turns the state of an input device (sensor_msgs/Joy) into an action of the robot and the wish to act."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sensor_msgs.msg import JointState, Joy

from robot_rl.hardware.devices.profile import DeviceProfile
from robot_rl.hardware.robot import Reading
from robot_rl.hardware.teleop import Teleop
from robot_rl.ros import codecs, topics, wire
from robot_rl.ros.node import RobotNode, run
from robot_rl.ros.state import StateSubscriber


class TeleopNode(RobotNode):
    """Parameter `device`: whose button and axis layout `joy` has; a scripted operator uses the gamepad's."""

    def __init__(self) -> None:
        super().__init__("teleop")
        device = self.param("device", "gamepad")
        self._profile = DeviceProfile.load("gamepad" if device == "scripted" else device)
        self._teleop = Teleop(self.spec, self.config.teleop, self.config.limits)
        self._joy: Joy | None = None
        self._last: tuple[int, JointState] = (-1, JointState())
        self._publisher = self.create_publisher(JointState, topics.HUMAN_ACTION, topics.stream())
        self._state = StateSubscriber(self, self.spec, self._on_reading, lockstep=self.lockstep)
        self.create_subscription(Joy, topics.JOY, self._on_joy, topics.stream(10))
        self.create_subscription(JointState, topics.EXECUTED, self._on_executed, topics.stream(10))
        self.on_event(topics.EPISODE_EVENT, self._on_episode)

    def _on_executed(self, message: JointState) -> None:
        """What the robot was sent: a moving target stays near it, and a take-over begins with the gripper as it is."""
        self._teleop.follow(codecs.unlabelled(message, self.spec.action.labels), codecs.stamp_of(message))

    def _on_episode(self, event: dict[str, Any]) -> None:
        if event["event"] == "reset":
            self._teleop.reset()

    def _on_joy(self, message: Joy) -> None:
        self._joy = message
        self._publish()

    def _on_reading(self, _reading: Reading) -> None:
        if self.lockstep:
            self._publish()

    def _publish(self) -> None:
        """Interpret the newest input; in lockstep, once the reading that it answers is here too."""
        if self._joy is None:
            return
        stamp, reading = codecs.stamp_of(self._joy), self._state.latest
        if self.lockstep and (reading is None or reading.stamp != stamp):
            return
        if not self.lockstep or stamp != self._last[0]:
            held = self._profile.interpret(stamp, self._joy.axes, self._joy.buttons)
            human = self._teleop.interpret(held, reading)
            self._last = (stamp, wire.human_message(self.spec.action, human))
        self._publisher.publish(self._last[1])


def main(argv: Sequence[str] | None = None) -> int:
    return run(TeleopNode, argv)
