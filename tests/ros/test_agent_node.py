"""An episode is concluded once it is known both how it ended and that it is saved, whichever is heard first."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs robot_rl[ros]")
pytest.importorskip("torch", reason="needs robot_rl[train]")

from robot_rl.hardware import config as hardware_config  # noqa: E402
from robot_rl.ros.agent_node import PATIENCE, AgentNode  # noqa: E402
from robot_rl.ros.told import ToldToEndError, listen, undisturbed  # noqa: E402


def test_an_episode_that_is_heard_to_be_saved_before_its_end_is_concluded_when_the_end_is_heard() -> None:
    concluded: list[tuple[int, int, bool]] = []
    actor = SimpleNamespace(settled=True, conclude=lambda *how: concluded.append(how))
    node = AgentNode.__new__(AgentNode)  # what is heard of an episode, without a graph around it
    node._part = SimpleNamespace(actor=actor)  # type: ignore[assignment]
    node._programme = SimpleNamespace(ended=lambda *_, **__: None)  # type: ignore[assignment]
    announced: list[str] = []
    node._announce = announced.append  # type: ignore[method-assign]
    node._saved = None
    node._event = {"event": "begin", "episode": "e", "purpose": "deployment"}
    saved: dict[str, Any] = {"event": "saved", "episode": "e", "steps": 5, "human_steps": 1}
    node._on_recorder(saved)
    assert concluded == [] and announced == []
    node._saved_at = time.monotonic() - 2 * PATIENCE
    node._settle(at_once=True)
    assert concluded == [], "without its end nothing can be said of it"
    node._event |= {"result": "success", "terminated": True}
    node._settle()
    assert concluded == [(5, 1, True)] and announced == ["e"]
    node._settle()
    assert len(concluded) == 1


def test_an_agent_that_waits_for_its_learner_gives_up_when_it_is_told_to_end(tmp_path: Path) -> None:
    node = AgentNode.__new__(AgentNode)
    node.config = hardware_config.load("sim_pegslot")
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    listen()  # another thread may take the signal: then it is told, else it is pending
    try:
        with undisturbed(), pytest.raises(ToldToEndError):
            os.kill(os.getpid(), signal.SIGINT)
            node._load(str(tmp_path))
    finally:
        listen().clear()
        for number, handler in before.items():
            signal.signal(number, handler)
