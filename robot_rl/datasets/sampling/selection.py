"""Which steps to learn from, by rule: masks over the steps of an episode (pure but for reading its columns).

Never selected are steps of phase RESET, steps in which nobody acted, and steps in which the robot backs off from a
force by itself. Rules:

- `all`: every other step.
- `successful`: those of episodes that ended in success.
- `human`: what a human did: demonstrations and take-overs (HG-DAgger, Kelly et al. 2019).
- `rac`: demonstrations in full, and of interventions the recovery and the correction; what the robot did
  itself only where it succeeded without any intervention (RaC, Hu et al. 2025). A demonstration that is
  labelled a failure is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from robot_rl import workspace
from robot_rl.control.safety import Safety
from robot_rl.datasets.episode import Episode
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.record import Phase, Source

Selection = Callable[[Episode], NDArray[np.bool_]]
"""Episode to mask (T,): True where the step is learned from."""


class Columns(Protocol):
    """Columns (T, ...) of steps by name: `phase`, `source` and `safety`."""

    def __getitem__(self, name: str, /) -> NDArray[Any]: ...


class Judged(Protocol):
    """What the rules look at: an `Episode`, or an episode held elsewhere."""

    @property
    def steps(self) -> Columns: ...

    @property
    def success(self) -> bool | None: ...


def _acted(episode: Judged) -> NDArray[np.bool_]:
    steps = episode.steps
    retreats = (steps["safety"] & int(Safety.RETREAT)) != 0  # the robot backs off from a force by itself
    return (steps["phase"] != Phase.RESET) & (steps["source"] != Source.NONE) & ~retreats


def all_steps(episode: Judged) -> NDArray[np.bool_]:
    """Every step in which somebody acted."""
    return _acted(episode)


def successful(episode: Judged) -> NDArray[np.bool_]:
    """The steps of an episode that ended in success, none of any other."""
    return _acted(episode) & bool(episode.success)


def human(episode: Judged) -> NDArray[np.bool_]:
    """The steps in which a human acted."""
    return _acted(episode) & (episode.steps["source"] == Source.HUMAN)


def rac(episode: Judged) -> NDArray[np.bool_]:
    """Demonstrations, recoveries and corrections; autonomous steps of a success without intervention."""
    phase = episode.steps["phase"]
    intervention = (phase == Phase.RECOVERY) | (phase == Phase.CORRECTION)
    keep = intervention.copy()
    if episode.success is not False:
        keep |= phase == Phase.DEMONSTRATION
    if episode.success and not intervention.any():
        keep |= phase == Phase.AUTONOMOUS
    return _acted(episode) & keep


RULES: dict[str, Callable[[Judged], NDArray[np.bool_]]] = {
    "all": all_steps,
    "successful": successful,
    "human": human,
    "rac": rac,
}


def rule(name: str) -> Callable[[Judged], NDArray[np.bool_]]:
    """The rule of that name. Raises DatasetError on an unknown one."""
    if name not in RULES:
        raise DatasetError(f"no selection rule '{name}'.{workspace.did_you_mean(name, RULES)}")
    return RULES[name]


def segments(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The runs of True in a mask (T,) as half-open intervals, in order."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
