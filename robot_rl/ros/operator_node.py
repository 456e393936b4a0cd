"""A scripted operator in place of a person: publishes on `joy` exactly what the gamepad driver would."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sensor_msgs.msg import JointState, Joy

from robot_rl.hardware.config import make_operator
from robot_rl.hardware.devices.profile import DeviceProfile
from robot_rl.hardware.human import DeviceInput, Operator
from robot_rl.hardware.robot import Reading
from robot_rl.rewards.keys import LATENCY
from robot_rl.ros import codecs, topics, wire
from robot_rl.ros.node import RobotNode, run
from robot_rl.ros.state import StateSubscriber
from robot_rl.sim.operators.stands_back import StandsBack
from robot_rl.sim.operators.success_key import SuccessKey


class OperatorNode(RobotNode):
    """Sees the robot's readings, and moves a gamepad. Parameters `quality`, `seed` and `success_key` (hold that key
    while the task is done)."""

    def __init__(self) -> None:
        super().__init__("operator")
        self._hands = StandsBack(make_operator(self.config, self.param("quality", "mixed")))
        self._operator: Operator = self._hands
        self._done = False
        if self.param("success_key", False):
            self._operator = SuccessKey(self._operator, lambda: self._done, LATENCY)
            self.create_subscription(JointState, topics.OUTCOME, self._on_outcome, topics.kept())
        self._profile = DeviceProfile.load("gamepad")
        self._seed = self.param("seed", 0)
        self._purpose = ""
        self._last: tuple[int, Joy] = (-1, Joy())
        self._publisher = self.create_publisher(Joy, topics.JOY, topics.stream())
        self._state = StateSubscriber(self, self.spec, self._on_reading, lockstep=self.lockstep)
        self._start = -1
        self.on_event(topics.EPISODE_EVENT, self._on_episode)

    def _on_outcome(self, message: JointState) -> None:
        self._done = wire.read_outcome(message).success

    def _on_episode(self, event: dict[str, Any]) -> None:
        if event["event"] == "begin":
            self._purpose, self._start = event["purpose"], event["stamp"]
            self._hands.back = event.get("alone", False)
            self._operator.reset(self._seed + (event.get("seed") or 0))
            if self.lockstep and self._state.latest is not None:
                self._on_reading(self._state.latest)
        elif event["event"] in ("end", "reset"):
            self._purpose = ""

    def _on_reading(self, reading: Reading) -> None:
        stamp = reading.stamp
        if not self._purpose or (self.lockstep and stamp < self._start):
            return
        if stamp != self._last[0]:
            held = self._operator.input(reading, policy_active=self._purpose != "demonstration")
            self._last = (stamp, self._joy(held, stamp))
        self._publisher.publish(self._last[1])

    def _joy(self, held: DeviceInput, stamp: int) -> Joy:
        axes, buttons = self._profile.raw(held)
        message = Joy(axes=[float(a) for a in axes], buttons=[int(b) for b in buttons])
        message.header.stamp = codecs.to_time(stamp)
        return message


def main(argv: Sequence[str] | None = None) -> int:
    return run(OperatorNode, argv)
