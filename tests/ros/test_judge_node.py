"""A reward classifier in a running graph: every state of its episodes gets a verdict, and of no others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs robot_rl[ros]")
pytest.importorskip("torch", reason="needs robot_rl[train]")

import rclpy  # noqa: E402
from sensor_msgs.msg import Image, JointState  # noqa: E402

from robot_rl.hardware.config import ConfigError  # noqa: E402
from robot_rl.hardware.robot import Reading  # noqa: E402
from robot_rl.rewards.errors import RewardError  # noqa: E402
from robot_rl.ros import codecs, topics, wire  # noqa: E402
from robot_rl.ros.judge_node import JudgeNode  # noqa: E402
from robot_rl.ros.node import RobotNode  # noqa: E402
from robot_rl.ros.state import StatePublisher  # noqa: E402

TENTH = 100_000_000


class Robot(RobotNode):
    """Robot and camera of a graph, and the ear of its episode manager."""

    def __init__(self) -> None:
        super().__init__("robot")
        self.now = time.time_ns()
        self.said: list[tuple[int, bool]] = []
        self._state = StatePublisher(self, self.spec)
        self._image = self.create_publisher(Image, topics.image("front"), topics.stream())
        self.create_subscription(JointState, topics.CLASSIFIED, self._hear, topics.kept())

    def _hear(self, message: JointState) -> None:
        self.said.append((codecs.stamp_of(message), wire.read_outcome(message).success))

    def state(self) -> int:
        self.now += TENTH
        values = {f.name: np.zeros(f.shape) for f in self.spec.observation.vectors}
        self._state.publish(Reading(values, dict.fromkeys(values, self.now)))
        return self.now

    def picture(self, value: int) -> None:
        self._image.publish(codecs.encode_image(self.now, "front", np.full((64, 64, 3), value, np.uint8)))

    def begin(self, judge: str = "classifier", **more: str) -> None:
        start = self.now + TENTH
        self.publish_event(
            topics.EPISODE_EVENT, event="begin", episode=str(start), stamp=start, stood=start, judge=judge, **more
        )


Spin = Callable[..., bool]
Graph = Callable[..., AbstractContextManager[tuple[JudgeNode, Robot, Spin]]]


@contextmanager
def running(spinner: type, *parameters: str, robot: str = "sim_pegslot") -> Iterator[tuple[JudgeNode, Robot, Spin]]:
    """The judge with these parameters, what it sees and is heard by, and what lets both run."""
    given = (f"robot:={robot}", "cameras:=front", "lockstep:=true", *parameters)
    rclpy.init(args=["--ros-args", *(part for p in given for part in ("-p", p))])
    node = other = None
    try:
        node, other = JudgeNode(), Robot()
        spin = spinner(node, other)
        assert spin(lambda: other.count_subscribers(topics.image("front")) == 1)
        assert spin(lambda: other.count_publishers(topics.CLASSIFIED) == 1)
        yield node, other, spin
    finally:
        for one in (node, other):
            if one is not None:
                one.destroy_node()
        rclpy.try_shutdown()


@pytest.fixture
def graph(spinner: type) -> Graph:
    """As `running`."""
    return partial(running, spinner)


def test_every_state_of_the_classifier_s_episodes_is_judged_once_and_anew_in_each(
    graph: Graph, tmp_path: Path, classifier: Callable[..., Path]
) -> None:
    folder = classifier(tmp_path, 0.0, (2, 2))
    with graph(f"classifier:={folder}") as (node, robot, spin):
        robot.begin("robot")
        last = robot.state()
        robot.picture(1)
        match = node._matches["front"]
        assert spin(lambda: bool(match._states) and match._states[-1] == last and len(match._pictures) == 1)
        spin(lambda: bool(robot.said), timeout=0.3)
        assert robot.said == [], "the robot's task judges that one"
        for _ in range(2):
            robot.begin()
            assert spin(lambda: node._now is not None)
            robot.said.clear()
            stamps = []
            for value in (10, 20, 30):
                stamps.append(robot.state())
                robot.picture(value)
            assert spin(lambda: len(robot.said) == 3)
            assert robot.said == list(zip(stamps, [False, True, True], strict=True))
            robot.publish_event(topics.EPISODE_EVENT, event="end", episode="x", stamp=robot.now)
            assert spin(lambda: node._now is None)


def test_in_real_time_a_state_without_a_fresh_picture_is_no_success(
    graph: Graph, tmp_path: Path, classifier: Callable[..., Path]
) -> None:
    folder = classifier(tmp_path, 0.0)
    with graph(f"classifier:={folder}", "lockstep:=false") as (node, robot, spin):
        robot.begin()
        assert spin(lambda: node._now is not None)
        blind = robot.state()
        assert spin(lambda: len(robot.said) == 1)
        robot.picture(1)
        assert spin(lambda: len(node._matches["front"]._pictures) == 1)
        seen = robot.state()
        assert spin(lambda: len(robot.said) == 2)
        robot.now += 6 * TENTH
        stale = robot.state()
        assert spin(lambda: len(robot.said) == 3)
        assert robot.said == [(blind, False), (seen, True), (stale, False)]


def test_in_real_time_states_that_are_old_are_passed_over(
    graph: Graph, tmp_path: Path, classifier: Callable[..., Path]
) -> None:
    folder = classifier(tmp_path, 0.0)
    with graph(f"classifier:={folder}", "lockstep:=false") as (node, robot, spin):
        robot.now -= 10 * TENTH
        robot.begin()
        assert spin(lambda: node._now is not None)
        robot.state()
        robot.picture(1)
        robot.now = time.time_ns()
        fresh = robot.state()
        robot.picture(2)
        assert spin(lambda: bool(robot.said))
        assert [stamp for stamp, _ in robot.said] == [fresh]


def test_each_direction_of_a_practice_has_its_own_judge(
    graph: Graph, tmp_path: Path, classifier: Callable[..., Path]
) -> None:
    always, never = classifier(tmp_path / "a", 0.0), classifier(tmp_path / "n", 1.1)
    with graph(f"classifier:=insert={always},{never}") as (node, robot, spin):
        for direction, success in (("insert", True), ("return", False)):
            robot.begin(direction=direction)
            judge = node._judges.get(direction, node._judges[""])
            assert spin(lambda: node._now is judge)  # noqa: B023
            robot.said.clear()
            stamp = robot.state()
            robot.picture(3)
            assert spin(lambda: len(robot.said) == 1)
            assert robot.said == [(stamp, success)]


@pytest.mark.parametrize(
    ("width", "cameras", "error", "reason"),
    [(64, "none", ConfigError, "not running: give cameras:=front"), (96, "front", RewardError, "96 x 64 px")],
)
def test_a_camera_that_does_not_run_or_is_another_is_refused(
    graph: Graph,
    tmp_path: Path,
    classifier: Callable[..., Path],
    width: int,
    cameras: str,
    error: type[Exception],
    reason: str,
) -> None:
    folder = classifier(tmp_path, 0.5, width=width)
    with pytest.raises(error, match=reason), graph(f"classifier:={folder}", f"cameras:={cameras}"):
        pass
