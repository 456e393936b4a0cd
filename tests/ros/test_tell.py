"""What a person says to a running graph from another terminal."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
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
    assert (taken.returncode, taken.stdout) == (0, "done\n")
    assert (refused.returncode, refused.stdout) == (1, "no episode is running\n")
    assert graph == ["start", "success"]


def test_that_nobody_hears_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", "93")
    done = said("estop", "--domain", "93")
    assert done.returncode == 2 and "nobody hears 'arbiter/estop' in ROS domain 93" in done.stderr


class Keys:
    """A keyboard on which these buttons are held, one set for each look; then the terminal is gone."""

    def __init__(self, *held: set[str]) -> None:
        self._held, self.calls = list(held), []

    def open(self) -> None:
        self.calls.append("open")

    def close(self) -> None:
        self.calls.append("close")

    def poll(self) -> RawState:
        if not self._held:
            return RawState(0, (0.0,) * len(AXES), (0,) * len(BUTTONS), connected=False)
        held = self._held.pop(0)
        return RawState(0, (0.0,) * len(AXES), tuple(int(b in held) for b in BUTTONS))


def test_a_key_says_its_word_once_and_what_moves_the_robot_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    keys, heard, shown = Keys({"start"}, {"start", "clutch"}, set(), {"estop"}, {"estop"}, {"success"}), [], []

    def answer(word: str) -> tuple[bool, str]:
        heard.append(word)
        if word == "estop":
            raise tell.TellError("nobody hears")
        return word == "start", "" if word == "start" else "not now"

    tell.obey(keys, answer, shown.append)
    assert heard == ["start", "estop", "success"] and keys.calls == ["open", "close"]
    assert shown == ["start: done", "estop: nobody hears", "success: not done: not now"]


def test_the_only_graph_of_the_machine_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", "5")
    monkeypatch.setattr(tell, "domains_of", lambda _: [])
    assert (tell.choose_domain(None), tell.choose_domain(3)) == (5, 3)
    monkeypatch.setattr(tell, "domains_of", lambda _: [7])
    assert tell.choose_domain(None) == 7
    monkeypatch.setattr(tell, "domains_of", lambda _: [7, 9])
    with pytest.raises(tell.TellError, match="domains 7, 9: say which with --domain"):
        tell.choose_domain(None)


def test_a_node_s_domain_is_known_for_as_long_as_it_runs() -> None:
    held = sole.SoleName("/somebody", 90, print)
    assert sole.domains_of("/somebody") == [90]
    held.release()
    assert sole.domains_of("/somebody") == []
