"""Heads by name: how a context becomes an action chunk. They differ here and nowhere else.

A head's configuration is a frozen dataclass with a `name` and a `build` method; the registry holds
`module:Class` strings, so a lab's own head plugs in by one entry and is imported when asked for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

from torch import Generator, Tensor

from robot_rl.settings.named import named

HEADS: dict[str, str] = {
    "flow": "robot_rl.policies.flow:FlowConfig",
    "diffusion": "robot_rl.policies.diffusion:DiffusionConfig",
    "meanflow": "robot_rl.policies.meanflow:MeanFlowConfig",
    "edm": "robot_rl.policies.edm:EdmConfig",
    "act": "robot_rl.policies.act:ActConfig",
    "gaussian": "robot_rl.policies.gaussian:GaussianConfig",
    "gmm_rnn": "robot_rl.policies.gmm_rnn:GmmRnnConfig",
    "carp": "robot_rl.policies.carp:CarpConfig",
    "joint": "robot_rl.policies.joint:JointConfig",
    "slow_fast": "robot_rl.policies.slow_fast:SlowFastConfig",
}


class Head(Protocol):
    """A torch module that learns and samples normalised action chunks (B, horizon, A) given a context (B, C)."""

    def loss(self, chunk: Tensor, mask: Tensor, context: Tensor, generator: Generator | None = None) -> Tensor:
        """Mean training loss over the steps where `mask` (B, horizon) is true; a scalar."""
        ...

    def sample(self, context: Tensor, noise: Tensor | None = None, generator: Generator | None = None) -> Tensor:
        """One chunk for each context. `noise` (B, horizon, A) replaces the draw; heads without noise ignore it."""
        ...


@runtime_checkable
class ReactiveHead(Protocol):
    """A head that plans slowly and reacts fast: `loss` and `sample` also take `fast` (B, horizon, F), normalised, what
    is sensed at each step of the chunk; its configuration names the fields as `fast` and builds with `fast_size`."""

    def plan(self, context: Tensor, generator: Generator | None = None) -> Any:
        """A latent plan (B, ...) for each context."""
        ...

    def react(self, latent: Tensor, fast: Tensor) -> Any:
        """The first T actions (B, T, A) of a plan, each given what has been sensed up to its step: fast (B, T, F)."""
        ...


class HeadConfig(Protocol):
    """The configuration of one kind of head."""

    name: ClassVar[str]

    def build(self, action_size: int, horizon: int, context_size: int, goal_size: int = 0) -> Any:
        """A new Head (also an nn.Module) with fresh weights; the last `goal_size` columns of contexts tell the goal."""
        ...


def head_config(data: Mapping[str, Any], where: str = "head", *, around: Collection[str] = ()) -> Any:
    """The head configuration that `{"name": ..., option: value}` describes.

    Args:
        where: the key of `data` in its file.
        around: the options beside it; see `named`.

    Raises:
        ValueError: unknown head or option, with the nearest or where it belongs, or a value that is not allowed.
    """
    return named(data, HEADS, "policy head", where, around=around)


def head_dict(config: HeadConfig) -> dict[str, Any]:
    """The JSON-ready form that `head_config` reads."""
    return {"name": config.name, **dataclasses.asdict(config)}  # type: ignore[call-overload]
