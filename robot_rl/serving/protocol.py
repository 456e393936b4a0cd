"""What both ends agree on beyond the form of a message.

On connecting the server sends its metadata, any map. Each request is a map of observations; each answer a map with
`actions` (H, A) and `server_timing`, or a text that says what went wrong. A robot_rl server puts a `Description`
under KEY in its metadata and understands the extra keys below; any other openpi server is used without them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from robot_rl.policies.policy import Policy
from robot_rl.spec import Layout, Spec

KEY = "robot_rl"
RESET = "robot_rl/reset"
"""In a request: begin an episode first; the seed, or None."""
COMMITTED, WEIGHTS, FROZEN = "robot_rl/committed", "robot_rl/weights", "robot_rl/frozen"
"""In a request: the arguments of `predict_onto` (real-time chunking)."""

MAX_MESSAGE = 64 * 2**20
"""Longest message that either end takes [bytes]; a dozen 1080p pictures fit."""

TOKEN = "ROBOT_RL_TOKEN"
"""Environment variable that holds the token, where none is given."""


def is_address(name: str) -> bool:
    """Whether a policy's name is the address of a server."""
    return name.startswith(("ws://", "wss://"))


class ServablePolicy(Policy, Protocol):
    """A policy that says which fields it takes, pictures included."""

    @property
    def inputs(self) -> Layout: ...


@dataclass(frozen=True)
class Description:
    """What a robot_rl server says of its policy."""

    spec: Spec
    inputs: Layout
    n_obs: int
    horizon: int
    n_action_steps: int
    can_continue: bool
    weights: str = ""
    """Digest of the policy's weights, so that a server that comes back with others is noticed; empty from servers that
    do not say."""

    def to_dict(self) -> dict[str, Any]:
        """For the metadata; `from_dict` reads it back."""
        return {
            "spec": self.spec.to_dict(),
            "inputs": self.inputs.to_dict(),
            "n_obs": self.n_obs,
            "horizon": self.horizon,
            "n_action_steps": self.n_action_steps,
            "can_continue": self.can_continue,
            "weights": self.weights,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Description:
        """Raises KeyError or ValueError when it is not one."""
        return cls(
            spec=Spec.from_dict(data["spec"]),
            inputs=Layout.from_dict(data["inputs"]),
            n_obs=int(data["n_obs"]),
            horizon=int(data["horizon"]),
            n_action_steps=int(data["n_action_steps"]),
            can_continue=bool(data["can_continue"]),
            weights=str(data.get("weights", "")),
        )
