"""One request and one answer at a time over a WebSocket that is opened again whenever it breaks."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Any

from robot_rl.policies.execution import PolicyUnavailableError
from robot_rl.serving import protocol, wire

RETRY = 1.0
"""Pause between two attempts to connect [s]."""


class Connection:
    """To a policy server; one thread at a time may use it.

    Args:
        address: `ws://host:port` or `wss://host:port`.
        token: sent as `Authorization: Api-Key <token>`.
        timeout: longest wait for a connection, and for an answer [s].
    """

    def __init__(self, address: str, *, token: str = "", timeout: float = 5.0) -> None:
        self.address = address
        self.timeout = timeout
        self._headers = {"Authorization": f"Api-Key {token}"} if token else None
        self._socket: Any = None
        self._metadata: Any = None
        self._said: bytes | None = None
        """The same as it came: what it holds may be arrays, and is compared byte by byte."""
        self._next_try, self._reason = 0.0, ""

    def metadata(self) -> Any:
        """What the server said of itself. Raises PolicyUnavailableError."""
        self._open()
        return self._metadata

    def ask(self, request: dict[str, Any], timeout: float | None = None) -> dict[Any, Any]:
        """The answer to a request.

        Raises:
            PolicyUnavailableError: there is no connection, no answer in time, or the answer is an error or no message.
        """
        from websockets.exceptions import WebSocketException

        socket = self._open()
        timeout = self.timeout if timeout is None else timeout
        try:
            socket.send(wire.pack(request))
            answer = socket.recv(timeout=timeout)
        except TimeoutError:  # a late answer must not be taken for that of the next request
            raise self._fail(f"no answer within {timeout:g} s") from None
        except (WebSocketException, OSError) as error:
            raise self._fail(f"the connection broke: {error}") from None
        if isinstance(answer, str):
            raise PolicyUnavailableError(f"{self.address} says: {answer.strip()}")
        try:
            out = wire.unpack(answer)
        except wire.WireError as error:
            raise self._fail(f"the answer cannot be read: {error}") from None
        if not isinstance(out, dict):
            raise self._fail(f"the answer is a {type(out).__name__}, not a map")
        return out

    def close(self) -> None:
        """End the connection; the next request opens it again."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def _open(self) -> Any:
        if self._socket is not None:
            return self._socket
        from websockets.exceptions import InvalidStatus, WebSocketException
        from websockets.sync.client import connect

        if time.monotonic() < self._next_try:
            raise PolicyUnavailableError(self._reason)
        try:
            self._socket = connect(
                self.address,
                open_timeout=self.timeout,
                close_timeout=1.0,
                compression=None,
                max_size=protocol.MAX_MESSAGE,
                additional_headers=self._headers,
                proxy=None,
            )
            said = self._socket.recv(timeout=self.timeout)
            metadata = wire.unpack(said)
        except InvalidStatus as error:
            refused = error.response.status_code == HTTPStatus.UNAUTHORIZED
            raise self._fail(self._no_entry() if refused else f"cannot connect: {error}") from None
        except (WebSocketException, OSError, ValueError, TypeError) as error:
            raise self._fail(f"cannot connect: {error}; is `robot-rl serve` running there, on that port?") from None
        if self._said is not None and said != self._said:
            raise self._fail("the server came back with another policy; start again to use it")
        self._metadata, self._said = metadata, said
        return self._socket

    def _no_entry(self) -> str:
        """What to do about a server that does not let this client in."""
        why = "it has another token than was given here" if self._headers else "it asks for a token, and none was given"
        return f"{why} (HTTP 401): set {protocol.TOKEN} to the token that the server was started with"

    def _fail(self, reason: str) -> PolicyUnavailableError:
        self.close()
        self._next_try = time.monotonic() + RETRY
        self._reason = f"{self.address}: {reason}"
        return PolicyUnavailableError(self._reason)
