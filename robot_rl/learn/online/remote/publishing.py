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
"""Of arrays in one message [bytes], about."""
REMEMBERED = 4
"""Publications that are remembered. An actor takes them as they come, so that what it has is hardly older than this."""


class Publisher:
    """Knows what an actor has been sent of the agent's tensors."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._published: dict[str, Tensor] = {}
        self._sent: dict[int, dict[str, Tensor]] = {}
        """All of the agent as it was published last, by the updates made, oldest first."""

    def changed(self, *, whole: bool = False) -> dict[str, Tensor]:
        """Copies of those tensors that have changed since they were sent the last time, or of all: they wait in a queue
        while the learner goes on."""
        now, old = self._agent.state_dict(), {} if whole else self._published
        changed = {k: v.detach() for k, v in now.items() if k not in old or not torch.equal(v.cpu(), old[k])}
        return {k: v.to("cpu", copy=True) for k, v in changed.items()}

    def send(self, changed: Mapping[str, Tensor], updates: int, send: Callable[[Mapping[str, Any]], None]) -> None:
        """Send what `changed` gave, as the parameters after so many updates; nothing when there is nothing."""
        self._published = {**self._published, **changed}
        self._sent.pop(updates, None)
        self._sent[updates] = self._published
        for old in list(self._sent)[:-REMEMBERED]:
            del self._sent[old]
        parts = list(portions({k: v.numpy() for k, v in changed.items()}))
        for i, tensors in enumerate(parts, start=1):
            send({"kind": "parameters", "updates": updates, "tensors": tensors, "more": i < len(parts)})

    def sent(self, updates: int) -> Mapping[str, Tensor] | None:
        """The agent as an actor has it that has taken the parameters after so many updates; None when that is too long
        ago, or never was."""
        return self._sent.get(updates)


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
