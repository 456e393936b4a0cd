"""The node that runs a policy: readings (and images) in, one proposed action for each reading out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image, JointState

from robot_rl.datasets.record import Source
from robot_rl.hardware.robot import Reading
from robot_rl.policies import checkpoint
from robot_rl.policies.execution import ChunkExecutor
from robot_rl.ros import codecs, topics, wire
from robot_rl.ros.node import RobotNode, run
from robot_rl.ros.state import StateSubscriber


class PolicyNode(RobotNode):
    """Parameters `checkpoint` (a directory), `device`, `action_steps` (0: the checkpoint's own) and `seed`."""

    def __init__(self) -> None:
        super().__init__("policy")
        path = self.param("checkpoint", "")
        if not path:
            raise ValueError("parameter 'checkpoint' is empty: give the directory that `robot-rl train` wrote")
        self._policy = checkpoint.load(path, device=self.param("device", "cpu"))
        checkpoint.require_fits(self._policy, self.spec, self.config.cameras)
        self._executor = ChunkExecutor(self._policy, n_action_steps=self.param("action_steps", 0) or None)
        self._seed = self.param("seed", 0)
        self._active, self._start = False, -1
        self._interrupted = False
        self._last: tuple[int, JointState] = (-1, JointState())
        self._images: dict[str, tuple[int, NDArray[Any]]] = {}
        self._cameras = [n for n in self._policy.observation_names if n in self.config.cameras]
        self._publisher = self.create_publisher(JointState, topics.POLICY_ACTION, topics.stream())
        self._state = StateSubscriber(self, self.spec, self._on_reading, lockstep=self.lockstep)
        for name in self._cameras:
            self.create_subscription(
                Image, topics.image(name), lambda m, n=name: self._on_image(n, m), topics.stream()
            )
        self.create_subscription(JointState, topics.DECISION, self._on_decision, topics.stream())
        self.on_event(topics.EPISODE_EVENT, self._on_episode)

    def _on_episode(self, event: dict[str, Any]) -> None:
        if event["event"] == "begin" and event["purpose"] != "demonstration":
            self._executor.reset(self._seed + (event.get("seed") or 0))
            self._active, self._start, self._interrupted = True, event["stamp"], False
            self._images.clear()
            self._propose()
        elif event["event"] in ("reset", "end", "begin"):
            self._active = False

    def _on_decision(self, message: JointState) -> None:
        decision = wire.read_decision(self.spec.action, message)
        self._interrupted = decision.interrupted and decision.source != Source.NONE

    def _on_image(self, name: str, message: Image) -> None:
        self._images[name] = (codecs.stamp_of(message), codecs.decode_image(message))
        if self.lockstep:
            self._propose()

    def _on_reading(self, _reading: Reading) -> None:
        self._propose()

    def _propose(self) -> None:
        reading = self._state.latest
        if not self._active or reading is None or reading.stamp < self._start or not self._images_ready(reading.stamp):
            return
        stamp = reading.stamp
        if stamp != self._last[0]:
            if self._interrupted:
                self._executor.interrupt()
            values = {**reading.values, **{n: pixels for n, (_, pixels) in self._images.items()}}
            action = self._executor.act({n: np.asarray(values[n]) for n in self._policy.observation_names})
            self._last = (stamp, codecs.labelled(stamp, self.spec.action.labels, action))
        self._publisher.publish(self._last[1])

    def _images_ready(self, stamp: int) -> bool:
        """Every camera the policy looks at has been seen; in lockstep, the frame due at this reading is here."""
        for name in self._cameras:
            if name not in self._images:
                return False
            period = round(1e9 / self.config.cameras[name].fps)
            if self.lockstep and self._images[name][0] <= stamp - period + self.spec.period_ns // 2:
                return False
        return True


def main(argv: Sequence[str] | None = None) -> int:
    return run(PolicyNode, argv)
