"""The learner's end of the connection: one actor at a time over a WebSocket that shows a token. No pickle."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any

from robot_rl.learn.config import TrainingError
from robot_rl.serving import protocol, wire
from robot_rl.serving.admission import admit

log = logging.getLogger(__name__)

HELLO, GONE = "hello", "gone"
"""Kinds of messages that this end makes itself: an actor has come, an actor has left."""


class ActorServer:
    """Takes messages from an actor into a bounded queue, and sends it the newest parameters and figures.

    An actor that comes while another is connected takes its place: the one before is gone, or was cut off.

    Args:
        token: an actor must send `Authorization: Api-Key <token>`.
        status: makes the message that is sent every `period` seconds.
        capacity: messages that may wait here; the actor's own queue fills when they do.
    """

    def __init__(
        self,
        token: str,
        status: Callable[[], Mapping[str, Any]],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        period: float = 1.0,
        capacity: int = 256,
    ) -> None:
        from websockets.sync.server import serve

        if not token:
            raise TrainingError("a learner needs a token that its actors must show")
        self._token, self._status, self._period = token, status, period
        self.inbox: queue.Queue[dict[str, Any]] = queue.Queue(capacity)
        """Messages in the order in which they came."""
        self._outbox: queue.Queue[Mapping[str, Any]] = queue.Queue()
        self._current: Any = None
        self._closed = threading.Event()
        try:
            self._server = serve(
                self._serve,
                host,
                port,
                origins=[None],
                compression=None,
                max_size=protocol.MAX_MESSAGE,
                process_request=self._admit,
            )
        except OSError as error:
            raise TrainingError(f"cannot listen on {host}:{port}: {error.strerror or error}") from None
        self.address = f"ws://{host}:{self._server.socket.getsockname()[1]}"
        self._threads = [
            threading.Thread(target=self._server.serve_forever, name="learner-server", daemon=True),
            threading.Thread(target=self._send_forever, name="learner-sender", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def send(self, message: Mapping[str, Any]) -> None:
        """Queue a message for the actor; dropped when there is none."""
        self._outbox.put(message)

    def close(self) -> None:
        """Send what is queued, and end the connection."""
        self._closed.set()
        self._threads[1].join(timeout=2.0)
        self._server.shutdown()
        current = self._current
        if current is not None:
            current.close()
        self._threads[0].join(timeout=2.0)

    def _admit(self, connection: Any, request: Any) -> Any:
        return admit(connection, request, self._token)

    def _serve(self, connection: Any) -> None:
        from websockets.exceptions import ConnectionClosed

        before, self._current = self._current, connection
        if before is not None:
            before.close()
        self.inbox.put({"kind": HELLO})
        try:
            for data in connection:
                message = wire.unpack(data) if isinstance(data, bytes) else None
                if not isinstance(message, dict) or "kind" not in message:
                    raise wire.WireError("a message is a map with a kind")
                self.inbox.put(message)
        except ConnectionClosed:
            log.info("the actor vanished")
        except wire.WireError as error:
            log.warning("the actor is cut off: %s", error)
        finally:
            if self._current is connection:
                self._current = None
                self.inbox.put({"kind": GONE})

    def _send_forever(self) -> None:
        """Send what is queued, and the status in between, until closed and empty."""
        while not (self._closed.is_set() and self._outbox.empty()):
            try:
                message = self._outbox.get(timeout=0.1 if self._closed.is_set() else self._period)
            except queue.Empty:
                message = self._status()
            self._send(message)

    def _send(self, message: Mapping[str, Any]) -> None:
        from websockets.exceptions import WebSocketException

        connection = self._current
        if connection is None:
            return
        try:
            connection.send(wire.pack(message))
        except (WebSocketException, OSError) as error:
            log.info("not sent: %s", error)
