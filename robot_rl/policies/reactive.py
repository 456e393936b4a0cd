"""Execution of a slow plan by a fast decoder: a plan every few steps, and in every step an action from it and from
what is sensed now. No torch: the policy behind it may be anything.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from robot_rl.policies.asynchronous import AsyncExecutor, Overrun
from robot_rl.policies.execution import Array
from robot_rl.policies.policy import Policy
from robot_rl.spec import SpecError


@runtime_checkable
class ReactivePolicy(Policy, Protocol):
    """A policy that plans slowly and reacts at the control rate."""

    @property
    def can_react(self) -> bool:
        """Whether it really can (it depends on the head)."""
        ...

    @property
    def fast_names(self) -> tuple[str, ...]:
        """The observation fields that it reacts to; a subset of `observation_names`."""
        ...

    def plan(self, observation: Mapping[str, NDArray[Any]]) -> Array:
        """What to do in the next `horizon` steps, in the policy's own numbers; `observation` as of `predict`."""
        ...

    def react(
        self, plan: Array, row: int, fast: Mapping[str, NDArray[Any]], observation: Mapping[str, NDArray[Any]]
    ) -> Array:
        """The action (A,) for step `row` of a plan that was made from `observation`. `fast` gives each of `fast_names`
        (row + 1, *shape), as sensed from the step in which the plan was asked for, row 0, to this one. It is to be
        quick enough for every control step."""
        ...


class SlowFastExecutor(AsyncExecutor):
    """Carries out one plan, reacting in every step, while the next is made; see `AsyncExecutor`.

    Also while a plan is being made the newest readings reach the decoder, those of the steps that passed since it was
    asked for included: a plan that arrives late starts as if it had been followed all along. With `overrun: last`, a
    plan that has run out goes on with its last row, for as many steps as it has rows.

    Raises:
        ExecutionError: `n_action_steps` is not in 1..horizon, or no row would be left after the latency.
        SpecError: the policy cannot react.
    """

    def __init__(
        self,
        policy: Policy,
        n_action_steps: int | None = None,
        *,
        latency: int | None = None,
        expected: int = 1,
        overrun: Overrun = "still",
    ) -> None:
        if not isinstance(policy, ReactivePolicy) or not policy.can_react:
            raise SpecError(
                "this policy has no fast path (head slow_fast, on this computer): use execution receding or async"
            )
        super().__init__(policy, n_action_steps, latency=latency, expected=expected, overrun=overrun)
        self._reactive: ReactivePolicy = policy
        self._readings: deque[dict[str, NDArray[Any]]] = deque(maxlen=policy.horizon)
        self._asked: dict[int, dict[str, NDArray[Any]]] = {}  # step to what was observed

    def act(self, values: Mapping[str, NDArray[Any]]) -> Array | None:
        """The action (A,) for this control step, at once; None where there is no plan."""
        self._readings.append({n: np.array(values[n]) for n in self._reactive.fast_names})
        return super().act(values)

    def _job(self) -> Callable[[], Array]:
        observation = self._history.stacked()
        self._asked = {k: v for k, v in self._asked.items() if k == self._start} | {self._step: observation}
        return lambda: self._reactive.plan(observation)

    def _action(self, chunk: Array, row: int) -> Array:
        newest = list(self._readings)[-row - 1 :]
        fast = {n: np.stack([r[n] for r in newest]) for n in self._reactive.fast_names}
        return self._reactive.react(chunk, row, fast, self._asked[self._start])
