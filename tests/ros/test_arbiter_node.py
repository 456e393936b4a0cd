"""The arbiter node in real time: when it sends nothing, and what it does when the person falls silent."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs robot_rl[ros]")

import rclpy  # noqa: E402
from diagnostic_msgs.msg import DiagnosticArray  # noqa: E402
from rclpy.node import Node  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402
from std_msgs.msg import String  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from robot_rl.datasets.record import Source  # noqa: E402
from robot_rl.hardware import config  # noqa: E402
from robot_rl.hardware.human import HumanInput  # noqa: E402
from robot_rl.hardware.robot import Reading  # noqa: E402
from robot_rl.ros import codecs, topics, wire  # noqa: E402
from robot_rl.ros.arbiter_node import ArbiterNode  # noqa: E402
from robot_rl.ros.state import StatePublisher  # noqa: E402
from robot_rl.runtime import silence  # noqa: E402
from robot_rl.runtime.arbiter import Decision  # noqa: E402

SPEC = config.load("sim_crazyflie", "position").spec
HERE, THERE = np.array([0.5, -0.5, 1.0, 0, 0, 0, 1]), np.array([-0.5, 0.5, 1.5, 0, 0, 0, 1])


class Flight:
    """An arbiter node of a robot that is commanded by set-points, and a robot whose place is written down."""

    def __init__(self, spinner: type) -> None:
        self.look = Node("look")
        self.arbiter: Any = ArbiterNode()
        self.spin = spinner(self.look, self.arbiter)
        self.state = StatePublisher(self.look, SPEC)
        self.pose: np.ndarray | None = HERE
        """Where the robot is; None: it says nothing."""
        self.pose_age = 0
        """Of the pose alone [ns]."""
        self.heard = False
        """The person's device is heard."""
        self.commands: list[np.ndarray] = []
        self.decisions: list[Decision] = []
        self.reports: list[str] = []
        qos = topics.stream()
        self.look.create_subscription(
            JointState,
            topics.COMMAND,
            lambda m: self.commands.append(codecs.unlabelled(m, SPEC.action.labels)),
            qos,
        )
        self.look.create_subscription(
            JointState,
            topics.DECISION,
            lambda m: self.decisions.append(wire.read_decision(SPEC.action, m)),
            topics.kept(),
        )
        self.look.create_subscription(
            DiagnosticArray, topics.DIAGNOSTICS, lambda m: self.reports.append(m.status[0].message), qos
        )
        self.human = self.look.create_publisher(JointState, topics.HUMAN_ACTION, qos)
        self.events = {
            topic: self.look.create_publisher(String, topic, topics.latched())
            for topic in (topics.EPISODE_EVENT, topics.ROBOT_EVENT)
        }
        self.look.create_timer(0.02, self._tick)

    def _tick(self) -> None:
        now = time.time_ns()
        if self.heard:
            idle = HumanInput(now, np.full(SPEC.action.size, np.nan), engaged=False)
            self.human.publish(wire.human_message(SPEC.action, idle))
        if self.pose is not None:
            values = {f.name: np.zeros(f.size) for f in SPEC.observation.vectors} | {"pose": self.pose}
            self.state.publish(Reading(values, dict.fromkeys(values, now) | {"pose": now - self.pose_age}))

    def say(self, topic: str, event: str, **about: Any) -> None:
        self.events[topic].publish(String(data=json.dumps({"event": event, "sent": time.time_ns(), **about})))

    def propose(self) -> None:
        """A policy that wants to stay."""
        action = self.arbiter._arbiter.envelope.last
        self.arbiter._on_proposal(codecs.labelled(time.time_ns(), SPEC.action.labels, action))

    def close(self) -> None:
        self.arbiter.close()
        for node in (self.arbiter, self.look):
            node.destroy_node()


@pytest.fixture
def flight(request: pytest.FixtureRequest, spinner: type) -> Iterator[Flight]:
    given = ["robot:=sim_crazyflie", "control_mode:=position", *getattr(request, "param", ())]
    rclpy.init(args=["--ros-args", *(part for text in given for part in ("-p", text))])
    made = Flight(spinner)
    yield made
    made.close()
    rclpy.try_shutdown()


def test_nothing_is_sent_before_the_robots_place_is_known(flight: Flight) -> None:
    flight.pose = np.full(7, np.nan)
    assert flight.spin(lambda: len(flight.decisions) > 10)
    assert flight.commands == []
    flight.pose = HERE
    assert flight.spin(lambda: bool(flight.commands))
    np.testing.assert_allclose(flight.commands[0][:3], HERE[:3])


def test_nothing_is_sent_while_the_driver_moves_the_robot_and_then_it_stays_where_that_led(flight: Flight) -> None:
    assert flight.spin(lambda: len(flight.commands) > 5)
    flight.say(topics.EPISODE_EVENT, "reset", episode="e", scene="outside")
    assert flight.spin(lambda: flight.arbiter._away == "e")
    flight.spin(lambda: False, timeout=0.1)
    flight.commands.clear()
    flight.pose = THERE
    flight.spin(lambda: bool(flight.commands), timeout=0.5)
    assert flight.commands == []
    flight.say(topics.ROBOT_EVENT, "ready", episode="e", stamp=time.time_ns())
    assert flight.spin(lambda: len(flight.commands) > 5)
    flight.say(topics.EPISODE_EVENT, "reset", episode="e", scene="outside")  # asked once more: it stands already
    flight.say(topics.EPISODE_EVENT, "begin", episode="e", stamp=time.time_ns(), purpose="deployment")
    assert flight.spin(lambda: flight.arbiter._episode == "e")
    sent = len(flight.commands)
    assert flight.spin(lambda: len(flight.commands) > sent + 5)
    np.testing.assert_allclose(np.array(flight.commands)[:, :3], np.tile(THERE[:3], (len(flight.commands), 1)))


@pytest.mark.parametrize(("scene", "place"), [("outside", THERE), ("kept", HERE)])
def test_where_a_reset_led_counts_though_its_end_is_heard_before_it(
    flight: Flight, scene: str, place: np.ndarray
) -> None:
    assert flight.spin(lambda: len(flight.commands) > 5)
    flight.pose = THERE
    flight.spin(lambda: False, timeout=0.2)
    flight.say(topics.ROBOT_EVENT, "ready", episode="e", stamp=time.time_ns(), kept=scene == "kept")
    assert flight.spin(lambda: flight.arbiter._stood == "e")
    flight.spin(lambda: False, timeout=0.2)
    flight.commands.clear()
    flight.say(topics.EPISODE_EVENT, "reset", episode="e", scene=scene)
    flight.say(topics.EPISODE_EVENT, "begin", episode="e", stamp=time.time_ns(), purpose="deployment")
    assert flight.spin(lambda: flight.arbiter._episode == "e" and len(flight.commands) > 5)
    np.testing.assert_allclose(np.array(flight.commands)[:, :3], np.tile(place[:3], (len(flight.commands), 1)))


def test_that_the_robot_stands_changes_nothing_when_it_is_heard_late(flight: Flight) -> None:
    """After the beginning; or of a scene that was kept, whether or not the robot's node says so."""
    assert flight.spin(lambda: len(flight.commands) > 5)
    flight.pose = THERE
    flight.spin(lambda: False, timeout=0.2)
    flight.commands.clear()
    stands = {"event": "ready", "stamp": time.time_ns()}
    flight.arbiter._on_episode({"event": "begin", "episode": "e", "stamp": 0, "purpose": "deployment"})
    flight.arbiter._on_robot({**stands, "episode": "e"})
    flight.arbiter._on_episode({"event": "reset", "episode": "f", "scene": "kept"})
    flight.arbiter._on_robot({**stands, "episode": "f"})
    assert flight.spin(lambda: len(flight.commands) > 5)
    np.testing.assert_allclose(np.array(flight.commands)[:, :3], np.tile(HERE[:3], (len(flight.commands), 1)))


def test_an_emergency_stop_that_cut_a_reset_short_leaves_the_robot_where_it_is_once_released(flight: Flight) -> None:
    assert flight.spin(lambda: len(flight.commands) > 5)
    flight.say(topics.EPISODE_EVENT, "reset", episode="e", scene="outside")
    assert flight.spin(lambda: flight.arbiter._away == "e")
    flight.arbiter._estop(Trigger.Request(), Trigger.Response())
    flight.pose = THERE
    flight.spin(lambda: False, timeout=0.3)
    flight.commands.clear()
    flight.arbiter._arbiter.moved = lambda *_: pytest.fail("a gripper that nothing measures would open")
    flight.arbiter._release_estop(Trigger.Request(), Trigger.Response())
    assert flight.spin(lambda: len(flight.commands) > 5)
    np.testing.assert_allclose(np.array(flight.commands)[:, :3], np.tile(THERE[:3], (len(flight.commands), 1)))


def test_no_reading_while_the_driver_moves_the_robot_is_no_alarm(
    flight: Flight, capfd: pytest.CaptureFixture[str]
) -> None:
    assert flight.spin(lambda: "on" in flight.reports)
    flight.say(topics.EPISODE_EVENT, "reset", episode="e", scene="outside")
    assert flight.spin(lambda: flight.arbiter._away == "e")
    flight.pose = None
    assert flight.spin(lambda: flight.reports[-1] == "off: the robot's driver is bringing it to its start")
    assert not flight.spin(lambda: any("no reading" in r for r in flight.reports), timeout=1.5)
    assert "no reading" not in capfd.readouterr().err
    flight.say(topics.ROBOT_EVENT, "ready", episode="e", stamp=time.time_ns())
    assert flight.spin(lambda: "no reading from the robot for" in flight.reports[-1]), "it stands, and says nothing"
    assert "every command is refused" in capfd.readouterr().err


@pytest.mark.parametrize("flight", [["human:=true"]], indirect=True)
def test_a_person_who_is_yet_to_be_heard_at_the_start_is_reported_and_no_alarm(
    flight: Flight, capfd: pytest.CaptureFixture[str]
) -> None:
    assert flight.spin(lambda: any("input device is not heard yet" in r for r in flight.reports))
    assert "input device" not in capfd.readouterr().err


def test_an_old_pose_beside_fresh_fields_is_named(flight: Flight) -> None:
    assert flight.spin(lambda: "on" in flight.reports)
    flight.pose_age = 2 * 10**9
    assert flight.spin(lambda: "no reading from 'pose' for 2.0 s: every command is refused" in flight.reports)
    flight.pose_age = 5 * 10**8  # beyond observation_timeout
    assert flight.spin(lambda: "no reading from 'pose' for 0.5 s: every command is refused" in flight.reports)


@pytest.mark.parametrize("flight", [["human:=true"]], indirect=True)
def test_a_policy_waits_while_the_person_is_silent_and_that_is_said(flight: Flight) -> None:
    def source(wanted: Source) -> Callable[[], bool]:
        def seen() -> bool:
            flight.propose()
            return bool(flight.decisions) and flight.decisions[-1].source is wanted

        return seen

    flight.heard = True
    flight.arbiter._on_episode({"event": "begin", "episode": "e", "stamp": 0, "purpose": "evaluation"})
    assert flight.spin(source(Source.POLICY))
    flight.heard = False
    assert flight.spin(source(Source.NONE))
    assert flight.spin(lambda: "the person's input device is silent" in flight.reports[-1])
    assert source(Source.NONE)()
    flight.heard = True
    assert flight.spin(source(Source.POLICY))


@pytest.mark.parametrize("flight", [["wait_for:=policy"]], indirect=True)
def test_a_policy_that_answers_nothing_is_named_and_one_that_plans_is_not(
    flight: Flight, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "POLICY_WITHIN", 1.2)

    def plans() -> bool:
        flight.arbiter._on_proposal(codecs.labelled(time.time_ns(), (), ()))
        return any("no answer from the policy" in text for text in flight.reports)

    begin = {"event": "begin", "episode": "e", "stamp": time.time_ns()}
    flight.arbiter._on_episode(begin | {"purpose": "demonstration"})
    assert not flight.spin(lambda: "no answer from the policy" in "".join(flight.reports), timeout=2.4)
    flight.arbiter._on_episode(begin | {"purpose": "deployment"})
    flight.reports.clear()
    assert not flight.spin(plans, timeout=2.4)
    assert flight.spin(lambda: "no answer from the policy for" in "".join(flight.reports))


def test_what_a_person_cannot_have_said_is_refused_and_the_arbiter_goes_on(
    flight: Flight, capfd: pytest.CaptureFixture[str]
) -> None:
    assert flight.spin(lambda: len(flight.commands) > 5 and flight.human.get_subscription_count() == 1)
    said = HumanInput(time.time_ns(), np.zeros(SPEC.action.size), engaged=True)
    for spoilt in (float("nan"), float("inf")):
        message = wire.human_message(SPEC.action, said)
        message.position[-1] = spoilt
        flight.human.publish(message)
    flight.human.publish(codecs.labelled(said.stamp, ("x",), [1.0]))
    assert not flight.spin(lambda: flight.arbiter._human is not None, timeout=0.5)
    flight.human.publish(wire.human_message(SPEC.action, said))
    assert flight.spin(lambda: flight.arbiter._human is not None)
    assert "human/action refused: a person's input says" in capfd.readouterr().err


def test_a_release_without_a_stop_changes_nothing_while_the_driver_moves_the_robot(flight: Flight) -> None:
    assert flight.spin(lambda: len(flight.commands) > 5)
    flight.say(topics.EPISODE_EVENT, "reset", episode="e", scene="outside")
    assert flight.spin(lambda: flight.arbiter._away == "e")
    flight.pose = THERE
    answer = flight.arbiter._release_estop(Trigger.Request(), Trigger.Response())
    assert (answer.success, answer.message) == (True, "no emergency stop is latched")
    flight.commands.clear()
    assert not flight.spin(lambda: bool(flight.commands), timeout=0.5)


@pytest.mark.parametrize("flight", [["wait_for:=policy"]], indirect=True)
def test_a_policy_that_is_silent_while_a_person_drives_is_no_alarm(
    flight: Flight, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "POLICY_WITHIN", 0.2)
    begin = {"event": "begin", "episode": "e", "stamp": time.time_ns(), "hands_back": True}
    flight.arbiter._on_episode(begin | {"purpose": "deployment"})
    flight.arbiter._arbiter.takeover.in_control = True
    assert not flight.spin(lambda: "no answer from the policy" in "".join(flight.reports), timeout=1.5)


def test_who_steps_in_while_the_robot_resets_itself_gives_control_back(flight: Flight) -> None:
    flight.arbiter._on_episode({"event": "drive", "episode": "e", "stamp": 0})
    takeover = flight.arbiter._arbiter.takeover
    for stamp, held in ((0, True), (10**10, True), (2 * 10**10, False), (3 * 10**10, False)):
        takeover.update(stamp, held)
    assert not takeover.in_control and flight.arbiter._arbiter.policy_wanted


def test_what_the_episode_manager_says_of_handing_back_reaches_the_arbiter(flight: Flight) -> None:
    begin = {"event": "begin", "episode": "e", "stamp": 0, "purpose": "deployment"}
    for told, expected in (({"hands_back": True}, True), ({"hands_back": False}, False), ({}, False)):
        flight.arbiter._on_episode(begin | told)
        takeover = flight.arbiter._arbiter.takeover
        takeover.update(0, True)
        takeover.update(10**10, True)
        takeover.update(2 * 10**10, False)
        takeover.update(3 * 10**10, False)
        assert not takeover.in_control and flight.arbiter._arbiter.policy_wanted is expected
