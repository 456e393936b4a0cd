"""Playing action chunks one control step at a time. No torch: the policy behind it may be anything.

Every way of execution has the same face, in simulation and behind ROS: in each control step either `act` or
`observe` is called; `interrupt` says that the action just given was not carried out; `reset` begins an episode.
`robot_rl.policies.modes.make_executor` chooses one by name.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from robot_rl.policies.history import History
from robot_rl.policies.policy import Policy

Array = NDArray[np.float64]
log = logging.getLogger(__name__)


class PolicyUnavailableError(ConnectionError):
    """The policy cannot answer now, but may later (its server is down); executors hold still and ask again."""


class ExecutionError(ValueError):
    """A setting of the execution does not fit the policy; the message says what is allowed."""


@dataclass
class ExecutionCounts:
    """What happened since the executor was made."""

    chunks: int = 0
    """Chunks asked for."""
    held: int = 0
    """Steps in which a policy was to act and no action was at hand, at the start of an episode included."""
    overruns: int = 0
    """Of those, or bridged by repeating the last action: steps after a chunk had run out."""
    failures: int = 0
    """Chunks that an unavailable policy did not deliver."""
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=1000))
    """How long the newest chunks took [s]."""


class Executor(Protocol):
    """Plays a policy one control step at a time."""

    policy: Policy
    counts: ExecutionCounts

    def reset(self, seed: int | None = None) -> None:
        """A new episode: forget everything; a seed makes the policy's samples reproducible."""
        ...

    def act(self, values: Mapping[str, NDArray[Any]]) -> Array | None:
        """The action (A,) for this control step, given the newest observation; None where there is none to
        give, and the robot is to hold still."""
        ...

    def observe(self, values: Mapping[str, NDArray[Any]]) -> None:
        """A step in which somebody else acts: keep the history current, drop what was planned."""
        ...

    def interrupt(self) -> None:
        """The action just given was not carried out: drop what was planned, plan afresh at the next `act`."""
        ...

    def close(self) -> None:
        """Release what the executor holds (a thread, where it has one)."""
        ...


@runtime_checkable
class SelfExecuting(Protocol):
    """A policy that remembers more from step to step than a chunk, and so brings what plays it."""

    def make_executor(self) -> Executor: ...


class Outage:
    """Says once that a policy has become unavailable, and once that it answers again."""

    def __init__(self, counts: ExecutionCounts) -> None:
        self._counts, self._out = counts, False

    def failed(self, error: PolicyUnavailableError) -> None:
        self._counts.failures += 1
        if not self._out:
            log.error("the policy does not answer, the robot holds still: %s", error)
        self._out = True

    def answered(self) -> None:
        if self._out:
            log.warning("the policy answers again")
        self._out = False


class ChunkExecutor:
    """Receding horizon: asks for a chunk, waits for it, plays its first `n_action_steps` rows, asks again.

    Row 0 of a chunk is the action of the step in which it was asked for. A chunk does not outlive a step
    that it did not drive: `observe` and `interrupt` drop what is left of it.

    Args:
        n_action_steps: rows of a chunk to play; by default the policy's own choice.

    Raises:
        ExecutionError: `n_action_steps` is not in 1..horizon.
    """

    def __init__(self, policy: Policy, n_action_steps: int | None = None) -> None:
        self.policy = policy
        self.n_action_steps = action_steps(policy, n_action_steps)
        self.counts = ExecutionCounts()
        self._history = History(policy)
        self._outage = Outage(self.counts)
        self._chunk: Array | None = None
        self._row = 0

    def reset(self, seed: int | None = None) -> None:
        """A new episode: forget history and chunk; a seed makes the policy's samples reproducible."""
        self._history.clear()
        self._chunk = None
        self.policy.reset(seed)

    def act(self, values: Mapping[str, NDArray[Any]]) -> Array | None:
        """The action (A,) for this control step, given the newest observation; None while the policy is
        unavailable."""
        self._history.add(values)
        if self._chunk is None or self._row >= self.n_action_steps:
            self._chunk = ask(self.policy, self._history, self.counts, self._outage)
            self._row = 0
        if self._chunk is None:
            self.counts.held += 1
            return None
        action = self._chunk[self._row].copy()
        self._row += 1
        return action

    def observe(self, values: Mapping[str, NDArray[Any]]) -> None:
        """A step in which somebody else acts: keep the history current, drop the chunk."""
        self._history.add(values)
        self._chunk = None

    def interrupt(self) -> None:
        """Somebody else took this step: drop the chunk, so that the next `act` plans afresh.

        A second call with no observation in between means that steps went unseen; the history is then
        rebuilt from the next observation.
        """
        self._chunk = None
        self._history.skip()

    def close(self) -> None:
        """Nothing to release."""


def ask(policy: Policy, history: History, counts: ExecutionCounts, outage: Outage) -> Array | None:
    """A chunk (horizon, A) for what has been observed, waited for and counted; None while the policy is unavailable."""
    counts.chunks += 1
    begun = time.perf_counter()
    try:
        chunk = policy.predict(history.stacked())
    except PolicyUnavailableError as error:
        outage.failed(error)
        return None
    counts.seconds.append(time.perf_counter() - begun)
    outage.answered()
    return chunk


def action_steps(policy: Policy, chosen: int | None) -> int:
    """Rows of a chunk to play: `chosen`, or the policy's own. Raises ExecutionError outside 1..horizon."""
    steps = policy.n_action_steps if chosen is None else chosen
    if not 1 <= steps <= policy.horizon:
        raise ExecutionError(f"n_action_steps is {steps}; it must lie in 1..{policy.horizon}, the policy's horizon")
    return steps
