"""An agent's parameters on their way to its actor: those that have changed, in messages that are not too large."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from robot_rl.learn.online.improvers.improver import Agent
from robot_rl.serving import protocol

PORTION = protocol.MAX_MESSAGE // 2
"""Of parameters in one message [bytes], about."""


class Publisher:
    """Knows what an actor has been sent of the agent's tensors."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._published: dict[str, Tensor] = {}

    def changed(self, *, whole: bool = False) -> dict[str, Tensor]:
        """Those tensors that have changed since they were sent the last time, or all."""
        fresh = {k: v.detach().cpu() for k, v in self._agent.state_dict().items()}
        old = {} if whole else self._published
        return {k: v for k, v in fresh.items() if k not in old or not torch.equal(v, old[k])}

    def send(self, changed: Mapping[str, Tensor], updates: int, send: Callable[[Mapping[str, Any]], None]) -> None:
        """Send what `changed` gave, as the parameters after so many updates; nothing when there is nothing."""
        parts = list(portions({k: v.numpy() for k, v in changed.items()}))
        for i, tensors in enumerate(parts, start=1):
            send({"kind": "parameters", "updates": updates, "tensors": tensors, "more": i < len(parts)})
        self._published |= {k: v.clone() for k, v in changed.items()}


def portions(tensors: Mapping[str, NDArray[Any]], limit: int = PORTION) -> Iterator[dict[str, NDArray[Any]]]:
    """Tensors in messages of at most `limit` bytes each, or of one tensor."""
    part: dict[str, NDArray[Any]] = {}
    for name, value in tensors.items():
        if part and sum(v.nbytes for v in part.values()) + value.nbytes > limit:
            yield part
            part = {}
        part[name] = value
    if part:
        yield part
