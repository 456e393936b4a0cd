"""A policy that computes on another computer, behind robot_rl's server or any that speaks openpi's protocol."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.hardware.config import CameraConfig
from robot_rl.policies.execution import PolicyUnavailableError
from robot_rl.policies.fits import check_fits
from robot_rl.policies.modes import blank_observation
from robot_rl.serving import protocol
from robot_rl.serving.connection import Connection
from robot_rl.serving.mapping import FieldMap, MappingError
from robot_rl.spec import Field, Layout, Spec

FIRST_ANSWER = 120.0
"""Longest wait for the first answer [s]: a server may have to compile its policy."""


class RemoteError(ValueError):
    """A policy server does not fit the robot, or does not do what the protocol says; the message says how."""


class RemotePolicy:
    """Implements `robot_rl.policies.policy.Policy` and `ContinuingPolicy`; needs no torch.

    A robot_rl server says what its policy takes. For another, `fields` says which of the robot's fields make up each
    key; it then gets the newest observation only, and its first answer tells the horizon.

    Args:
        address: `ws://host:port`.
        spec: the robot's.
        cameras: the robot's, by name.
        fields: for servers other than robot_rl's.
        n_action_steps: rows of a chunk to play, for servers that do not say; half of them by default.
        token: for the server; by default the environment variable ROBOT_RL_TOKEN.
        timeout: longest wait for an answer [s].

    Raises:
        RemoteError: the server's policy does not fit the robot.
        MappingError: `fields` is missing, names a field that the robot lacks, or is given for a robot_rl server.
        PolicyUnavailableError: there is no server, or it refuses.
    """

    def __init__(
        self,
        address: str,
        spec: Spec,
        cameras: Mapping[str, CameraConfig] | None = None,
        *,
        fields: FieldMap | None = None,
        n_action_steps: int | None = None,
        token: str = "",
        timeout: float = 5.0,
    ) -> None:
        self._connection = Connection(address, token=token or os.environ.get(protocol.TOKEN, ""), timeout=timeout)
        self._reset: dict[str, Any] = {}
        self._fields: FieldMap | None = None
        try:
            metadata = self._connection.metadata()
            if isinstance(metadata, dict) and protocol.KEY in metadata:
                if fields is not None:
                    raise MappingError(
                        f"field map: {address} is a robot_rl server, which says itself what its policy takes: give none"
                    )
                self._describe(metadata[protocol.KEY], spec, cameras)
            else:
                self._explore(fields or FieldMap.parse(""), spec, cameras or {}, n_action_steps)
        except BaseException:
            self.close()  # its threads would keep the process from ending
            raise

    def predict(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """One chunk (horizon, A), as `Policy.predict`. Raises PolicyUnavailableError."""
        return self._chunk(self._request(observation))

    def predict_onto(
        self,
        observation: Mapping[str, NDArray[Any]],
        committed: NDArray[np.float64],
        weights: NDArray[np.float64],
        frozen: int,
    ) -> NDArray[np.float64]:
        """As `ContinuingPolicy.predict_onto`. Raises PolicyUnavailableError."""
        extra = {protocol.COMMITTED: committed, protocol.WEIGHTS: weights, protocol.FROZEN: frozen}
        return self._chunk({**self._request(observation), **extra})

    def reset(self, seed: int | None = None) -> None:
        """A new episode: a robot_rl server is told with the next request; another keeps no state."""
        if self._fields is None:
            self._reset = {protocol.RESET: seed}

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def _describe(self, data: Any, spec: Spec, cameras: Mapping[str, CameraConfig] | None) -> None:
        """Take over what a robot_rl server says."""
        try:
            said = protocol.Description.from_dict(data)
        except (KeyError, TypeError, ValueError) as error:
            raise RemoteError(f"{self._connection.address} describes its policy badly: {error!r}") from None
        self.spec, self.inputs, self.can_continue = said.spec, said.inputs, said.can_continue
        self.observation_names = tuple(said.inputs)
        self.n_obs, self.horizon, self.n_action_steps = said.n_obs, said.horizon, said.n_action_steps
        if differences := check_fits(self, spec, cameras):
            lines = "\n  ".join(differences)
            raise RemoteError(
                f"the policy at {self._connection.address} does not fit robot '{spec.robot}' "
                f"(first: policy, second: robot):\n  {lines}"
            )

    def _explore(
        self, fields: FieldMap, spec: Spec, cameras: Mapping[str, CameraConfig], n_action_steps: int | None
    ) -> None:
        """Find out what another openpi server gives, with one made-up observation."""
        pictures = {n: Field(n, (c.height, c.width, 3), kind="image", dtype="uint8") for n, c in cameras.items()}
        known = {**spec.observation, **pictures}
        fields.check(known)
        self._fields = fields
        self.inputs = Layout(tuple(known[n] for n in fields.fields))
        self.spec, self.can_continue, self.n_obs = spec, False, 1
        self.observation_names = fields.fields
        answer = self._connection.ask(self._request(blank_observation(self)), FIRST_ANSWER)
        actions = self._actions(answer)
        if actions.ndim != 2 or actions.shape[1] != spec.action.size or not len(actions):
            raise RemoteError(
                f"{self._connection.address} answers actions of shape {actions.shape}; robot '{spec.robot}' takes "
                f"(horizon, {spec.action.size}): {', '.join(spec.action.labels)}"
            )
        self.horizon = len(actions)
        self.n_action_steps = n_action_steps or max(self.horizon // 2, 1)

    def _request(self, observation: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        if self._fields is not None:
            return self._fields.apply({n: v[-1] for n, v in observation.items()})
        return {**{n: observation[n] for n in self.observation_names}, **self._reset}

    def _chunk(self, request: dict[str, Any]) -> NDArray[np.float64]:
        answer = self._connection.ask(request)
        self._reset = {}
        actions = self._actions(answer)
        if actions.shape != (self.horizon, self.spec.action.size) or actions.dtype.kind not in "iuf":
            raise PolicyUnavailableError(
                f"{self._connection.address} answers actions of shape {actions.shape}, dtype {actions.dtype}; "
                f"({self.horizon}, {self.spec.action.size}) numbers are expected"
            )
        if not np.isfinite(actions).all():
            raise PolicyUnavailableError(f"{self._connection.address} answers actions that are not finite")
        return actions.astype(np.float64)

    def _actions(self, answer: Mapping[Any, Any]) -> NDArray[Any]:
        """What an answer has for actions, of any shape. Raises PolicyUnavailableError where it is no array."""
        try:
            return np.asarray(answer.get("actions"))
        except ValueError as error:
            where = self._connection.address
            raise PolicyUnavailableError(f"{where} answers actions that are no array: {error}") from None
