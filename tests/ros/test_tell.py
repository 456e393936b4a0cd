"""What a person says to a running graph from another terminal."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

pytest.importorskip("rclpy", reason="needs robot_rl[ros]")

import rclpy  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from robot_rl.hardware.devices.raw import RawState  # noqa: E402
from robot_rl.hardware.human import AXES, BUTTONS  # noqa: E402
from robot_rl.ros import sole, tell  # noqa: E402
from robot_rl.ros.tell_keys import EPISODE_KEYS, NO_EPISODES, WITHIN, EpisodeKeys  # noqa: E402


@pytest.fixture
def graph() -> Iterator[list[str]]:
    """A graph that takes a start and no success; what it was asked."""
    asked: list[str] = []

    def serve(word: str, why_not: str, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        asked.append(word)
        response.success, response.message = not why_not, why_not
        return response

    rclpy.init(args=[])
    node, executor = Node("graph"), SingleThreadedExecutor()
    for word, why_not in (("start", ""), ("success", "no episode is running")):
        node.create_service(
            Trigger,
            tell.SERVICES[word],
            lambda a, b, w=word, y=why_not: serve(w, y, a, b),  # type: ignore[misc]
        )
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin, daemon=True)
    thread.start()
    yield asked
    executor.shutdown()
    thread.join(5.0)
    node.destroy_node()
    rclpy.try_shutdown()


def said(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "robot_rl.ros.tell", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_word_reaches_the_graph_and_its_answer_is_shown(graph: list[str]) -> None:
    domain = ("--domain", os.environ.get("ROS_DOMAIN_ID", "0"))
    taken, refused = said("start", *domain), said("success", *domain)
    assert (taken.returncode, taken.stdout) == (0, f"ROS domain {domain[1]}: done\n")
    assert (refused.returncode, refused.stdout) == (1, f"ROS domain {domain[1]}: no episode is running\n")
    assert graph == ["start", "success"]


def test_that_nobody_hears_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", "93")
    done = said("estop", "--domain", "93")
    assert done.returncode == 2 and "nobody hears 'arbiter/estop' in ROS domain 93" in done.stderr


def test_a_graph_without_episodes_is_told_from_one_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tell, "THERE_WITHIN", 0.2)
    rclpy.init(args=[])
    arbiter, node = Node("arbiter"), Node("asks")
    try:
        teller = tell.Teller(node)
        with pytest.raises(tell.TellError, match="nobody hears 'episode/start'"):
            teller.tell("start")
        arbiter.create_service(Trigger, "arbiter/estop", lambda _, response: response)
        monkeypatch.setattr(tell, "THERE_WITHIN", 5.0)
        teller.find("estop")
        monkeypatch.setattr(tell, "THERE_WITHIN", 0.2)
        with pytest.raises(tell.TellError, match="this graph has no episodes .*use record or deploy"):
            teller.tell("start")
    finally:
        for one in (arbiter, node):
            one.destroy_node()
        rclpy.try_shutdown()


def test_the_keys_for_episodes_are_shown_once_somebody_runs_them_and_their_lack_is_said() -> None:
    there, shown = [False], list[str]()
    keys = EpisodeKeys(lambda: there[0], shown.append, 10.0)
    keys.look(10.0 + 0.9 * WITHIN)
    assert shown == []
    for after in (1.1, 1.2):
        keys.look(10.0 + after * WITHIN)
        assert shown == [NO_EPISODES]
    there[0] = True
    for after in (1.3, 1.4):
        keys.look(10.0 + after * WITHIN)
        assert shown == [NO_EPISODES, EPISODE_KEYS]


MS = 1_000_000


def state(at: int, *held: str, connected: bool = True) -> RawState:
    """These buttons held at a time [ms]."""
    return RawState(at * MS, (0.0,) * len(AXES), tuple(int(b in held) for b in BUTTONS), connected)


class Keys:
    """A keyboard that shows these states, one at each look."""

    def __init__(self, *states: RawState) -> None:
        self._states, self.calls = [*states, state(10**6, connected=False)], []

    def open(self) -> None:
        self.calls.append("open")

    def close(self) -> None:
        self.calls.append("close")

    def poll(self) -> RawState:
        return self._states.pop(0)


class Graph:
    """What a Teller speaks to: it never answers a start."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def ask(self, word: str) -> None:
        self.asked.append(word)
        if word == "failure":
            raise tell.TellError("nobody hears")

    def answers(self, within: float) -> list[tuple[str, bool, str]]:
        return [("success", False, "not now")] if self.asked[-1:] == ["success"] else []


def test_what_moves_the_robot_says_nothing_and_no_answer_is_waited_for() -> None:
    keys = Keys(state(0, "start"), state(20, "clutch", "estop"), state(40, "success"), state(60, "failure"))
    graph, shown = Graph(), []
    looks: list[None] = []
    tell.obey(keys, graph, shown.append, lambda: looks.append(None))  # type: ignore[arg-type]
    assert len(looks) == 4
    assert graph.asked == ["start", "estop", "success", "failure"] and keys.calls == ["open", "close"]
    assert shown == ["success: not done: not now", "failure: nobody hears"]


def test_a_key_that_a_terminal_repeats_says_its_word_once_but_the_emergency_stop_whenever_it_comes() -> None:
    pressed = tell.Pressed()
    looks = [state(0, "undo"), state(200), state(500, "undo"), state(530, "undo"), state(800)]
    assert [pressed.look(s) for s in looks] == [["undo"], [], [], [], []]
    assert pressed.look(state(1400, "undo")) == ["undo"]
    assert [pressed.look(state(t, *e)) for t, e in ((1500, ["estop"]), (1700, []), (1900, ["estop"]))] == [
        ["estop"], [], ["estop"],
    ]  # fmt: skip


def test_of_two_keys_at_once_the_emergency_stop_is_said_first() -> None:
    assert tell.Pressed().look(state(0, "start", "estop"))[0] == "estop"


def test_the_graph_is_looked_for_where_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tell, "domains_of", lambda _: [])
    monkeypatch.delenv("ROS_DOMAIN_ID", raising=False)
    assert (tell.domains(None), tell.domains(3)) == ([], [3])
    monkeypatch.setattr(tell, "domains_of", lambda _: [7])
    assert tell.domains(None) == [7]
    monkeypatch.setenv("ROS_DOMAIN_ID", "5")
    assert (tell.domains(None), tell.domains(7)) == ([5, 7], [7])


def test_where_several_graphs_may_be_meant_it_is_asked_which_but_for_the_emergency_stop(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[tuple[str, int]] = []
    monkeypatch.setattr(tell, "domains", lambda _: [5, 7])
    monkeypatch.setattr(tell, "_say", lambda word, domain: told.append((word, domain)) or 2 * (domain == 5))
    assert tell.main(["start"]) == 2 and "which graph? ROS domains 5, 7: say --domain" in capsys.readouterr().err
    assert tell.main(["estop"]) == 0 and told == [("estop", 5), ("estop", 7)]


def test_a_domain_that_is_set_and_has_a_graph_is_meant_but_an_emergency_stop_reaches_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[tuple[str, int]] = []
    monkeypatch.setattr(tell, "domains_of", lambda _: [5, 7])
    monkeypatch.setattr(tell, "_say", lambda word, domain: told.append((word, domain)) or 0)
    monkeypatch.setenv("ROS_DOMAIN_ID", "7")
    assert tell.main(["release"]) == 0 and told == [("release", 7)]
    assert tell.main(["estop"]) == 0 and told[1:] == [("estop", 5), ("estop", 7)]
    monkeypatch.setenv("ROS_DOMAIN_ID", "9")
    assert tell.main(["release"]) == 2


def test_without_a_graph_here_only_an_emergency_stop_is_said_in_the_domain_that_everybody_is_in(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[tuple[str, int]] = []
    monkeypatch.delenv("ROS_DOMAIN_ID", raising=False)
    monkeypatch.setattr(tell, "domains_of", lambda _: [])
    monkeypatch.setattr(tell, "_say", lambda word, domain: told.append((word, domain)) or 0)
    for words in (["start"], ["release"], []):
        assert tell.main(words) == 2
        assert "no graph runs on this computer: for one on another computer say --domain" in capsys.readouterr().err
    assert tell.main(["estop"]) == 0 and told == [("estop", 0)]


def test_a_node_s_domain_is_known_for_as_long_as_it_runs() -> None:
    held = sole.SoleName("/somebody", 90, print)
    assert sole.domains_of("/somebody") == [90]
    held.release()
    assert sole.domains_of("/somebody") == []
