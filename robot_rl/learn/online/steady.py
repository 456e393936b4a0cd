"""A moving average of an agent's weights: what is deployed and evaluated, while the newest weights explore.

Values learnt from few data move from one update to the next, and a policy that climbs them moves with them (Polyak and
Juditsky, 1992, on averaging the iterates of stochastic approximation).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

EARLY = 10.0
"""The average follows quicker in the beginning: its decay after n updates is at most (1 + n) / (EARLY + n)."""


class Steady(nn.Module):
    """Averages of all that is trained in `agent`; part of the agent's state, so that they are saved and sent with it.

    Args:
        decay: of the average, with each update of the agent; in (0, 1).
    """

    moved: Tensor
    """() how often the average was moved."""

    def __init__(self, agent: nn.Module, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.names = tuple(name for name, p in agent.named_parameters() if p.requires_grad)
        self.weights = nn.ParameterList(nn.Parameter(p.detach().clone(), requires_grad=False) for p in self._of(agent))
        self.register_buffer("moved", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def follow(self, agent: nn.Module) -> None:
        """average := d average + (1 - d) newest."""
        n = float(self.moved)
        decay = min(self.decay, (1 + n) / (EARLY + n))
        torch._foreach_lerp_(list(self.weights), self._of(agent), 1 - decay)
        self.moved += 1

    @contextmanager
    def acting(self, agent: nn.Module) -> Iterator[None]:
        """Within it the agent has the averages as its weights; nothing is copied."""
        self._exchange(agent)
        try:
            yield
        finally:
            self._exchange(agent)

    def _exchange(self, agent: nn.Module) -> None:
        for average, newest in zip(self.weights, self._of(agent), strict=True):
            average.data, newest.data = newest.data, average.data

    def _of(self, agent: nn.Module) -> list[Tensor]:
        """The agent's own, in the order of `names`."""
        own = dict(agent.named_parameters())
        return [own[name] for name in self.names]
