"""The robot node in real time: what a real driver does, and what stops it whatever it is doing."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("rclpy", reason="needs robot_rl[ros]")

import rclpy  # noqa: E402
from rclpy.node import Node  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402
from std_msgs.msg import Bool, String  # noqa: E402

from robot_rl.hardware import config as hardware  # noqa: E402
from robot_rl.hardware.clock import SystemClock  # noqa: E402
from robot_rl.hardware.robot import Reading, RobotError  # noqa: E402
from robot_rl.ros import codecs, topics  # noqa: E402
from robot_rl.ros.robot_node import STOP_AGAIN, RobotServer  # noqa: E402
from robot_rl.spec import Spec  # noqa: E402

Spin = Callable[..., bool]
Serving = Callable[[], AbstractContextManager[tuple[RobotServer, Node, Spin]]]
Resetting = Callable[[], AbstractContextManager[tuple[RobotServer, Spin, list[str]]]]


class Driver:
    """A real robot's, that may take its time."""

    def __init__(self, spec: Spec) -> None:
        self.spec, self.clock = spec, SystemClock()
        self.calls: list[str] = []
        self.freed, self.slow_reset, self.slow_send = threading.Event(), False, False
        self.may_read, self.stop_fails, self.send_fails = threading.Event(), False, False
        self.may_read.set()
        self.stopped_in_time: list[bool] = []

    def reset(self, seed: int | None = None) -> Reading:
        self.calls.append("reset")
        if self.slow_reset and self.freed.wait(5.0):
            raise RobotError("stopped on its way")
        return self.read()

    def read(self) -> Reading:
        self.may_read.wait(5.0)
        now = self.clock.now()
        values = {n: np.zeros(f.shape) for n, f in self.spec.observation.items()}
        return Reading(values, dict.fromkeys(values, now))

    def send(self, action: NDArray[np.float64]) -> NDArray[np.float64]:
        self.calls.append("send")
        if self.send_fails:
            raise RobotError("radio link lost")
        if self.slow_send:
            self.stopped_in_time.append(self.freed.wait(3.0))
        return action

    def stop(self) -> None:
        self.calls.append("stop")
        self.freed.set()
        if self.stop_fails:
            raise RobotError("no connection")

    def close(self) -> None:
        self.calls.append("close")


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    made = Driver(hardware.load("sim_crazyflie").spec)
    monkeypatch.setattr(hardware, "make", lambda _: made)
    return made


@contextmanager
def running(spinner: type) -> Iterator[tuple[RobotServer, Node, Spin]]:
    """The node of the driver, another beside it, and what lets both run."""
    rclpy.init(args=["--ros-args", "-p", "robot:=sim_crazyflie"])
    look, robot = Node("look"), RobotServer()
    with ExitStack() as leaving:
        for part in (rclpy.try_shutdown, look.destroy_node, robot.destroy_node, robot.close):
            leaving.callback(part)
        yield robot, look, spinner(look, robot)


@pytest.fixture
def serving(spinner: type) -> Serving:
    """As `running`."""
    return partial(running, spinner)


def heard(look: Node) -> list[str]:
    """What the robot's node says, as it comes."""
    events: list[str] = []
    look.create_subscription(String, topics.ROBOT_EVENT, lambda m: events.append(m.data), topics.latched())
    return events


def ask_to_reset(robot: RobotServer) -> None:
    robot._on_episode_event({"event": "reset", "episode": "a", "seed": 0, "sent": time.time_ns()})


def begin_reset(robot: RobotServer, driver: Driver, spin: Spin) -> None:
    """Ask to reset, and wait until the driver is at it."""
    ask_to_reset(robot)
    assert spin(lambda: "reset" in driver.calls, 10.0)


def command_zeros(robot: RobotServer, look: Node, spin: Spin) -> None:
    """One command."""
    names = robot.spec.action.labels
    command = look.create_publisher(JointState, topics.COMMAND, topics.stream(10))
    assert spin(lambda: command.get_subscription_count() > 0, 10.0)
    command.publish(codecs.labelled(time.time_ns(), names, np.zeros(len(names))))


@pytest.fixture
def resetting(serving: Serving, driver: Driver) -> Resetting:
    """The node of a driver that is on its long way to the start, what lets it run, and what it says."""

    @contextmanager
    def opened() -> Iterator[tuple[RobotServer, Spin, list[str]]]:
        driver.slow_reset = True
        with serving() as (robot, look, spin):
            events = heard(look)
            begin_reset(robot, driver, spin)
            yield robot, spin, events

    return opened


def test_a_real_robot_does_not_move_before_an_episode_is_asked_for(driver: Driver, serving: Serving) -> None:
    with serving() as (robot, _, spin):
        assert not spin(lambda: bool(driver.calls), 0.3)
        begin_reset(robot, driver, spin)
    assert driver.calls[-1] == "close"


def test_an_emergency_stop_is_heard_while_the_robot_drives_to_its_start(driver: Driver, serving: Serving) -> None:
    driver.slow_reset = True
    with serving() as (robot, look, spin):
        events = heard(look)
        stopped = look.create_publisher(Bool, topics.STOPPED, topics.latched(1))
        assert spin(lambda: stopped.get_subscription_count() > 0, 10.0)
        begin_reset(robot, driver, spin)
        stopped.publish(Bool(data=True))
        assert spin(lambda: "stop" in driver.calls, 2.0), "long before the reset would have ended"
        assert not spin(lambda: bool(events), 0.3) and robot.exit_code is None, "neither ready nor a fault"
        ask_to_reset(robot)
        assert not spin(lambda: driver.calls.count("reset") > 1, 0.2), "the stop is latched"


def test_that_it_stands_is_said_with_whether_the_driver_moved_it(driver: Driver, serving: Serving) -> None:
    with serving() as (robot, look, spin):
        events = heard(look)
        robot.ready("a", 1)
        robot.ready("b", 2, kept=True)
        assert spin(lambda: len(events) == 2, 10.0)
    assert [json.loads(e)["kept"] for e in events] == [False, True]


def test_a_reset_may_take_longer_than_a_command_keeps(driver: Driver, serving: Serving) -> None:
    with serving() as (robot, look, spin):
        command_zeros(robot, look, spin)
        assert spin(lambda: "send" in driver.calls, 10.0)
        driver.slow_reset = True
        begin_reset(robot, driver, spin)
        assert not spin(lambda: "stop" in driver.calls, 0.6)


def test_a_robot_that_is_let_go_of_while_it_drives_to_its_start_is_stopped(
    driver: Driver, resetting: Resetting
) -> None:
    with resetting() as (robot, _, events):
        pass
    assert driver.calls[-1] == "close" and "stop" in driver.calls
    assert robot.exit_code is None and not any("fault" in e for e in events)


def test_a_robot_that_cannot_be_stopped_is_let_go_of_all_the_same(driver: Driver, resetting: Resetting) -> None:
    driver.stop_fails = True
    with pytest.raises(RobotError, match="no connection"), resetting():
        pass
    assert driver.calls[-1] == "close"


def test_a_stop_that_is_let_go_of_before_the_driver_notices_is_no_fault_and_no_start(resetting: Resetting) -> None:
    with resetting() as (robot, spin, events):
        robot._on_stopped(Bool(data=True))
        robot._on_stopped(Bool(data=False))
        assert spin(lambda: not robot._pace._resetting, 5.0)
        assert not spin(lambda: bool(events), 0.3) and robot.exit_code is None


@pytest.mark.parametrize("end", ["stop", "close"])
def test_a_reset_that_waits_for_a_driver_which_hangs_is_given_up_by_a_stop(
    driver: Driver, serving: Serving, end: str
) -> None:
    with serving() as (robot, _, spin):
        driver.may_read.clear()
        spin(lambda: False, 0.2)  # the reading thread hangs, and holds the driver
        ask_to_reset(robot)
        if end == "stop":
            robot._on_stopped(Bool(data=True))
            driver.may_read.set()
            assert spin(lambda: not robot._pace._resetting, 5.0)
        else:
            threading.Timer(0.5, driver.may_read.set).start()
    assert "reset" not in driver.calls and "stop" in driver.calls and driver.calls[-1] == "close"


def test_a_driver_that_hangs_in_a_command_is_stopped_when_no_other_comes(driver: Driver, serving: Serving) -> None:
    driver.slow_send = True
    with serving() as (robot, look, spin):
        command_zeros(robot, look, spin)
        assert spin(lambda: bool(driver.stopped_in_time), 10.0)
    assert driver.stopped_in_time == [True], "it was stopped while it hung"


def test_in_an_emergency_stop_the_driver_is_told_to_stop_and_hears_no_command(driver: Driver, serving: Serving) -> None:
    zero = np.zeros(driver.spec.action.size)
    with serving() as (robot, look, spin):
        executed: list[JointState] = []
        look.create_subscription(JointState, topics.EXECUTED, executed.append, topics.kept())
        robot._on_stopped(Bool(data=True))
        for _ in range(5):
            robot._pace.command(time.time_ns(), zero)
        assert driver.calls == ["stop"]
        for _ in range(7):
            time.sleep(STOP_AGAIN / 5)
            robot._pace.command(time.time_ns(), zero)
        assert driver.calls == ["stop", "stop"], "once more, since a word may get lost"
        robot._on_stopped(Bool(data=False))
        robot._pace.command(time.time_ns(), zero)
        assert driver.calls == ["stop", "stop", "send"]
        assert spin(lambda: len(executed) == 13, 5.0)


def test_a_link_that_is_lost_in_a_command_ends_the_node_with_its_reason(driver: Driver, serving: Serving) -> None:
    driver.send_fails = True
    with serving() as (robot, look, spin):
        events = heard(look)
        command_zeros(robot, look, spin)
        assert spin(lambda: robot.exit_code == 1, 5.0)
        assert spin(lambda: any("radio link lost" in e for e in events), 5.0)


def test_a_robot_that_cannot_be_stopped_when_commands_cease_is_a_fault(driver: Driver, serving: Serving) -> None:
    with serving() as (robot, look, spin):
        events = heard(look)
        command_zeros(robot, look, spin)
        driver.stop_fails = True
        assert spin(lambda: robot.exit_code == 1, 5.0)
        assert spin(lambda: any("it cannot be stopped: no connection" in e for e in events), 5.0)


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


def test_a_reset_that_fails_ends_the_node_with_its_reason(driver: Driver, resetting: Resetting) -> None:
    with resetting() as (robot, spin, events):
        driver.freed.set()
        assert spin(lambda: robot.exit_code == 1, 5.0)
        assert spin(lambda: any("stopped on its way" in e for e in events), 5.0)


def test_a_command_that_waited_while_the_graph_started_is_refused_without_a_word_and_a_later_one_with_one(
    driver: Driver, serving: Serving, capfd: pytest.CaptureFixture[str]
) -> None:
    zero = np.zeros(driver.spec.action.size)
    with serving() as (robot, _, _):
        robot._pace.command(time.time_ns() - 10**9, zero)
        assert "send" not in driver.calls and "command refused" not in capfd.readouterr().err
        robot._pace.command(time.time_ns(), zero)
        robot._pace.command(time.time_ns() - 10**9, zero)
        assert driver.calls.count("send") == 1 and "command refused: 1000 ms old" in capfd.readouterr().err
