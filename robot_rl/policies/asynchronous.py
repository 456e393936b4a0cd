"""Asynchronous execution: the next chunk is computed while the present one plays, and the robot never waits.

A chunk asked for in step t and arriving in step t + d is played from row d on: row k is the action of step t + k.
With `continuing`, the new chunk is also made to agree with the old (real-time chunking).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from robot_rl.policies.execution import (
    Array,
    ExecutionCounts,
    ExecutionError,
    Outage,
    PolicyUnavailableError,
    action_steps,
)
from robot_rl.policies.history import History
from robot_rl.policies.inference import Inference, SimulatedInference, ThreadedInference
from robot_rl.policies.policy import Policy
from robot_rl.policies.realtime_chunking import ContinuingPolicy, committed, soft_mask
from robot_rl.spec import SpecError

Overrun = Literal["still", "last"]


class AsyncExecutor:
    """Plays one chunk while the next is computed.

    The next chunk is asked for `n_action_steps` steps after the present one was, or earlier where the latency
    would otherwise let the rows run out. `act` never waits: with no chunk at hand (an episode has just begun,
    somebody else has driven) it gives None. `reset` waits for what is being computed.

    Args:
        n_action_steps: steps between two requests; by default the policy's own choice.
        latency: of a chunk, in control steps, for simulated time; the outcome is then reproducible. None computes
            in a thread and takes the time that it takes.
        expected: the latency to reckon with until one has been measured, in steps.
        overrun: what to do when a chunk has run out before the next is there: `still` gives None, so that the
            robot holds still; `last` repeats the last row, for as many steps as a chunk has. Both are counted.
        continuing: real-time chunking.

    Raises:
        ExecutionError: `n_action_steps` is not in 1..horizon, or no row would be left after the latency.
        SpecError: `continuing` with a policy that cannot.
    """

    def __init__(
        self,
        policy: Policy,
        n_action_steps: int | None = None,
        *,
        latency: int | None = None,
        expected: int = 1,
        overrun: Overrun = "still",
        continuing: bool = False,
    ) -> None:
        if latency is not None and not 0 <= latency < policy.horizon:
            raise ExecutionError(f"latency is {latency} steps; it must lie in 0..{policy.horizon - 1}, inside a chunk")
        self.policy = policy
        self.n_action_steps = action_steps(policy, n_action_steps)
        self.counts = ExecutionCounts()
        self._continuing = _continuing(policy) if continuing else None
        self._inference: Inference = ThreadedInference() if latency is None else SimulatedInference(latency)
        self._latencies: deque[int] = deque([expected if latency is None else latency], maxlen=10)
        self._overrun = overrun
        self._history = History(policy)
        self._outage = Outage(self.counts)
        self._step = 0
        self._chunk: Array | None = None
        self._start = 0

    @property
    def latency(self) -> int:
        """The latency that is reckoned with, in steps: the longest of the newest ten, but at most half a chunk, as the
        check of a policy's speed has it: after a single stall the next chunks would else repeat the old one."""
        return min(max(self._latencies), self.policy.horizon // 2)

    def reset(self, seed: int | None = None) -> None:
        """A new episode: forget history and chunks; a seed makes the policy's samples reproducible."""
        self._history.clear()
        self._drop()
        self._inference.run(lambda: self.policy.reset(seed))

    def act(self, values: Mapping[str, NDArray[Any]]) -> Array | None:
        """The action (A,) for this control step, at once; None where there is none."""
        self._history.add(values)
        self._step += 1
        self._fetch()
        if self._due and not self._inference.busy:
            self._ask()
            self._fetch()
        return self._row()

    def observe(self, values: Mapping[str, NDArray[Any]]) -> None:
        """A step in which somebody else acts: keep the history current, drop what was planned."""
        self._history.add(values)
        self._step += 1
        self._drop()

    def interrupt(self) -> None:
        """The action just given was not carried out: drop what was planned."""
        self._history.skip()
        self._drop()

    def close(self) -> None:
        """End the thread; waits for what is being computed."""
        self._inference.close()

    @property
    def _due(self) -> bool:
        if self._chunk is None:
            return True
        return self._step - self._start >= min(self.n_action_steps, self.policy.horizon - self.latency)

    def _drop(self) -> None:
        self._chunk = None
        self._inference.abandon()

    def _ask(self) -> None:
        self.counts.chunks += 1
        try:
            self._inference.start(self._step, self._job())
        except PolicyUnavailableError as error:
            self._outage.failed(error)

    def _job(self) -> Callable[[], Array]:
        """What computes the next chunk. It continues the present one only where there are numbers to continue."""
        observation = self._history.stacked()
        row = self._step - self._start
        chunk, policy = self._chunk, self._continuing
        if policy is None or chunk is None or row >= len(chunk) or not np.isfinite(chunk[row:]).all():
            return lambda: self.policy.predict(observation)
        overlap = len(chunk) - row
        frozen = min(self.latency, overlap)
        weights = soft_mask(len(chunk), overlap, frozen)
        return lambda: policy.predict_onto(observation, committed(chunk, row), weights, frozen)

    def _fetch(self) -> None:
        try:
            finished = self._inference.poll(self._step)
        except PolicyUnavailableError as error:
            self._outage.failed(error)
            return
        if finished is None:
            return
        self._outage.answered()
        self._chunk, self._start = finished.chunk, finished.step
        if (steps := self._step - finished.step) < self.policy.horizon:  # else nothing of it is played
            self._latencies.append(steps)
        self.counts.seconds.append(finished.seconds)

    def _row(self) -> Array | None:
        if self._chunk is None:
            self.counts.held += 1
            return None
        row = self._step - self._start
        if row < self.policy.horizon:
            return self._action(self._chunk, row)
        self.counts.overruns += 1
        if self._overrun == "last" and row < 2 * self.policy.horizon:
            return self._action(self._chunk, self.policy.horizon - 1)
        self.counts.held += 1
        return None

    def _action(self, chunk: Array, row: int) -> Array:
        """The action (A,) of this step, the row-th of the chunk."""
        return chunk[row].copy()


def _continuing(policy: Policy) -> ContinuingPolicy:
    if not isinstance(policy, ContinuingPolicy) or not policy.can_continue:
        raise SpecError("this policy cannot continue committed actions (real-time chunking): use execution async")
    return policy
