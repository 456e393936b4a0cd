"""The actor's end of the connection: messages that the other end takes, and no end without a word."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np

from robot_rl.learn.online.remote.config import RemoteConfig
from robot_rl.learn.online.remote.link import BATCH, Link
from robot_rl.learn.online.remote.rows import SentStep, decode
from robot_rl.learn.online.remote.server import HELLO, ActorServer
from robot_rl.serving import protocol, wire

REMOTE = RemoteConfig(period=0.05, timeout=1.0)
TOKEN = "secret"


def until(done: Callable[[], bool], timeout: float = 10.0) -> None:
    deadline = time.monotonic() + timeout
    while not done():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)


@contextmanager
def met() -> Iterator[Link]:
    """A link whose learner has said hello."""
    server = ActorServer(TOKEN, lambda: {"kind": "status"}, period=REMOTE.period)
    link = Link(lambda: (server.address, TOKEN), REMOTE)
    try:
        assert server.inbox.get(timeout=10)["kind"] == HELLO
        server.send({"kind": HELLO, "updates": 0})
        until(lambda: link.alive)
        yield link
    finally:
        link.close()
        server.close()


def test_rows_that_pile_up_go_in_messages_that_can_be_taken(point: SimpleNamespace) -> None:
    link = Link(nowhere, REMOTE)
    try:
        for size, most in ((2_800_000, 11), (3, BATCH)):
            for t in range(BATCH + 1):
                assert link.put_step(SentStep({"image": np.zeros(size, np.uint8)}, point.step(t), t, 1.0))
            messages: list[Any] = []
            while link._queue:
                messages.append(link._pop())
            assert all(len(wire.pack(m)) <= protocol.MAX_MESSAGE for m in messages)
            assert [s.index for m in messages for s in decode(m)] == list(range(BATCH + 1))
            assert max(len(m["weight"]) for m in messages) == most and link.lag == 0
    finally:
        link.close()


def nowhere() -> tuple[str, str]:
    raise ConnectionError("there is no learner")


def test_what_cannot_be_sent_is_a_failure_that_is_known() -> None:
    with met() as link:
        link.put({"kind": "x", "what": object()})
        until(lambda: link.failure is not None)
        assert "cannot be sent" in str(link.failure)


def test_a_learner_that_cannot_be_looked_for_is_a_failure_that_is_known() -> None:
    def broken() -> tuple[str, str]:
        raise ValueError("no such line")

    link = Link(broken, REMOTE)
    try:
        until(lambda: link.failure is not None)
        assert "no such line" in str(link.failure)
    finally:
        link.close()
