"""The newest observations of an episode, as a policy wants them."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.policies.policy import Policy
from robot_rl.spec import SpecError


class History:
    """The last `n_obs` observations of consecutive control steps, of the fields the policy looks at."""

    def __init__(self, policy: Policy) -> None:
        self._names = policy.observation_names
        self._steps: deque[dict[str, NDArray[Any]]] = deque(maxlen=policy.n_obs)
        self._unseen = False

    def clear(self) -> None:
        """A new episode."""
        self._steps.clear()
        self._unseen = False

    def add(self, values: Mapping[str, NDArray[Any]]) -> None:
        """The observation of this step. Raises SpecError when a field is missing."""
        missing = [n for n in self._names if n not in values]
        if missing:
            raise SpecError(f"the policy needs '{missing[0]}'; the robot gives {', '.join(values) or 'nothing'}")
        # Copies: a driver may reuse its buffers for the next reading.
        self._steps.append({n: np.array(values[n]) for n in self._names})
        self._unseen = False

    def skip(self) -> None:
        """A step went by. The second one without an observation makes a gap, and the history begins afresh
        after it, since it would otherwise span the gap as if it were one step."""
        if self._unseen:
            self._steps.clear()
        self._unseen = True

    def stacked(self) -> dict[str, NDArray[Any]]:
        """Each field as (n_obs, *shape), oldest first; the first observation stands in for those before it."""
        padding = [self._steps[0]] * ((self._steps.maxlen or 0) - len(self._steps))
        steps = [*padding, *self._steps]
        return {n: np.stack([s[n] for s in steps]) for n in self._names}
