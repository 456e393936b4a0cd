"""The node that owns a robot: publishes what it senses, executes commands, resets on request."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, String

from robot_rl.control.safety import Safety
from robot_rl.hardware import config as hardware
from robot_rl.hardware.robot import Reading, RobotError, Simulated
from robot_rl.ros import codecs, topics, wire
from robot_rl.ros.node import RobotNode, run
from robot_rl.ros.robot_pace import LockstepPace, Pace, RealtimePace
from robot_rl.ros.state import StatePublisher
from robot_rl.runtime.learned_resets import HasGoals

COUNT_COMMANDERS = 0.5
"""[s] between two looks at how many nodes publish commands."""
FRESH = 5_000_000_000
"""A reset older than this [ns] is not obeyed."""
STOP_AGAIN = 0.5
"""In an emergency stop in real time, the driver's own stop is repeated after so long [s]: a word to it may get lost."""


class RobotServer(RobotNode):
    """One robot on the wire. When things happen is its pace's business: real time, or lockstep."""

    def __init__(self) -> None:
        super().__init__("robot")
        self.robot = hardware.make(self.config)
        try:
            self._take_over()
        except BaseException:  # nobody else could let go of the robot
            with ExitStack() as leaving:
                leaving.callback(self.destroy_node)
                leaving.callback(self.robot.close)
                self.robot.stop()
            raise

    def _take_over(self) -> None:
        self._goal = self.robot.goal if isinstance(self.robot, HasGoals) else 0
        """Its own, for those who name none."""
        self._state = StatePublisher(self, self.spec)
        self._executed = self.create_publisher(JointState, topics.EXECUTED, topics.kept())
        self._simulated = self.robot if isinstance(self.robot, Simulated) else None
        if self._simulated:
            self._outcome = self.create_publisher(JointState, topics.OUTCOME, topics.kept())
            self._sim_state = self.create_publisher(JointState, topics.SIM_STATE, topics.stream())
            self._sim_model = self.create_publisher(String, topics.SIM_MODEL, topics.latched(1))
        self.stopped = False
        """The emergency stop is latched."""
        self._told_to_stop = 0.0
        """When the driver was last told to in an emergency stop [s, monotonic]."""
        seed, cameras = self.param("seed", 0), list(self.cameras_param("none"))
        self._pace: Pace = LockstepPace(self, cameras) if self.lockstep else RealtimePace(self, seed)
        self.create_subscription(JointState, topics.COMMAND, self._on_command, topics.stream(10))
        self._commanders = 1
        self.create_timer(COUNT_COMMANDERS, self._count_commanders)
        self._backing_off = False
        if self.config.limits.get("force"):
            self.create_subscription(JointState, topics.DECISION, self._on_decision, topics.kept())
        self.create_subscription(Bool, topics.STOPPED, self._on_stopped, topics.latched(1))
        self.on_event(topics.EPISODE_EVENT, self._on_episode_event)

    def _on_command(self, message: JointState) -> None:
        if self._commanders > 1:
            self.get_logger().error(
                f"no command is obeyed: {self._commanders} nodes publish on '{topics.COMMAND}' in ROS domain "
                f"{self.context.get_domain_id()}, one of them of another graph; give each graph a domain of its own",
                throttle_duration_sec=5.0,
            )
            return
        try:
            self._pace.command(codecs.stamp_of(message), codecs.unlabelled(message, self.spec.action.labels))
        except RobotError as error:
            self.fault(str(error))

    def _count_commanders(self) -> None:
        """Two arbiters, on two computers, would pull one robot two ways."""
        before, self._commanders = self._commanders, self.count_publishers(topics.COMMAND)
        if before <= 1 < self._commanders:
            self.halt()

    def _on_decision(self, message: JointState) -> None:
        """The beginning of a retreat from force lets go of the lead that presses, as the driver's own stop does."""
        retreat = bool(wire.read_decision(self.spec.action, message).safety & Safety.RETREAT)
        if retreat and not self._backing_off:
            self.halt()
        self._backing_off = retreat

    def _on_stopped(self, message: Bool) -> None:
        self.stopped = message.data
        if self.stopped:
            self._told_to_stop = time.monotonic()
            self.halt()

    def halt(self) -> None:
        """Bring the robot to rest; one that cannot be is a fault."""
        try:
            self._pace.stop()
        except RobotError as error:
            self.fault(f"it cannot be stopped: {error}")

    def _on_episode_event(self, event: dict[str, Any]) -> None:
        """A reset moves the robot, so one that was asked for long ago, and is only handed over to a node that has
        just started, is not obeyed, nor any while the emergency stop is latched; whoever still wants it asks again."""
        if event["event"] == "reset":
            if time.time_ns() - event.get("sent", 0) > FRESH:
                return
            if self.stopped:
                self.get_logger().warning("no reset while the emergency stop is latched", throttle_duration_sec=5.0)
                return
            if self._aim(event.get("goal")):
                self._pace.reset(event["episode"], event.get("seed"), kept=event.get("scene") == "kept")
        elif event["event"] in ("end", "driven"):
            self._pace.end(event["episode"])

    def _aim(self, goal: int | None) -> bool:
        """Make the goal the robot's, None its own; whether it can. A real robot's driver needs no goals: a person says
        when one is reached."""
        try:
            if isinstance(self.robot, HasGoals):
                self.robot.set_goal(self._goal if goal is None else goal)
            elif goal is not None and self._simulated:
                raise hardware.ConfigError(f"robot '{self.config.name}' has no goals to choose from")
        except hardware.ConfigError as error:
            self.fault(str(error))
            return False
        return True

    def reset_robot(self, seed: int | None) -> Reading:
        """Reset, and publish the scene that a simulated robot stands in."""
        reading = self.robot.reset(seed)
        if self._simulated:
            self._sim_model.publish(String(data=self._simulated.scene_xml()))
        return reading

    def publish_reading(self, reading: Reading, offset: int = 0) -> None:
        """The state; and before it, for a simulated robot, its scene and the task's verdict.

        Args:
            offset: added to every stamp [ns], to bring a simulated clock to system time.
        """
        if self._simulated:
            scene, stamp = self._simulated.scene_state(), reading.stamp + offset
            self._sim_state.publish(codecs.scene_message(stamp, scene.qpos, scene.qvel))
            self._outcome.publish(wire.outcome_message(stamp, self._simulated.outcome()))
        self._state.publish(reading, offset)

    def ready(self, episode: str, stamp: int, *, kept: bool = False) -> None:
        """Tell the others that the start state stands since `stamp` [ns].

        Args:
            kept: the driver has not moved the robot for this episode.
        """
        self.publish_event(topics.ROBOT_EVENT, event="ready", episode=episode, stamp=stamp, kept=kept)

    def fault(self, text: str) -> None:
        """The robot cannot go on: say so and end the process."""
        self.get_logger().fatal(f"robot stopped: {text}")
        self.publish_event(topics.ROBOT_EVENT, event="fault", text=text)
        self.exit_code = 1

    def send(self, stamp: int, action: NDArray[np.float64]) -> None:
        """Command the robot and publish what was really sent. In an emergency stop it is told to stop instead, and
        what is published is where the arbiter holds it. Raises RobotError if the robot cannot take it."""
        sent = self._stand(action) if self.stopped else self.robot.send(action)
        self._executed.publish(codecs.labelled(stamp, self.spec.action.labels, sent))

    def _stand(self, action: NDArray[np.float64]) -> NDArray[np.float64]:
        now = time.monotonic()
        if self.lockstep or now - self._told_to_stop >= STOP_AGAIN:
            self._told_to_stop = now
            self.robot.stop()
        return action

    def close(self) -> None:
        try:
            self._pace.close()
        finally:
            self.robot.close()


def main(argv: Sequence[str] | None = None) -> int:
    return run(RobotServer, argv)
