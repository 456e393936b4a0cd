"""Temporal ensembling: a chunk at every step, and the average of what all of them say of this step.

Zhao et al. 2023, "Learning Fine-Grained Bimanual Manipulation with Low-Cost Hardware" (ACT), section IV-B.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.control import circle
from robot_rl.policies.execution import Array, ExecutionCounts, ExecutionError, Outage, ask
from robot_rl.policies.history import History
from robot_rl.policies.policy import Policy
from robot_rl.spec import SpecError


def ensemble(rows: Array, decay: float) -> Array:
    """The weighted mean (A,) of predictions (n, A) for one step, the oldest first, with w_i = exp(-decay i).

    The oldest weighs most; a smaller `decay` takes new observations in faster. Numbers on a circle are to have been
    turned near each other.
    """
    weights = np.exp(-decay * np.arange(len(rows)))
    mean: Array = weights @ rows / weights.sum()
    return mean


class EnsembleExecutor:
    """Asks for a chunk in every step, and plays the weighted mean of all rows that concern the step.

    The policy must answer within a control period. While it is unavailable, earlier chunks go on to their ends.
    Headings (fields that `wraps`) are averaged the short way round, as they lie about the newest.

    Args:
        decay: m of w_i = exp(-m i), i counting from the oldest; 0.01 in the paper.

    Raises:
        ExecutionError: a negative or non-finite decay.
        SpecError: the actions contain poses, whose quaternions have no such mean.
    """

    def __init__(self, policy: Policy, decay: float = 0.01) -> None:
        if not 0 <= decay < np.inf:
            raise ExecutionError(f"decay of the ensemble is {decay}; it must be finite and at least 0")
        for f in policy.spec.action.vectors:
            if f.kind == "pose":
                raise SpecError(f"action '{f.name}' is a pose: quaternions have no plain mean; use execution receding")
        self.policy = policy
        self.counts = ExecutionCounts()
        self._decay = decay
        self._circular = circle.wrapping(policy.spec.action)
        self._history = History(policy)
        self._outage = Outage(self.counts)
        self._chunks: deque[tuple[int, Array]] = deque()
        self._step = 0

    def reset(self, seed: int | None = None) -> None:
        """A new episode: forget history and chunks; a seed makes the policy's samples reproducible."""
        self._history.clear()
        self._chunks.clear()
        self.policy.reset(seed)

    def act(self, values: Mapping[str, NDArray[Any]]) -> Array | None:
        """The action (A,) for this step; None while the policy is unavailable and no chunk reaches this far."""
        self._history.add(values)
        self._step += 1
        if (chunk := ask(self.policy, self._history, self.counts, self._outage)) is not None:
            self._chunks.append((self._step, chunk))
        while self._chunks and self._step - self._chunks[0][0] >= len(self._chunks[0][1]):
            self._chunks.popleft()
        if not self._chunks:
            self.counts.held += 1
            return None
        rows = np.stack([chunk[self._step - start] for start, chunk in self._chunks])
        mean = ensemble(circle.nearest(rows, rows[-1], self._circular), self._decay)
        return circle.inside(mean, self.policy.spec.action.low, self.policy.spec.action.high, self._circular)

    def observe(self, values: Mapping[str, NDArray[Any]]) -> None:
        """A step in which somebody else acts: keep the history current, drop the chunks."""
        self._history.add(values)
        self._chunks.clear()

    def interrupt(self) -> None:
        """The action just given was not carried out: drop the chunks."""
        self._history.skip()
        self._chunks.clear()

    def close(self) -> None:
        """Nothing to release."""
