"""A policy behind a WebSocket: openpi's protocol, so that openpi's client and robot_rl's can both use it."""

from __future__ import annotations

import ipaddress
import logging
import threading
import time
from http import HTTPStatus
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.policies.realtime_chunking import ContinuingPolicy
from robot_rl.serving import protocol, wire
from robot_rl.serving.admission import admit

log = logging.getLogger(__name__)


class ServingError(ValueError):
    """A server cannot be started as asked; the message says what to change."""


class NotFiniteError(ValueError):
    """The policy's answer holds numbers that are none; a client is told so instead of getting them."""


class PolicyServer:
    """Answers observation histories with action chunks of finite numbers, or says why it cannot.

    A request holds each input of the policy as (n_obs, *shape), or as (*shape) where n_obs is 1. Requests are
    answered one at a time, whoever sends them; the clients share the policy and its random numbers.

    Args:
        host: where to listen. Any address but this computer's own (loopback) needs a token.
        port: 0 picks a free one.
        token: clients must send `Authorization: Api-Key <token>`. It travels in the clear: use a network that you
            trust, or a tunnel.
        max_message: longest request that is taken [bytes].
        weights: digest of the policy's weights, by which clients tell another policy of the same kind; "" says nothing.

    Raises:
        ServingError: another host without a token, or the address cannot be had.
    """

    def __init__(
        self,
        policy: protocol.ServablePolicy,
        host: str = "127.0.0.1",
        port: int = 8000,
        *,
        token: str = "",
        max_message: int = protocol.MAX_MESSAGE,
        weights: str = "",
    ) -> None:
        from websockets.sync.server import serve

        if not token and not _is_loopback(host):
            raise ServingError(f"host {host} lets other computers in: give a token, or listen on 127.0.0.1")
        self._policy, self._token, self._weights = policy, token, weights
        self._continuing = policy if isinstance(policy, ContinuingPolicy) and policy.can_continue else None
        self._lock = threading.Lock()
        self._connections: set[Any] = set()
        self._metadata = wire.pack({protocol.KEY: self._description().to_dict()})
        try:
            # No Origin: a web page that this computer's browser shows cannot reach the robot's policy.
            self._server = serve(
                self._serve,
                host,
                port,
                origins=[None],
                compression=None,
                max_size=max_message,
                process_request=self._admit,
            )
        except OSError as error:
            raise ServingError(f"cannot listen on {host}:{port}: {error.strerror or error}") from None
        self.host = host
        self.port: int = self._server.socket.getsockname()[1]

    def run(self) -> None:
        """Serve until `close`."""
        self._server.serve_forever()

    def close(self) -> None:
        """Stop listening and end every connection."""
        self._server.shutdown()
        for connection in list(self._connections):
            connection.close()

    def _description(self) -> protocol.Description:
        p = self._policy
        return protocol.Description(
            p.spec,
            p.inputs,
            p.n_obs,
            p.horizon,
            p.n_action_steps,
            can_continue=self._continuing is not None,
            weights=self._weights,
        )

    def _admit(self, connection: Any, request: Any) -> Any:
        """An answer that ends the handshake, or None to go on."""
        if request.path == "/healthz":
            return connection.respond(HTTPStatus.OK, "OK\n")
        return admit(connection, request, self._token) if self._token else None

    def _serve(self, connection: Any) -> None:
        from websockets.exceptions import ConnectionClosed

        peer = connection.remote_address
        log.info("%s connected", peer)
        self._connections.add(connection)
        try:
            connection.send(self._metadata)
            total: float | None = None
            for message in connection:
                begun = time.perf_counter()
                connection.send(self._reply(message, total))
                total = time.perf_counter() - begun
        except ConnectionClosed as error:
            log.info("%s vanished: %s", peer, error)
        finally:
            self._connections.discard(connection)
            log.info("%s left", peer)

    def _reply(self, message: str | bytes, previous: float | None) -> str | bytes:
        """The answer to one request, or the text of what is wrong with it; a bug in the policy is one request's too."""
        try:
            if isinstance(message, str):
                raise wire.WireError("a request is a binary message")
            request = wire.unpack(message)
            begun = time.perf_counter()
            with self._lock:
                actions = self._infer(request)
            timing = {"infer_ms": 1e3 * (time.perf_counter() - begun)}
            if previous is not None:
                timing["prev_total_ms"] = 1e3 * previous
            return wire.pack({"actions": actions, "server_timing": timing})
        except (ValueError, RuntimeError) as error:  # what policies and torch raise on bad input
            log.warning("request refused: %s", error)
            return f"{type(error).__name__}: {error}"
        except Exception as error:
            log.exception("the policy failed")
            return f"{type(error).__name__}: {error}"

    def _infer(self, request: Any) -> Any:
        if not isinstance(request, dict):
            raise wire.WireError(f"a request is a map of observations, not a {type(request).__name__}")
        if protocol.RESET in request:
            self._policy.reset(_seed(request[protocol.RESET]))
        observation = {name: self._value(name, request) for name in self._policy.observation_names}
        if protocol.COMMITTED not in request:
            return _finite(self._policy.predict(observation), observation)
        if self._continuing is None:
            raise wire.WireError("this policy cannot continue committed actions")
        return _finite(self._continuing.predict_onto(observation, *self._committed(request)), observation)

    def _value(self, name: str, request: dict[Any, Any]) -> NDArray[Any]:
        """One input (n_obs, *shape)."""
        if name not in request:
            raise wire.WireError(f"'{name}' is missing; the policy takes {', '.join(self._policy.observation_names)}")
        value = np.asarray(request[name])
        shape = self._policy.inputs[name].shape
        if value.shape == shape and self._policy.n_obs == 1:
            value = value[None]
        if value.dtype.kind not in wire.KINDS or value.shape != (self._policy.n_obs, *shape):
            raise wire.WireError(
                f"'{name}' has shape {value.shape}, dtype {value.dtype}; the policy takes the newest "
                f"{self._policy.n_obs} observations, {(self._policy.n_obs, *shape)}"
            )
        return value

    def _committed(self, request: dict[Any, Any]) -> tuple[NDArray[Any], NDArray[Any], int]:
        rows, weights = (np.asarray(request.get(k)) for k in (protocol.COMMITTED, protocol.WEIGHTS))
        frozen, horizon = request.get(protocol.FROZEN), self._policy.horizon
        if rows.shape != (horizon, self._policy.spec.action.size) or weights.shape != (horizon,):
            raise wire.WireError(f"committed actions {rows.shape} and weights {weights.shape} do not fit the policy")
        if not isinstance(frozen, int) or not 0 <= frozen <= horizon:
            raise wire.WireError(f"frozen is {frozen!r}; it must lie in 0..{horizon}")
        return rows, weights, frozen


def _finite(actions: NDArray[Any], observation: dict[str, NDArray[Any]]) -> NDArray[Any]:
    """The actions, if all are finite. Raises NotFiniteError, which names what of the observation is not."""
    if np.isfinite(actions).all():
        return actions
    bad = [n for n, v in observation.items() if not np.isfinite(v).all()]
    why = f"'{bad[0]}' of the request is not finite either" if bad else "the request is; look at the policy"
    raise NotFiniteError(f"the policy's actions are not finite; {why}")


def _seed(value: Any) -> int | None:
    if value is not None and not isinstance(value, int):
        raise wire.WireError(f"a seed is an integer or nothing, not {value!r}")
    return value


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
