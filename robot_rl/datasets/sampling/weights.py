"""How often each training window is drawn (pure): weights (W,), not negative, of which only ratios matter.

Multiply weights to combine rules, e.g. `sirius(windows) * by_operator(windows)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from robot_rl import workspace
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.record import Phase
from robot_rl.datasets.sampling.windows import Windows

Weights = NDArray[np.float64]
_INTERVENTION = (Phase.RECOVERY, Phase.CORRECTION)


class Placed(Protocol):
    """Windows in rows of steps: `Windows`, or those of steps held elsewhere."""

    @property
    def phases(self) -> NDArray[np.uint8]:
        """(N,) of every row."""
        ...

    @property
    def at(self) -> NDArray[np.int64]:
        """(W,) row of each window's step."""
        ...

    @property
    def first_rows(self) -> NDArray[np.int64]:
        """(E,) row of each episode's first step, rising."""
        ...

    def __len__(self) -> int: ...


def uniform(windows: Placed) -> Weights:
    """Every window alike."""
    return np.ones(len(windows))


def sirius(windows: Placed, *, intervention: float = 0.5, before: int = 15, before_share: float = 0.0) -> Weights:
    """Sirius (Liu et al., RSS 2023): interventions make up half of what is drawn, and what the robot did just
    before one is left out, since it led to trouble.

    Each window's weight is P*(class) / P(class). Demonstrations keep their share, as far as there is room;
    the robot's own steps take what is left. Without any intervention all windows of a class count alike.

    Args:
        intervention: P* of the steps in which a human had taken over.
        before: how many steps ahead of a take-over count as "before".
        before_share: P* of those.
    """
    if not (0 <= intervention <= 1 and 0 <= before_share <= 1 - intervention) or before < 0:
        raise DatasetError(f"shares {intervention} and {before_share} must lie in [0, 1] and sum to at most 1")
    phase = windows.phases[windows.at]
    human, demonstration = np.isin(phase, _INTERVENTION), phase == Phase.DEMONSTRATION
    ahead = _ahead_of_intervention(windows, before)[windows.at] & ~human & ~demonstration
    robot = ~human & ~demonstration & ~ahead
    share = {"human": intervention * human.any(), "ahead": before_share * ahead.any()}
    left = 1 - share["human"] - share["ahead"]
    share["demonstration"] = min(left, float(demonstration.mean())) if robot.any() else left * demonstration.any()
    share["robot"] = left - share["demonstration"]
    classes = {"human": human, "ahead": ahead, "demonstration": demonstration, "robot": robot}
    return _by_share([(classes[k], share[k]) for k in classes])


def rac(windows: Placed, *, corrections: float = 1.5) -> Weights:
    """RaC (Hu et al. 2025): recovery and correction in the ratio 1 : `corrections`, recommended 1 to 2.

    Interventions as a whole keep their share, and so does everything else.

    Args:
        corrections: windows of correction for each window of recovery.
    """
    if not corrections > 0:
        raise DatasetError(f"corrections is {corrections}; it is a positive ratio, 1 to 2 is recommended")
    phase = windows.phases[windows.at]
    recovery, correction = phase == Phase.RECOVERY, phase == Phase.CORRECTION
    if not (recovery.any() and correction.any()):
        return uniform(windows)
    both = float(np.mean(recovery | correction))
    other = ~recovery & ~correction
    return _by_share(
        [
            (recovery, both / (1 + corrections)),
            (correction, both * corrections / (1 + corrections)),
            (other, 1 - both),
        ]
    )


def by_return(windows: Windows, *, temperature: float = 0.1) -> Weights:
    """Trajectory weighting (Hong et al., ICLR 2023): exp(G / temperature) for every window of an episode, G its
    total reward scaled to [0, 1] over the episodes.

    Args:
        temperature: small values draw from the best episodes alone, large ones from all alike.
    """
    if not temperature > 0:
        raise DatasetError(f"temperature is {temperature}; it must be positive")
    total = np.array([e.total_reward for e in windows.episodes])
    if not np.isfinite(total).all():
        bad = windows.episodes[int(np.flatnonzero(~np.isfinite(total))[0])]
        raise DatasetError(f"episode {bad.number}: its rewards are not finite; relabel or leave it out")
    span = total.max() - total.min()
    scaled = (total - total.max()) / span if span > 0 else np.zeros(len(total))
    return np.exp(scaled / temperature)[windows.episode_of]


def by_operator(windows: Windows) -> Weights:
    """Every demonstrator counts alike, however much each recorded."""
    _, operator = np.unique([e.operator for e in windows.episodes], return_inverse=True)
    return 1.0 / np.bincount(operator[windows.episode_of])[operator[windows.episode_of]]


WEIGHTS: Mapping[str, Callable[[Windows], Weights]] = {
    "uniform": uniform,
    "sirius": sirius,
    "rac": rac,
    "return": by_return,
    "operator": by_operator,
}


def weights_by_name(names: str, windows: Windows) -> Weights:
    """The weights of a rule, or the product of several joined by `+` (`sirius+operator`).

    Raises:
        DatasetError: an unknown rule, or together they leave no window.
    """
    out = uniform(windows)
    for name in names.split("+"):
        if name not in WEIGHTS:
            raise DatasetError(f"no weighting '{name}'.{workspace.did_you_mean(name, WEIGHTS)}")
        out = out * WEIGHTS[name](windows)
    if not out.sum() > 0:
        raise DatasetError(f"the weighting '{names}' leaves no window to draw")
    return out


def _ahead_of_intervention(windows: Placed, before: int) -> NDArray[np.bool_]:
    """(N,) True in the `before` rows ahead of each first step of an intervention, within its episode."""
    human = np.isin(windows.phases, _INTERVENTION)
    begins = human & ~np.concatenate([[False], human[:-1]])
    begins[windows.first_rows] |= human[windows.first_rows]
    out = np.zeros(len(human), bool)
    for row in np.flatnonzero(begins).tolist():
        first = windows.first_rows[np.searchsorted(windows.first_rows, row, side="right") - 1]
        out[max(first, row - before) : row] = True
    return out


def _by_share(classes: list[tuple[NDArray[np.bool_], Any]]) -> Weights:
    """Weights under which each class is drawn with its share."""
    out = np.zeros(len(classes[0][0]))
    for members, share in classes:
        if members.any():
            out[members] = share / members.sum()
    return out / out.mean() if out.any() else out
