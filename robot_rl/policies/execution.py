"""Playing action chunks one control step at a time. No torch: the policy behind it may be anything."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.policies.policy import Policy
from robot_rl.spec import SpecError


class ChunkExecutor:
    """Keeps the observation history, asks for a chunk, and plays its first `n_action_steps` rows.

    Call `act` or `observe` once in every control step, so that the history holds consecutive steps. Row 0
    of a chunk is the action of the step in which it was asked for. A chunk does not outlive a step
    that it did not drive: `observe` and `interrupt` drop what is left of it.

    Args:
        n_action_steps: rows of a chunk to play; by default the policy's own choice.

    Raises:
        ValueError: `n_action_steps` is not in 1..horizon.
    """

    def __init__(self, policy: Policy, n_action_steps: int | None = None) -> None:
        steps = policy.n_action_steps if n_action_steps is None else n_action_steps
        if not 1 <= steps <= policy.horizon:
            raise ValueError(f"n_action_steps is {steps}; it must lie in 1..{policy.horizon}, the policy's horizon")
        self.policy = policy
        self.n_action_steps = steps
        self._history: deque[dict[str, NDArray[Any]]] = deque(maxlen=policy.n_obs)
        self._chunk: NDArray[np.float64] | None = None
        self._row = 0
        self._unseen = False

    def reset(self, seed: int | None = None) -> None:
        """A new episode: forget history and chunk; a seed makes the policy's samples reproducible."""
        self._history.clear()
        self._chunk = None
        self._unseen = False
        self.policy.reset(seed)

    def act(self, values: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """The action (A,) for this control step, given the newest observation."""
        self._remember(values)
        if self._chunk is None or self._row >= self.n_action_steps:
            self._chunk = self.policy.predict(self._stacked())
            self._row = 0
        action = self._chunk[self._row].copy()
        self._row += 1
        return action

    def observe(self, values: Mapping[str, NDArray[Any]]) -> None:
        """A step in which somebody else acts: keep the history current, drop the chunk."""
        self._remember(values)
        self._chunk = None

    def interrupt(self) -> None:
        """Somebody else took this step: drop the chunk, so that the next `act` plans afresh.

        A second call with no observation in between means that steps went unseen; the history is then
        rebuilt from the next observation, since it would otherwise span the gap as if it were one step.
        """
        self._chunk = None
        if self._unseen:
            self._history.clear()
        self._unseen = True

    def _remember(self, values: Mapping[str, NDArray[Any]]) -> None:
        missing = [n for n in self.policy.observation_names if n not in values]
        if missing:
            raise SpecError(f"the policy needs '{missing[0]}'; the robot gives {', '.join(values) or 'nothing'}")
        # Copies: a driver may reuse its buffers for the next reading.
        self._history.append({n: np.array(values[n]) for n in self.policy.observation_names})
        self._unseen = False

    def _stacked(self) -> dict[str, NDArray[Any]]:
        """Each field as (n_obs, *shape), oldest first; the first observation stands in for those before it."""
        padding = [self._history[0]] * (self.policy.n_obs - len(self._history))
        steps = [*padding, *self._history]
        return {n: np.stack([s[n] for s in steps]) for n in self.policy.observation_names}
