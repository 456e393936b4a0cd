"""Emergency stop, silence and old requests in real time, between a robot node and an arbiter node."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs robot_rl[ros]")

import rclpy  # noqa: E402
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus  # noqa: E402
from geometry_msgs.msg import TwistStamped  # noqa: E402
from rclpy.node import Node  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402
from std_msgs.msg import Bool, String  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from robot_rl.datasets.record import Source  # noqa: E402
from robot_rl.ros import codecs, topics, wire  # noqa: E402
from robot_rl.ros.arbiter_node import ArbiterNode  # noqa: E402
from robot_rl.ros.robot_node import RobotServer  # noqa: E402
from robot_rl.runtime.arbiter import Decision  # noqa: E402

FORWARD = (0.8, 0.0, 0.0, 0.0)
"""A command of sim_crazyflie: velocity x y z [m/s], yaw rate."""


class Graph:
    """Nodes under test and a node to look at them with, in this process."""

    def __init__(self, spinner: type) -> None:
        self.look = Node("look")
        self.nodes: list[Any] = []
        self.spin = spinner(self.look)

    def add(self, node: Any) -> Any:
        self.nodes.append(node)
        self.spin.executor.add_node(node)
        return node

    def hear(self, kind: type, topic: str, qos: Any) -> list[Any]:
        heard: list[Any] = []
        self.look.create_subscription(kind, topic, heard.append, qos)
        return heard

    def drop(self, node: Any) -> None:
        self.spin.executor.remove_node(node)
        self.nodes.remove(node)
        node.close()
        node.destroy_node()


@pytest.fixture
def graph(request: pytest.FixtureRequest, spinner: type) -> Iterator[Graph]:
    given = ["robot:=sim_crazyflie", *getattr(request, "param", ())]
    rclpy.init(args=["--ros-args", *(part for text in given for part in ("-p", text))])
    made = Graph(spinner)
    yield made
    for node in list(made.nodes):
        made.drop(node)
    made.look.destroy_node()
    rclpy.try_shutdown()


def speed(message: TwistStamped) -> float:
    v = message.twist.linear
    return float(np.hypot(v.x, v.y))


def test_an_emergency_stop_brakes_the_robot_although_commands_go_on(graph: Graph) -> None:
    robot = graph.add(RobotServer())
    labels = robot.spec.action.labels
    command = graph.look.create_publisher(JointState, topics.COMMAND, topics.stream(10))
    stopped = graph.look.create_publisher(Bool, topics.STOPPED, topics.latched(1))
    twists = graph.hear(TwistStamped, topics.state("twist"), topics.stream(1))
    graph.look.create_timer(0.02, lambda: command.publish(codecs.labelled(time.time_ns(), labels, FORWARD)))
    assert graph.spin(lambda: bool(twists) and speed(twists[-1]) > 0.4)
    stopped.publish(Bool(data=True))
    assert graph.spin(lambda: speed(twists[-1]) < 0.05)
    stopped.publish(Bool(data=False))
    assert graph.spin(lambda: speed(twists[-1]) > 0.4)


def test_a_robot_obeys_nobody_while_two_nodes_command_it(graph: Graph) -> None:
    robot = graph.add(RobotServer())
    labels = robot.spec.action.labels
    commands = [graph.look.create_publisher(JointState, topics.COMMAND, topics.stream(10))]
    twists = graph.hear(TwistStamped, topics.state("twist"), topics.stream(1))
    graph.look.create_timer(0.02, lambda: commands[0].publish(codecs.labelled(time.time_ns(), labels, FORWARD)))
    assert graph.spin(lambda: bool(twists) and speed(twists[-1]) > 0.4)
    commands.append(graph.look.create_publisher(JointState, topics.COMMAND, topics.stream(10)))
    assert graph.spin(lambda: speed(twists[-1]) < 0.05)
    graph.look.destroy_publisher(commands.pop())
    assert graph.spin(lambda: speed(twists[-1]) > 0.4)


def test_a_latched_stop_is_told_to_late_joiners_and_on_diagnostics_until_it_is_released(graph: Graph) -> None:
    graph.add(RobotServer())
    graph.add(ArbiterNode())
    reports = graph.hear(DiagnosticArray, topics.DIAGNOSTICS, topics.stream())
    stop = graph.look.create_client(Trigger, "arbiter/estop")
    release = graph.look.create_client(Trigger, "arbiter/release_estop")

    def report() -> tuple[bytes, str]:
        status = reports[-1].status[0]
        return status.level, status.message

    assert graph.spin(lambda: bool(reports) and report() == (DiagnosticStatus.OK, "on"))
    assert graph.spin(stop.service_is_ready)
    stop.call_async(Trigger.Request())
    assert graph.spin(lambda: report() == (DiagnosticStatus.ERROR, "emergency stop is latched"))
    late = graph.hear(Bool, topics.STOPPED, topics.latched(1))
    assert graph.spin(lambda: [m.data for m in late] == [True])
    release.call_async(Trigger.Request())
    assert graph.spin(lambda: [m.data for m in late] == [True, False])
    assert graph.spin(lambda: report()[0] == DiagnosticStatus.OK)


def test_an_arbiter_says_when_the_robot_falls_silent_and_how_well_it_keeps_time(graph: Graph) -> None:
    robot = graph.add(RobotServer())
    graph.add(ArbiterNode())
    reports = graph.hear(DiagnosticArray, topics.DIAGNOSTICS, topics.stream())
    commands = graph.hear(JointState, topics.COMMAND, topics.stream())
    assert graph.spin(lambda: bool(reports) and reports[-1].status[0].message == "on")
    graph.drop(robot)
    assert graph.spin(lambda: "no reading from the robot for" in reports[-1].status[0].message)
    status = reports[-1].status[0]
    assert status.level == DiagnosticStatus.WARN
    values = {v.key: v.value for v in status.values}
    assert int(values["STALE_OBSERVATION"]) > 10
    assert int(values["ticks"]) > 50
    assert 0.0 < float(values["compute_p50_ms"]) <= float(values["compute_p99_ms"])
    assert not np.any(commands[-1].position)


def test_a_robot_that_starts_late_does_not_obey_a_reset_asked_for_long_ago(graph: Graph) -> None:
    requests = graph.look.create_publisher(String, topics.EPISODE_EVENT, topics.latched())
    answers = graph.hear(String, topics.ROBOT_EVENT, topics.latched())

    def ask(episode: str, sent: int) -> None:
        event = {"event": "reset", "episode": episode, "seed": 1, "sent": sent}
        requests.publish(String(data=json.dumps(event)))

    ask("old", time.time_ns() - 60 * 10**9)
    requests.publish(String(data="{not json"))
    graph.add(RobotServer())
    graph.spin(lambda: bool(answers), timeout=3.0)
    assert answers == []
    ask("new", time.time_ns())
    assert graph.spin(lambda: bool(answers))
    assert [json.loads(a.data)["episode"] for a in answers] == ["new"]


def test_a_robot_is_not_reset_while_the_emergency_stop_is_latched(graph: Graph) -> None:
    requests = graph.look.create_publisher(String, topics.EPISODE_EVENT, topics.latched())
    stopped = graph.look.create_publisher(Bool, topics.STOPPED, topics.latched(1))
    answers = graph.hear(String, topics.ROBOT_EVENT, topics.latched())
    robot = graph.add(RobotServer())

    def ask() -> None:
        requests.publish(String(data=json.dumps({"event": "reset", "episode": "e", "seed": 1, "sent": time.time_ns()})))

    stopped.publish(Bool(data=True))
    assert graph.spin(lambda: robot.stopped)
    ask()
    graph.spin(lambda: bool(answers), timeout=1.0)
    assert answers == []
    stopped.publish(Bool(data=False))
    assert graph.spin(lambda: not robot.stopped)
    ask()
    assert graph.spin(lambda: bool(answers))


@pytest.mark.parametrize("graph", [["lockstep:=true"]], indirect=True)
def test_in_lockstep_a_stop_and_its_release_between_episodes_are_told(graph: Graph) -> None:
    arbiter = graph.add(ArbiterNode())
    told = graph.hear(Bool, topics.STOPPED, topics.latched(10))
    for service, stopped in ((arbiter._estop, True), (arbiter._release_estop, False)):
        service(Trigger.Request(), Trigger.Response())
        assert graph.spin(lambda s=stopped: bool(told) and told[-1].data is s)


def test_what_a_policy_asked_for_in_an_episode_moves_the_robot_no_more_once_it_is_over(graph: Graph) -> None:
    graph.add(RobotServer())
    arbiter = graph.add(ArbiterNode())
    graph.spin(lambda: arbiter._state.latest is not None)
    decisions: list[Decision] = []
    graph.look.create_subscription(
        JointState,
        topics.DECISION,
        lambda m: decisions.append(wire.read_decision(arbiter.spec.action, m)),
        topics.kept(),
    )
    arbiter._on_episode({"event": "begin", "episode": "e", "stamp": 0, "purpose": "deployment"})

    def propose() -> None:
        arbiter._on_proposal(codecs.labelled(time.time_ns(), arbiter.spec.action.labels, np.array(FORWARD)))

    def acts() -> bool:
        propose()
        return bool(decisions) and decisions[-1].source is Source.POLICY

    assert graph.spin(acts)
    arbiter._on_episode({"event": "end", "episode": "e"})
    over = time.time_ns()
    propose()  # the policy has not heard of it yet
    graph.spin(lambda: bool(decisions) and decisions[-1].stamp > over + 400_000_000)
    propose()
    again = time.time_ns()
    arbiter._on_episode({"event": "begin", "episode": "f", "stamp": again, "purpose": "deployment"})
    graph.spin(lambda: decisions[-1].stamp > again + 100_000_000)
    later = [d for d in decisions if d.stamp > over]
    assert later and all(d.source is Source.NONE for d in later)
    assert graph.spin(acts), "what answers a reading of the next episode moves it"
