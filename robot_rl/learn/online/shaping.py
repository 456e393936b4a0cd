"""Shaping by progress: what demonstrations passed through on their way, as a potential over states.

The learner's rewards become r + gamma Phi(s') - Phi(s), with Phi 0 where the task terminates (Ng, Harada & Russell
1999); Phi is `weight` times the progress of `rewards.progress` (UVD) in the numbers of STATE. Rewards are shaped when a
batch is drawn: the record and the replay keep the task's own. Which policy is best does not change, what a state is
worth does: by -Phi(s).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.episode import Episode
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.labels import Label, StepWindow
from robot_rl.learn.online.observe import STATE
from robot_rl.rewards.errors import RewardError
from robot_rl.rewards.progress import Progress
from robot_rl.rewards.shaping import shaped
from robot_rl.spec import Layout
from robot_rl.workspace import did_you_mean

_POSITION = 3
"""Numbers of a pose that count: distances of quaternions are none."""


@dataclass(frozen=True)
class ShapingConfig:
    """Progress through the demonstrations' sub-goals as a potential."""

    weight: float = 1.0
    """Of the potential, which progress then takes from 0 to this."""
    fields: tuple[str, ...] = ()
    """Vector fields of the learner's observation that show progress; empty takes all."""
    min_steps: int = 10
    """A sub-task lasts at least so long."""
    bandwidth: float = 3.0
    """Distances are smoothed over so many steps before sub-goals are looked for."""

    def __post_init__(self) -> None:
        if not (0.0 < self.weight < math.inf and self.min_steps >= 1 and 0.0 <= self.bandwidth < math.inf):
            raise TrainingError(
                f"shaping: weight is {self.weight}, min_steps {self.min_steps}, bandwidth {self.bandwidth}; weight "
                "must be above 0, min_steps at least 1, bandwidth at least 0"
            )


class Shaping:
    """A potential over the rows of a replay; learnt from demonstrations once, kept with the session.

    Args:
        layout: of STATE.

    Raises:
        TrainingError: a field that the learner does not look at.
    """

    def __init__(self, config: ShapingConfig, layout: Layout) -> None:
        self.config, self._layout = config, layout
        self._names = config.fields or tuple(layout)
        for name in self._names:
            if name not in layout:
                raise TrainingError(
                    f"shaping: '{name}' is none of the vector fields that the learner looks at."
                    f"{did_you_mean(name, tuple(layout))}"
                )
        self._columns = [i for name in self._names for i in _columns(layout, name)]
        self._mean = self._scale = np.zeros(0)
        self._progress: Progress | None = None

    @property
    def fitted(self) -> bool:
        """The potential is known."""
        return self._progress is not None

    def fit(self, demonstrations: Iterable[Episode]) -> None:
        """Find the sub-goals of the demonstrations that succeeded.

        Raises:
            TrainingError: none did, or they show no progress.
        """
        names = tuple(self._layout)
        seen = [e.aligned(names, final=True) for e in demonstrations if e.success]
        states = [self._states(s) for s in seen]
        if not states:
            raise TrainingError("shaping learns what progress is from demonstrations that succeeded: give --dataset")
        every = np.concatenate(states)
        self._mean, deviation = every.mean(axis=0), every.std(axis=0)
        # what never moves shows nothing
        self._scale = np.where(deviation > 1e-9, 1.0 / np.maximum(deviation, 1e-9), 0.0)
        try:
            features = [self._features(s) for s in states]
            self._progress = Progress.of(features, self.config.min_steps, self.config.bandwidth)
        except RewardError as error:
            raise TrainingError(f"shaping: {error}; name other `fields`, or a shorter `min_steps`") from error

    def potential(self, state: NDArray[Any]) -> NDArray[np.float64]:
        """Phi (...) of states (..., S), in physical units as in the replay's rows."""
        if self._progress is None:
            raise TrainingError("shaping has not seen its demonstrations yet")
        flat = np.asarray(state, np.float64).reshape(-1, state.shape[-1])[:, self._columns]
        return self.config.weight * self._progress.potential(self._features(flat)).reshape(state.shape[:-1])

    def of(self, window: StepWindow) -> NDArray[np.float64]:
        """Phi (B, n + 1) along windows of the replay."""
        return self.potential(window.look(STATE))

    def label(self, inner: Label, gamma: float) -> Label:
        """The rewards of `inner`, shaped.

        Args:
            gamma: the discount with which they are summed.
        """

        def dense(window: StepWindow) -> NDArray[np.float64]:
            phi = self.of(window)
            return shaped(inner(window), phi[:, :-1], phi[:, 1:], window.terminated, gamma)

        return dense

    def state(self) -> dict[str, Any]:
        """JSON-ready; `restore` takes it up."""
        if self._progress is None:
            return {}
        return {
            "mean": self._mean.tolist(),
            "scale": self._scale.tolist(),
            "goals": self._progress.goals.tolist(),
            "lengths": self._progress.lengths.tolist(),
        }

    def restore(self, document: Mapping[str, Any]) -> None:
        """Take up what `state` gave. Raises KeyError when it is something else."""
        self._mean, self._scale = np.array(document["mean"]), np.array(document["scale"])
        self._progress = Progress(np.array(document["goals"]), np.array(document["lengths"]))

    def _states(self, seen: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """(T, C) of a demonstration, the columns that count."""
        whole = [self._layout.pack({n: v[t] for n, v in seen.items()}) for t in range(len(next(iter(seen.values()))))]
        return np.stack(whole)[:, self._columns]

    def _features(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((columns - self._mean) * self._scale)


def _columns(layout: Layout, name: str) -> Sequence[int]:
    """Where a field's numbers lie in STATE; of a pose, the position's."""
    where = layout.slices[name]
    return range(where.start, where.start + _POSITION if layout[name].kind == "pose" else where.stop)
