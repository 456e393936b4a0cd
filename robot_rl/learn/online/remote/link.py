"""The actor's end of the connection. The control loop never waits for it: rows go into a bounded queue, parameters
lie ready when they have come."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.remote import rows
from robot_rl.learn.online.remote.config import RemoteConfig
from robot_rl.learn.online.remote.publishing import PORTION
from robot_rl.learn.online.remote.server import HELLO
from robot_rl.serving import protocol, wire

log = logging.getLogger(__name__)

RETRY = 0.5
"""Pause between two attempts to connect [s]."""
BATCH = 32
"""Most steps in one message."""


class Link:
    """To a learner, reconnected whenever it breaks.

    Args:
        where: address and token of the learner, starting it if need be; raises ConnectionError while there is none, and
            TrainingError when there will be none any more.
    """

    def __init__(self, where: Callable[[], tuple[str, str]], config: RemoteConfig) -> None:
        self.config = config
        self.dropped = 0
        """Rows that were not sent: the queue was full, or there was no connection."""
        self.updates = 0
        """Of the learner, as far as is known here."""
        self.failure: str | None = None
        """Why there will be no learner any more."""
        self.hello: Mapping[str, Any] | None = None
        """What the learner said when it was met last."""
        self.meetings = 0
        """How often a learner has said hello; an episode counts as sent only within one meeting."""
        self._where = where
        self._heard = time.monotonic()
        self._cut = False
        """That there is no connection has been said."""
        self._status: Mapping[str, Any] = {}
        self._queue: deque[rows.SentStep | Mapping[str, Any]] = deque()
        self._rows = 0
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._fresh: dict[str, Tensor] = {}
        self._coming: dict[str, Tensor] = {}
        self._fresh_updates, self._applied = 0, (0, time.monotonic())
        self._behind = 0
        """Updates that the agent was behind when parameters came last: as stale as it got."""
        self._closed = threading.Event()
        self._threads = [
            threading.Thread(target=self._watched, args=(body,), name=name, daemon=True)
            for name, body in (("learner-link", self._receive_forever), ("rows-sender", self._send_forever))
        ]
        self._socket: Any = None
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> bool:
        """The learner has been heard lately."""
        return self._socket is not None and time.monotonic() - self._heard < self.config.timeout

    @property
    def silence(self) -> float:
        """Since when nothing has been heard [s]."""
        return time.monotonic() - self._heard

    def put_step(self, step: rows.SentStep) -> bool:
        """Queue one step; False, and counted, when there is no room."""
        with self._wake:
            if self._rows >= self.config.queue:
                self.dropped += 1
                return False
            self._queue.append(step)
            self._rows += 1
            self._wake.notify()
        return True

    def put(self, message: Mapping[str, Any]) -> None:
        """Queue a message."""
        with self._wake:
            self._queue.append(message)
            self._wake.notify()

    def apply(self, weights: Mapping[str, Tensor]) -> bool:
        """Copy what has come since the last time into an agent's tensors; True when there was something.

        Raises:
            TrainingError: the learner's agent is another one.
        """
        with self._lock:
            fresh, self._fresh = self._fresh, {}
            updates = self._fresh_updates
        if not fresh:
            return False
        with torch.no_grad():
            for name, value in fresh.items():
                if name not in weights or weights[name].shape != value.shape:
                    raise TrainingError(
                        f"the learner sends '{name}' {tuple(value.shape)}, which is none of this agent's"
                    )
                weights[name].copy_(value)
        self._applied = (updates, time.monotonic())
        return True

    @property
    def applied(self) -> int:
        """The learner's updates that are in the agent's tensors."""
        return self._applied[0]

    def figures(self) -> dict[str, float]:
        """Of the learner and of the connection, for the curves."""
        status = self._status
        return {
            **{str(k): float(v) for k, v in dict(status.get("figures", {})).items()},
            "stale_updates": float(max(self.updates - self._applied[0], self._behind)),
            "stale_seconds": time.monotonic() - self._applied[1],
            "dropped": float(self.dropped),
            "queue": float(self._rows),
            "lag_steps": float(status.get("lag", 0)),
            "rollbacks": float(status.get("rollbacks", 0)),
            "connected": float(self.alive),
        }

    @property
    def status(self) -> Mapping[str, Any]:
        """What the learner said of itself last."""
        return self._status

    @property
    def lag(self) -> int:
        """Robot steps that have not been learnt from, as far as is known here."""
        return int(self._status.get("lag", 0)) + self._rows

    def close(self) -> None:
        """Send what is queued, as far as the learner takes it within a few seconds, and end."""
        deadline = time.monotonic() + 5.0
        while self._queue and self._socket is not None and time.monotonic() < deadline:
            time.sleep(0.02)
        self._closed.set()
        with self._wake:
            self._wake.notify_all()
        socket = self._socket
        if socket is not None:
            socket.close()
        for thread in self._threads:
            thread.join(timeout=5.0)

    def _watched(self, body: Callable[[], None]) -> None:
        """Run a thread's body: it ends with the link, or the failure is known."""
        try:
            body()
        except TrainingError as error:
            self.failure = str(error)
        except Exception as error:  # whoever waits for the learner must hear of it, whatever it is
            log.exception("the connection to the learner")
            self.failure = f"the connection to the learner has failed: {error!r}"

    def _receive_forever(self) -> None:
        from websockets.exceptions import WebSocketException

        while not self._closed.is_set():
            try:
                self._receive()
            except (WebSocketException, OSError, wire.WireError) as error:
                if not self._closed.is_set():
                    log.log(logging.DEBUG if self._cut else logging.WARNING, "no connection to the learner: %s", error)
                    self._cut = True
            finally:
                self._socket = None
            self._closed.wait(RETRY)

    def _receive(self) -> None:
        """Connect, and take what comes until the connection ends."""
        from websockets.sync.client import connect

        address, token = self._where()
        with connect(
            address,
            open_timeout=self.config.timeout,
            close_timeout=1.0,
            compression=None,
            max_size=protocol.MAX_MESSAGE,
            additional_headers={"Authorization": f"Api-Key {token}"},
            proxy=None,
        ) as socket:
            for data in socket:
                message = wire.unpack(data) if isinstance(data, bytes) else None
                if isinstance(message, dict):
                    self._take(message, socket)
                self._heard = time.monotonic()

    def _take(self, message: dict[str, Any], socket: Any) -> None:
        kind = message.get("kind")
        if kind == HELLO:
            with self._wake:
                self._queue.clear()
                self._coming.clear()
                self._rows = 0
                self.updates = int(message["updates"])
                self.hello = message
                self.meetings += 1
                self._cut = False
                self._socket = socket
                self._wake.notify_all()
        elif kind == "parameters":
            fresh = {name: torch.from_numpy(value.copy()) for name, value in message["tensors"].items()}
            self._coming |= fresh
            if message.get("more"):
                return
            with self._lock:
                self._fresh |= self._coming
                self._coming = {}
                self._behind = max(int(message["updates"]) - self._fresh_updates, 0)
                self._fresh_updates = self.updates = int(message["updates"])
        elif kind == "status" and "updates" in message:
            self._status, self.updates = message, int(message["updates"])
            if message.get("current"):
                self._keep_current()
        elif kind == "failed":
            self.failure = str(message["message"])

    def _keep_current(self) -> None:
        """The learner has nothing newer than what has come."""
        with self._lock:
            self._fresh_updates, self._behind = self.updates, 0
            if not self._fresh:
                self._applied = (self.updates, time.monotonic())

    def _send_forever(self) -> None:
        from websockets.exceptions import WebSocketException

        while not self._closed.is_set():
            with self._wake:
                while not self._closed.is_set() and (not self._queue or self._socket is None):
                    self._wake.wait(0.5)
                meeting, socket = self.meetings, self._socket
                message = self._pop() if self._queue else None
            if message is None or socket is None:
                continue
            try:
                socket.send(wire.pack(message))
            except (WebSocketException, OSError) as error:
                log.info("not sent in meeting %d: %s", meeting, error)

    def _pop(self) -> Mapping[str, Any]:
        """The next message; steps that follow each other go together, as far as a message holds them."""
        first = self._queue.popleft()
        if not isinstance(first, rows.SentStep):
            return first
        steps, size = [first], first.size
        while self._queue and len(steps) < BATCH and isinstance(step := self._queue[0], rows.SentStep):
            size += step.size
            if size > PORTION:
                break
            steps.append(step)
            self._queue.popleft()
        self._rows -= len(steps)
        return {"kind": "rows", **rows.encode(steps)}
