"""Rows that do not reach the learner are counted, each once, for whichever reason."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from robot_rl.learn.online.remote.config import RemoteConfig
from robot_rl.learn.online.remote.link import Link
from robot_rl.learn.online.remote.rows import SentStep
from robot_rl.learn.online.remote.sender import RowSender


def nowhere() -> tuple[str, str]:
    raise ConnectionError("there is no learner")


def test_rows_are_counted_that_find_no_room_or_no_connection(point: SimpleNamespace) -> None:
    link, row = Link(nowhere, RemoteConfig(queue=2)), {"state": np.zeros(1, np.float32)}
    try:
        assert [link.put_step(SentStep(row, point.step(t), t, 1.0)) for t in range(5)] == [
            True,
            True,
            False,
            False,
            False,
        ]
        assert link.figures()["dropped"] == 3.0
        sender = RowSender(link)
        sender.begin("e")
        for t in range(4):
            sender.add(row, point.step(t), t)
        assert link.figures()["dropped"] == 7.0
    finally:
        link.close()
