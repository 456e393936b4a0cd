"""A robot's readings on the wire: one topic for each field, put together again on the other side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import JointState

from robot_rl.hardware.robot import Reading
from robot_rl.ros import codecs, topics
from robot_rl.spec import Field, Spec, SpecError


def _split(spec: Spec) -> tuple[list[Field], list[Field]]:
    """The joint fields, which share one message, and the others."""
    fields = spec.observation.vectors
    joints = [f for f in fields if f.kind in codecs.JOINT_SLOTS]
    return joints, [f for f in fields if f.kind not in codecs.JOINT_SLOTS]


class StatePublisher:
    """Publishes every vector field of a reading with its own acquisition stamp; joint fields, which share a message,
    with the oldest of theirs."""

    def __init__(self, node: Node, spec: Spec) -> None:
        self._joints, self._others = _split(spec)
        if self._joints:
            self._joint_publisher = node.create_publisher(JointState, topics.JOINT_STATES, topics.stream())
        self._publishers: dict[str, Publisher] = {
            f.name: node.create_publisher(codecs.message_type(f), topics.state(f.name), topics.stream())
            for f in self._others
        }

    def publish(self, reading: Reading, offset: int = 0) -> None:
        """Send a reading.

        Args:
            offset: added to every stamp [ns], to bring a simulated clock to system time.
        """
        for f in self._others:
            stamp = reading.stamps[f.name] + offset
            self._publishers[f.name].publish(codecs.encode(f, stamp, reading.values[f.name]))
        if self._joints:
            stamp = min(reading.stamps[f.name] for f in self._joints) + offset
            values = {f.kind: reading.values[f.name] for f in self._joints}
            self._joint_publisher.publish(codecs.encode_joints(stamp, self._joints[0].labels, values))


class StateSubscriber:
    """Puts readings together and hands them on.

    In lockstep a reading is handed on when the stamps of all fields lie within half a control period (a
    sensor may be a little older than the rest); otherwise whenever the field that is published last arrives
    and every field has been seen once, each with its own stamp. A message that does not fit the spec, as another
    driver's on the same topic, is said and left out.

    Args:
        on_reading: called with each complete reading.
        on_sample: called with every single field value as it arrives: (field, stamp, value).
    """

    def __init__(
        self,
        node: Node,
        spec: Spec,
        on_reading: Callable[[Reading], None] | None = None,
        *,
        lockstep: bool = False,
        on_sample: Callable[[str, int, NDArray[Any]], None] | None = None,
    ) -> None:
        self.latest: Reading | None = None
        self._values: dict[str, NDArray[np.float64]] = {}
        self._stamps: dict[str, int] = {}
        self._on_reading, self._on_sample, self._lockstep = on_reading, on_sample, lockstep
        self._logger = node.get_logger()
        joints, others = _split(spec)
        self._together = spec.period_ns // 2
        self._count = len(joints) + len(others)
        self._trigger = (joints or others)[-1].name
        if joints:
            node.create_subscription(
                JointState, topics.JOINT_STATES, lambda m: self._joint_message(joints, m), topics.stream()
            )
        for f in others:
            node.create_subscription(
                codecs.message_type(f), topics.state(f.name), lambda m, f=f: self._message(f, m), topics.stream()
            )

    def _joint_message(self, fields: list[Field], message: JointState) -> None:
        stamp, names = codecs.stamp_of(message), fields[0].labels
        try:
            values = {f.name: codecs.decode_joints(message, f, names) for f in fields}
        except SpecError as error:
            return self._refuse(error)
        for name, value in values.items():
            self._take(name, stamp, value)

    def _message(self, field: Field, message: Any) -> None:
        try:
            value = codecs.decode(field, message)
        except SpecError as error:
            return self._refuse(error)
        self._take(field.name, codecs.stamp_of(message), value)

    def _refuse(self, error: SpecError) -> None:
        self._logger.warning(f"message left out: {error}", throttle_duration_sec=10.0)

    def _take(self, name: str, stamp: int, value: NDArray[np.float64]) -> None:
        self._values[name], self._stamps[name] = value, stamp
        if self._on_sample:
            self._on_sample(name, stamp, value)
        if len(self._values) < self._count:
            return
        if self._lockstep:
            complete = max(self._stamps.values()) - min(self._stamps.values()) < self._together
        else:
            complete = name == self._trigger
        if complete:
            self.latest = Reading(dict(self._values), dict(self._stamps))
            if self._on_reading:
                self._on_reading(self.latest)
