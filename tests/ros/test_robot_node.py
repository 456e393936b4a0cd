"""The robot node in real time: what a real driver does, and what stops it whatever it is doing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("rclpy", reason="needs robot_rl[ros]")

import rclpy  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402
from std_msgs.msg import Bool, String  # noqa: E402

from robot_rl.hardware import config as hardware  # noqa: E402
from robot_rl.hardware.clock import SystemClock  # noqa: E402
from robot_rl.hardware.robot import Reading, RobotError  # noqa: E402
from robot_rl.ros import codecs, topics  # noqa: E402
from robot_rl.ros.robot_node import RobotServer  # noqa: E402
from robot_rl.spec import Spec  # noqa: E402

Spin = Callable[[Callable[[], bool], float], bool]


class Driver:
    """A real robot's, that may take its time."""

    def __init__(self, spec: Spec) -> None:
        self.spec, self.clock = spec, SystemClock()
        self.calls: list[str] = []
        self.freed, self.slow_reset, self.slow_send = threading.Event(), False, False

    def reset(self, seed: int | None = None) -> Reading:
        self.calls.append("reset")
        if self.slow_reset and self.freed.wait(5.0):
            raise RobotError("stopped on its way")
        return self.read()

    def read(self) -> Reading:
        now = self.clock.now()
        values = {n: np.zeros(f.shape) for n, f in self.spec.observation.items()}
        return Reading(values, dict.fromkeys(values, now))

    def send(self, action: NDArray[np.float64]) -> NDArray[np.float64]:
        self.calls.append("send")
        if self.slow_send:
            self.freed.wait(5.0)
        return action

    def stop(self) -> None:
        self.calls.append("stop")
        self.freed.set()

    def close(self) -> None:
        self.calls.append("close")


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    made = Driver(hardware.load("sim_crazyflie").spec)
    monkeypatch.setattr(hardware, "make", lambda _: made)
    return made


@contextmanager
def serving() -> Iterator[tuple[RobotServer, Node, Spin]]:
    """The node of the driver, and another beside it."""
    rclpy.init(args=["--ros-args", "-p", "robot:=sim_crazyflie"])
    look, executor = Node("look"), SingleThreadedExecutor()
    robot = RobotServer()
    executor.add_node(look)
    executor.add_node(robot)

    def spin(until: Callable[[], bool], timeout: float = 10.0) -> bool:
        deadline = time.monotonic() + timeout
        while not until() and time.monotonic() < deadline:
            executor.spin_once(timeout_sec=0.01)
        return until()

    try:
        yield robot, look, spin
    finally:
        robot.close()
        robot.destroy_node()
        look.destroy_node()
        rclpy.try_shutdown()


def ask_to_reset(robot: RobotServer) -> None:
    robot._on_episode_event({"event": "reset", "episode": "a", "seed": 0, "sent": time.time_ns()})


def test_a_real_robot_does_not_move_before_an_episode_is_asked_for(driver: Driver) -> None:
    with serving() as (robot, _, spin):
        assert not spin(lambda: bool(driver.calls), 0.3)
        ask_to_reset(robot)
        assert spin(lambda: "reset" in driver.calls, 10.0)
    assert driver.calls[-1] == "close"


def test_an_emergency_stop_is_heard_while_the_robot_drives_to_its_start(driver: Driver) -> None:
    driver.slow_reset = True
    with serving() as (robot, look, spin):
        events: list[str] = []
        look.create_subscription(String, topics.ROBOT_EVENT, lambda m: events.append(m.data), topics.latched())
        stopped = look.create_publisher(Bool, topics.STOPPED, topics.latched(1))
        assert spin(lambda: stopped.get_subscription_count() > 0, 10.0)
        ask_to_reset(robot)
        assert spin(lambda: "reset" in driver.calls, 10.0)
        stopped.publish(Bool(data=True))
        assert spin(lambda: "stop" in driver.calls, 2.0), "long before the reset would have ended"
        assert not spin(lambda: bool(events), 0.3) and robot.exit_code is None, "neither ready nor a fault"
        ask_to_reset(robot)
        assert not spin(lambda: driver.calls.count("reset") > 1, 0.2), "the stop is latched"


def test_a_reset_may_take_longer_than_a_command_keeps(driver: Driver) -> None:
    with serving() as (robot, look, spin):
        names = robot.spec.action.labels
        command = look.create_publisher(JointState, topics.COMMAND, topics.stream(10))
        assert spin(lambda: command.get_subscription_count() > 0, 10.0)
        command.publish(codecs.labelled(time.time_ns(), names, np.zeros(len(names))))
        assert spin(lambda: "send" in driver.calls, 10.0)
        driver.slow_reset = True
        ask_to_reset(robot)
        assert spin(lambda: "reset" in driver.calls, 10.0)
        assert not spin(lambda: "stop" in driver.calls, 0.6)


def test_a_robot_that_is_let_go_of_while_it_drives_to_its_start_is_stopped(driver: Driver) -> None:
    driver.slow_reset = True
    with serving() as (robot, _, spin):
        ask_to_reset(robot)
        assert spin(lambda: "reset" in driver.calls, 10.0)
    assert driver.calls[-2:] == ["stop", "close"]


def test_a_driver_that_hangs_in_a_command_is_stopped_when_no_other_comes(driver: Driver) -> None:
    driver.slow_send = True
    with serving() as (robot, look, spin):
        names = robot.spec.action.labels
        command = look.create_publisher(JointState, topics.COMMAND, topics.stream(10))
        assert spin(lambda: command.get_subscription_count() > 0, 10.0)
        command.publish(codecs.labelled(time.time_ns(), names, np.zeros(len(names))))
        assert spin(lambda: "send" in driver.calls, 10.0)
        assert spin(lambda: "stop" in driver.calls, 2.0)


def test_a_robot_whose_node_cannot_be_made_is_let_go_of(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("robot_rl.ros.robot_node.StatePublisher", fail)
    rclpy.init(args=["--ros-args", "-p", "robot:=sim_crazyflie"])
    try:
        with pytest.raises(OSError, match="no network"):
            RobotServer()
    finally:
        rclpy.try_shutdown()
    assert driver.calls == ["stop", "close"]


def test_a_reset_that_fails_ends_the_node_with_its_reason(driver: Driver) -> None:
    driver.slow_reset = True
    with serving() as (robot, look, spin):
        events: list[str] = []
        look.create_subscription(String, topics.ROBOT_EVENT, lambda m: events.append(m.data), topics.latched())
        ask_to_reset(robot)
        assert spin(lambda: "reset" in driver.calls, 10.0)
        driver.freed.set()
        assert spin(lambda: robot.exit_code == 1, 5.0)
        assert spin(lambda: any("stopped on its way" in e for e in events), 5.0)
