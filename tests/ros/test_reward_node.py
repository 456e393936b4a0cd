"""Pictures are labelled in a running graph by the success key, kept take by take, and gone on with."""

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
from std_msgs.msg import String  # noqa: E402

from robot_rl.hardware.human import HumanInput  # noqa: E402
from robot_rl.learn.rewards import storage  # noqa: E402
from robot_rl.rewards.errors import RewardError  # noqa: E402
from robot_rl.ros import codecs, topics, wire  # noqa: E402
from robot_rl.ros.episode_node import EpisodeNode  # noqa: E402
from robot_rl.ros.node import RobotNode  # noqa: E402
from robot_rl.ros.reward_node import RewardNode  # noqa: E402

TENTH = 100_000_000
ROBOT = "robot:=sim_pegslot"


class Hand(RobotNode):
    """Camera and device of a graph: pictures numbered by their shade, and the key."""

    def __init__(self) -> None:
        super().__init__("hand")
        self.now = time.time_ns()
        self.events: list[str] = []
        self._image = self.create_publisher(Image, topics.image("front"), topics.stream())
        self._human = self.create_publisher(JointState, topics.HUMAN_ACTION, topics.stream(100))
        self.create_subscription(String, topics.EPISODE_EVENT, lambda m: self.events.append(m.data), topics.latched())

    def press(self, *buttons: str) -> None:
        human = HumanInput(self.now, np.zeros(self.spec.action.size), False, pressed=frozenset(buttons))
        self._human.publish(wire.human_message(self.spec.action, human))

    def show(self, shade: int, *buttons: str) -> None:
        self.now += TENTH
        self._image.publish(codecs.encode_image(self.now, "front", np.full((64, 64, 3), shade, np.uint8)))
        self.press(*buttons)


Spin = Callable[..., bool]
Graph = Callable[..., AbstractContextManager[tuple[RobotNode, Hand, Spin]]]


@contextmanager
def running(
    spinner: type, factory: Callable[[], RobotNode], *parameters: str
) -> Iterator[tuple[RobotNode, Hand, Spin]]:
    """The node with these parameters, what it sees and hears, and what lets both run."""
    rclpy.init(args=["--ros-args", *(part for p in (ROBOT, *parameters) for part in ("-p", p))])
    node = hand = None
    try:
        node, hand = factory(), Hand()
        yield node, hand, spinner(node, hand)
    finally:
        for one in (node, hand):
            if one is not None:
                one.close()
                one.destroy_node()
        rclpy.try_shutdown()


@pytest.fixture
def graph(spinner: type) -> Graph:
    """As `running`."""
    return partial(running, spinner)


def collecting(folder: Path, *more: str) -> tuple[str, ...]:
    return ("camera:=front", f"output:={folder}", "size:=16", "latency:=0.0", "before:=0.0", "near:=0.0", *more)


def take(hand: Hand, spin: Spin, node: RewardNode, held: range) -> None:
    """An episode of twenty pictures."""
    hand.publish_event(topics.EPISODE_EVENT, event="begin", episode=f"e{hand.now}", stamp=hand.now)
    before = node._pictures
    spin(lambda: node._collector._name is not None and node._collector._name == f"e{hand.now}")
    for t in range(20):
        hand.show(t, *(["success"] if t in held else []))
        spin(lambda t=t: node._pictures == before + t + 1 and node._collector._known == hand.now)  # type: ignore[misc]
    hand.publish_event(topics.EPISODE_EVENT, event="reset", episode="x", seed=0, purpose="deployment")
    assert spin(lambda: node._collector.waiting == 0)


def test_what_is_seen_with_the_key_held_is_kept_and_a_second_sitting_adds_to_it(graph: Graph, tmp_path: Path) -> None:
    with graph(RewardNode, *collecting(tmp_path)) as (node, hand, spin):
        assert isinstance(node, RewardNode)
        take(hand, spin, node, range(12, 20))
        assert spin(lambda: storage.has_frames(tmp_path))  # safe before the end
        take(hand, spin, node, range(0))
    first = storage.load_frames(tmp_path)
    assert len(first.ids) == 2 and len(first) == 40
    assert first.pictures[first.labels][:, 0, 0, 0].tolist() == list(range(12, 20))
    with graph(RewardNode, *collecting(tmp_path, "successes:=11", "others:=40")) as (node, hand, spin):
        assert isinstance(node, RewardNode)
        take(hand, spin, node, range(15, 18))
        assert spin(lambda: node.exit_code == 0)
    both = storage.load_frames(tmp_path)
    assert both.ids[:2] == first.ids and len(both) == 60 and int(both.labels.sum()) == 11


def test_another_crop_than_that_of_the_pictures_there_is_refused_at_once(graph: Graph, tmp_path: Path) -> None:
    with graph(RewardNode, *collecting(tmp_path)) as (node, hand, spin):
        assert isinstance(node, RewardNode)
        take(hand, spin, node, range(5, 9))
    with (
        pytest.raises(RewardError, match="left 0, top 0, 32 x 32 px"),
        graph(RewardNode, *collecting(tmp_path, "crop:=0,0,32,32")),
    ):
        pass


def test_the_next_episode_waits_until_the_success_key_is_let_go(graph: Graph) -> None:
    with graph(EpisodeNode, "record:=false", "auto:=never") as (node, hand, spin):
        assert isinstance(node, EpisodeNode)
        hand.press("success")
        assert spin(lambda: node._keys.holds("success"))
        assert node._press("start") == "the success key is held: let it go first"
        hand.press()
        assert spin(lambda: not node._keys.holds("success"))
        assert node._press("start") == ""
        assert spin(lambda: bool(hand.events)) and '"reset"' in hand.events[0]
