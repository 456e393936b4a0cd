"""Episodes begin when everyone that they need is there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs robot_rl[ros]")

import rclpy  # noqa: E402
from rclpy.node import Node  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402
from std_msgs.msg import Bool, String  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from robot_rl.commands.session import read_notes  # noqa: E402
from robot_rl.control.safety import Safety  # noqa: E402
from robot_rl.datasets.record import Phase, Source  # noqa: E402
from robot_rl.hardware import config  # noqa: E402
from robot_rl.hardware.human import HumanInput  # noqa: E402
from robot_rl.hardware.robot import Outcome, Reading  # noqa: E402
from robot_rl.ros import codecs, topics, wire  # noqa: E402
from robot_rl.ros.episode_node import EpisodeNode  # noqa: E402
from robot_rl.ros.state import StatePublisher  # noqa: E402
from robot_rl.runtime.arbiter import Decision  # noqa: E402
from robot_rl.runtime.launch import Launch  # noqa: E402

Spin = Callable[..., bool]
Managed = Callable[..., AbstractContextManager[tuple[EpisodeNode, Node, Spin]]]


@contextmanager
def running(spinner: type, *parameters: str) -> Iterator[tuple[EpisodeNode, Node, Spin]]:
    """An episode manager with these parameters, a node beside it, and what lets both run."""
    rclpy.init(args=["--ros-args", *(part for p in parameters for part in ("-p", p))])
    node, manager = Node("look"), EpisodeNode()
    try:
        yield manager, node, spinner(node, manager)
    finally:
        manager.close()
        manager.destroy_node()
        node.destroy_node()
        rclpy.try_shutdown()


@pytest.fixture
def managed(spinner: type) -> Managed:
    """As `running`."""
    return partial(running, spinner)


@pytest.fixture
def look(managed: Managed) -> Iterator[tuple[Node, Spin]]:
    """An episode manager of a deployment without recorder, and a node beside it."""
    parameters = ("robot:=sim_crazyflie", "policy:=some_policy", "purpose:=deployment", "record:=false", "auto:=always")
    with managed(*parameters) as (_, node, spin):
        yield node, spin


def heard(node: Node) -> list[dict[str, Any]]:
    """What the episode manager says, as it comes."""
    events: list[dict[str, Any]] = []
    node.create_subscription(
        String, topics.EPISODE_EVENT, lambda m: events.append(json.loads(m.data)), topics.latched()
    )
    return events


def test_a_deployment_waits_for_the_policy_before_the_robot_is_reset(look: tuple[Node, Spin]) -> None:
    node, spin = look
    events = heard(node)
    start = node.create_client(Trigger, "episode/start")
    assert spin(start.service_is_ready)
    answer = start.call_async(Trigger.Request())
    assert spin(answer.done)
    assert (answer.result().success, answer.result().message) == (False, "the policy is not ready yet")
    assert events == []
    node.create_publisher(JointState, topics.POLICY_ACTION, topics.stream())
    assert spin(lambda: bool(events))
    assert events[0]["event"] == "reset"


def test_no_reset_is_asked_for_while_the_emergency_stop_is_latched(look: tuple[Node, Spin]) -> None:
    node, spin = look
    events = heard(node)
    stopped = node.create_publisher(Bool, topics.STOPPED, topics.latched(1))
    stopped.publish(Bool(data=True))
    start = node.create_client(Trigger, "episode/start")
    assert spin(start.service_is_ready) and spin(lambda: stopped.get_subscription_count() == 1)
    spin(lambda: False, timeout=0.3)
    node.create_publisher(JointState, topics.POLICY_ACTION, topics.stream())
    spin(lambda: bool(events), timeout=0.7)
    answer = start.call_async(Trigger.Request())
    assert spin(answer.done)
    assert "the emergency stop is latched" in answer.result().message and events == []
    stopped.publish(Bool(data=False))
    assert spin(lambda: bool(events)) and events[0]["event"] == "reset"


@pytest.fixture
def classified(managed: Managed) -> Iterator[tuple[EpisodeNode, Node, Spin]]:
    """The episode manager of a session whose classifier judges, in real time, and a node beside it."""
    given = (
        "robot:=sim_pegslot",
        "purpose:=deployment",
        "record:=false",
        "auto:=always",
        "agenda:=true",
        "max_steps:=9",
    )
    with managed(*given) as (manager, node, spin):
        agent = node.create_publisher(String, topics.AGENT_EVENT, topics.latched())
        agent.publish(String(data=json.dumps({"event": "next", "after": "", "classified": True})))
        assert spin(lambda: manager._next.classified)
        yield manager, node, spin


def test_an_episode_that_a_classifier_judges_waits_for_the_judge(classified: tuple[EpisodeNode, Node, Spin]) -> None:
    manager, node, spin = classified
    events = heard(node)
    spin(lambda: bool(events), timeout=0.5)
    assert events == [] and manager._press("start") == "the judge is not ready yet"
    judge = node.create_publisher(JointState, topics.CLASSIFIED, topics.kept())
    assert spin(lambda: bool(events)) and events[0]["event"] == "reset"
    assert manager._episode.judge == "classifier" and judge.get_subscription_count() == 1


@pytest.mark.parametrize("silent", [False, True])
def test_a_classifier_s_word_is_passed_on_and_its_silence_is_no_success(
    classified: tuple[EpisodeNode, Node, Spin], silent: bool
) -> None:
    manager, node, spin = classified
    events, verdicts = heard(node), list[tuple[int, bool]]()
    judge = node.create_publisher(JointState, topics.CLASSIFIED, topics.kept())
    node.create_subscription(
        JointState,
        topics.VERDICT,
        lambda m: verdicts.append((codecs.stamp_of(m), wire.read_outcome(m).success)),
        topics.kept(),
    )
    robot = node.create_publisher(String, topics.ROBOT_EVENT, topics.latched())
    state, spec = StatePublisher(node, manager.spec), manager.spec
    assert spin(lambda: any(e["event"] == "reset" for e in events))
    ready = {"event": "ready", "episode": events[-1]["episode"], "stamp": time.time_ns()}
    robot.publish(String(data=json.dumps(ready)))
    assert spin(lambda: any(e["event"] == "begin" for e in events))
    begin = next(e for e in events if e["event"] == "begin")
    assert begin["judge"] == "classifier" and begin["stood"] == ready["stamp"] and begin["hands_back"] is True
    nothing = {f.name: np.zeros(f.shape) for f in spec.observation.vectors}
    first, second = begin["stamp"], begin["stamp"] + spec.period_ns
    for stamp in (first, second):
        state.publish(Reading(nothing, dict.fromkeys(nothing, stamp)))
    assert spin(lambda: len(manager._episode._unclassified) == 2)
    zero = np.zeros(spec.action.size)
    decided = Decision(first, zero, Source.POLICY, Phase.AUTONOMOUS, Safety(0), zero, zero)
    manager._on_decision(wire.decision_message(spec.action, decided))
    if silent:
        assert spin(lambda: len(verdicts) == 2, timeout=6.0) and manager._machine.steps == 1
        assert verdicts == [(first, False), (second, False)]
        assert time.time_ns() - first > 2_000_000_000
    else:
        judge.publish(wire.outcome_message(first, Outcome()))
        judge.publish(wire.outcome_message(second, Outcome(reward=1.0, success=True)))
        assert spin(lambda: any(e["event"] == "end" for e in events))
        assert spin(lambda: len(verdicts) == 2) and verdicts == [(first, False), (second, True)]
        assert next(e for e in events if e["event"] == "end")["result"] == "success"


def test_who_waits_for_a_person_says_what_to_press_and_why_a_key_did_nothing(
    managed: Managed, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(EpisodeNode, "say", lambda _, text: said.append(text))
    given = ("robot:=sim_crazyflie", "record:=false", "auto:=never", "device:=keyboard")
    with managed(*given) as (manager, node, spin):
        assert not spin(lambda: any(s.startswith("waiting:") for s in said), timeout=0.5), "a key would be lost"
        human = node.create_publisher(JointState, topics.HUMAN_ACTION, topics.stream(10))
        still, held = np.zeros(manager.spec.action.size), set[str]()

        def press() -> None:
            pressed = HumanInput(time.time_ns(), still, engaged=False, pressed=frozenset(held))
            human.publish(wire.human_message(manager.spec.action, pressed))

        node.create_timer(0.05, press)
        assert spin(lambda: any(s.startswith("waiting: press Enter") for s in said))
        held.add("success")
        assert spin(lambda: "success: no episode is running (state: idle)" in said)
        events = heard(node)
        held.clear()
        assert spin(lambda: not manager._keys.holds("success"))
        held.add("start")
        assert spin(lambda: bool(events)) and events[0]["event"] == "reset"
        assert sum(s.startswith("waiting:") for s in said) == 1
        manager._on_robot({"event": "ready", "episode": events[0]["episode"], "stamp": time.time_ns()})
        assert "episode 1 begins" in said


def test_after_an_emergency_stop_in_a_reset_nothing_moves_until_a_person_has_looked(look: tuple[Node, Spin]) -> None:
    node, spin = look
    events = heard(node)
    stopped = node.create_publisher(Bool, topics.STOPPED, topics.latched(1))
    node.create_publisher(JointState, topics.POLICY_ACTION, topics.stream(1))
    assert spin(lambda: any(e["event"] == "reset" for e in events))
    stopped.publish(Bool(data=True))
    stopped_at = len(events)
    spin(lambda: False, 0.3)
    stopped.publish(Bool(data=False))
    assert not spin(lambda: any(e["event"] == "reset" for e in events[stopped_at:]), 3.0), "though it begins by itself"
    start = node.create_client(Trigger, "episode/start")
    assert spin(start.service_is_ready)
    start.call_async(Trigger.Request())
    assert spin(lambda: any(e["event"] == "reset" for e in events[stopped_at:]))


@pytest.mark.parametrize(("simulated", "waits"), [(True, False), (False, True)])
def test_no_episode_of_a_real_robot_begins_unless_somebody_asks_for_it(
    simulated: bool, waits: bool, managed: Managed, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(EpisodeNode, "say", lambda _, text: said.append(text))
    known = config.load("sim_crazyflie")
    monkeypatch.setattr("robot_rl.ros.node.load", lambda *_: replace(known, simulated=simulated))
    with managed("robot:=sim_crazyflie", "record:=false", "auto:=simulated") as (_, node, spin):
        events = heard(node)
        assert spin(lambda: bool(said or events))
        assert bool(said) == waits and bool(events) != waits


@pytest.mark.parametrize("simulated", [True, False])
def test_a_real_robot_is_not_let_go_of_at_the_end_while_the_emergency_stop_is_latched(
    simulated: bool, managed: Managed, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = config.load("sim_crazyflie")
    monkeypatch.setattr("robot_rl.ros.node.load", lambda *_: replace(known, simulated=simulated))
    with managed("robot:=sim_crazyflie", "record:=false", "auto:=never", "episodes:=1") as (manager, _, spin):
        manager._results.count = 1
        manager._on_stopped(Bool(data=True))
        assert spin(lambda: manager.exit_code == 0, 0.5) is simulated
        manager._on_stopped(Bool(data=False))
        assert spin(lambda: manager.exit_code == 0, 5.0)


@pytest.mark.parametrize("simulated", [True, False])
def test_a_time_limit_at_a_real_robot_is_nobody_s_judgement_and_said_to_be(
    simulated: bool, managed: Managed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known = config.load("sim_crazyflie")
    monkeypatch.setattr("robot_rl.ros.node.load", lambda *_: replace(known, simulated=simulated))
    given = ("robot:=sim_crazyflie", "record:=false", "auto:=never", "max_steps:=1", f"results:={tmp_path / 'r.jsonl'}")
    with managed(*given) as (manager, node, spin):
        events = heard(node)
        assert manager._press("start") == "" and manager._preparation is not None
        manager._on_robot({"event": "ready", "episode": manager._preparation.name, "stamp": time.time_ns()})
        start, zero = manager._machine.start_stamp, np.zeros(manager.spec.action.size)
        step = Decision(start, zero, Source.POLICY, Phase.AUTONOMOUS, Safety(0), zero, zero)
        manager._on_decision(wire.decision_message(manager.spec.action, step))
        manager._on_outcome(wire.outcome_message(start + manager.spec.period_ns, Outcome()))
        assert spin(lambda: any(e["event"] == "end" for e in events))
        end = next(e for e in events if e["event"] == "end")
        assert (end["result"], end["judged"]) == ("failure", simulated)
        (line,) = (tmp_path / "r.jsonl").read_text().splitlines()
        assert json.loads(line)["judged"] == simulated


@pytest.mark.parametrize("record", ["true", "false"])
def test_a_mark_that_is_taken_back_is_taken_back_in_the_results_too(
    record: str, managed: Managed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known = config.load("sim_crazyflie")
    monkeypatch.setattr("robot_rl.ros.node.load", lambda *_: replace(known, simulated=False))
    results = tmp_path / "r.jsonl"
    with managed("robot:=sim_crazyflie", f"record:={record}", f"results:={results}") as (manager, _, _):
        manager._on_recorder({"event": "ready"})
        assert manager._press("start") == "" and manager._preparation is not None
        name = manager._preparation.name
        manager._on_recorder({"event": "prepared", "episode": name})
        manager._on_robot({"event": "ready", "episode": name, "stamp": time.time_ns()})
        start, zero = manager._machine.start_stamp, np.zeros(manager.spec.action.size)
        for t in range(2):
            stamp = start + t * manager.spec.period_ns
            step = Decision(stamp, zero, Source.POLICY, Phase.AUTONOMOUS, Safety(0), zero, zero)
            manager._on_decision(wire.decision_message(manager.spec.action, step))
        assert manager._press("success") == ""
        manager._on_recorder({"event": "saved", "episode": name, "number": 0})
        assert [(n.result, n.verdict) for n in read_notes(results)] == [("success", "success")]
        assert manager._press("undo") == ""
        manager._on_recorder({"event": "relabelled", "episode": name, "was": True, "success": False, "judged": False})
        assert [(n.result, n.verdict) for n in read_notes(results)] == [("failure", "unjudged")]


def test_a_trial_that_is_over_counts_though_everything_is_stopped_before_it_is_saved(
    managed: Managed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known = config.load("sim_crazyflie")
    monkeypatch.setattr("robot_rl.ros.node.load", lambda *_: replace(known, simulated=False))
    results = tmp_path / "r.jsonl"
    with managed("robot:=sim_crazyflie", f"results:={results}") as (manager, _, _):
        manager._on_recorder({"event": "ready"})
        assert manager._press("start") == "" and manager._preparation is not None
        name = manager._preparation.name
        manager._on_recorder({"event": "prepared", "episode": name})
        manager._on_robot({"event": "ready", "episode": name, "stamp": time.time_ns()})
        zero = np.zeros(manager.spec.action.size)
        step = Decision(manager._machine.start_stamp, zero, Source.HUMAN, Phase.DEMONSTRATION, Safety(0), zero, zero)
        manager._on_decision(wire.decision_message(manager.spec.action, step))
        assert manager._press("success") == "" and not results.exists()
    assert [n.result for n in read_notes(results)] == ["success"]


@pytest.mark.parametrize(("human", "device"), [("true", "keyboard"), ("false", "")])
def test_the_episode_manager_knows_what_the_person_holds(human: str, device: str) -> None:
    given = {"checkpoint": "x", "device": "keyboard", "intervene": human}
    processes = {p.name: p for p in Launch("deploy", given).processes}
    assert f'device:="{device}"' in processes["episode_node"].command
