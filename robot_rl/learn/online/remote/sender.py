"""An episode's rows on their way to the learner."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from robot_rl.datasets.record import Step
from robot_rl.learn.online.remote import rows
from robot_rl.learn.online.remote.link import Link

log = logging.getLogger(__name__)


class RowSender:
    """Sends an episode's rows as they come; implements RowSink. One that cannot be sent whole is given up: the learner
    takes it from the data set."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._meeting: int | None = None
        self._message: dict[str, Any] = {"kind": "drop"}

    def begin(self, episode_id: str) -> bool:
        """Begin an episode."""
        self._meeting = self._link.meetings if self._link.alive else None
        self._message = {"kind": "fetch"}
        self._link.put({"kind": "begin", "episode": episode_id})
        return True

    def add(self, observation: Mapping[str, NDArray[Any]], step: Step, index: int, weight: float = 1.0) -> None:
        if not self._whole:
            self._link.dropped += 1
        elif not self._link.put_step(rows.SentStep(dict(observation), step, index, weight)):
            log.warning("the queue to the learner is full: it takes this episode from the data set")
            self._meeting = None

    def finish(self, observation: Mapping[str, NDArray[Any]], success: bool | None) -> None:
        """The episode is over; `conclude` says so to the learner."""
        if self._whole:
            self._message = {"kind": "finish", "row": dict(observation), "success": success}

    def give_up(self) -> None:
        """What was sent is not what was recorded: the learner is to take the episode from the data set."""
        self._message = {"kind": "fetch"}

    def drop(self) -> None:
        """Forget the episode begun."""
        self._message = {"kind": "drop"}

    def conclude(self, document: Mapping[str, Any]) -> None:
        """The episode is safe in the data set, or discarded.

        Args:
            document: what the session has to say of itself.
        """
        if self._message["kind"] == "finish" and not self._whole:
            self._message = {"kind": "fetch"}
        self._link.put({**self._message, **document})
        self._meeting = None

    @property
    def _whole(self) -> bool:
        """All rows so far went to one and the same learner."""
        return self._meeting is not None and self._meeting == self._link.meetings
