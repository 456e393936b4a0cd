"""The one interface to a policy at run time: observation history in, action chunk out. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from robot_rl.spec import Spec


class Policy(Protocol):
    """Proposes action chunks.

    `predict` gets, for each field in `observation_names`, an array (n_obs, *shape) with the oldest
    first, and returns (horizon, A) in physical units, laid out as `spec.action`. Row 0 is the action
    for the newest observation.
    """

    spec: Spec
    """What it was trained on: the robot, the fields, the action layout and the rate."""
    observation_names: tuple[str, ...]
    """The fields it looks at; a subset of `spec.observation` and the cameras."""
    n_obs: int
    horizon: int
    n_action_steps: int
    """How many actions of a chunk are executed before the next is asked for, by default."""

    def predict(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]: ...

    def reset(self, seed: int | None = None) -> None:
        """Forget the episode; with a seed the samples that follow are reproducible."""
        ...
