"""Success and failure marked by key: which step the person meant, what undo takes back, what a held key labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from robot_rl.rewards.errors import RewardError

Result = Literal["success", "failure"]
LATENCY = 0.4
"""From seeing to the key going down [s]: simple reactions take 0.2 s, recognising what one sees about as much again."""


@dataclass(frozen=True)
class Key:
    """A key went down."""

    stamp: int
    """[ns]"""
    name: Literal["success", "failure", "undo"]


@dataclass(frozen=True)
class Mark:
    """How an episode ended, and with which step."""

    result: Result
    step: int


def step_meant(stamps: NDArray[np.int64], pressed: int, latency: float) -> int:
    """The step (stamps (T,) are their starts [ns]) under way `latency` [s] before a key went down.

    The first step stands in for the time before it, the last for the time after.

    Raises:
        RewardError: an episode without steps, or a latency that is none.
    """
    if not len(stamps):
        raise RewardError("an episode without steps cannot be marked")
    if not 0.0 <= latency < 60.0:
        raise RewardError(f"latency {latency} s: it lies between 0 and 60, e.g. {LATENCY}")
    moment = pressed - round(latency * 1e9)
    return max(int(np.searchsorted(stamps, moment, side="right")) - 1, 0)


def resolve(keys: Sequence[Key], stamps: NDArray[np.int64], latency: float = LATENCY) -> Mark | None:
    """What was meant by the keys of an episode; None where nothing is left.

    `undo` takes back the newest mark that stands. Of the marks that are left the last counts: who marks again has
    changed their mind.
    """
    standing: list[Key] = []
    for key in sorted(keys, key=lambda k: k.stamp):
        if key.name != "undo":
            standing.append(key)
        elif standing:
            standing.pop()
    if not standing:
        return None
    last = standing[-1]
    return Mark("success" if last.name == "success" else "failure", step_meant(stamps, last.stamp, latency))


def held_labels(
    held: Sequence[tuple[int, int]], stamps: NDArray[np.int64], latency: float = LATENCY
) -> NDArray[np.bool_]:
    """Labels (T,) from a key held down for as long as the scene shows success.

    Args:
        held: times (down, up) [ns].
        stamps: (T,) when each picture was seen [ns].
    """
    late = stamps + round(latency * 1e9)
    out = np.zeros(len(stamps), dtype=bool)
    for down, up in held:
        if up < down:
            raise RewardError(f"a key cannot go up at {up} ns before it went down at {down} ns")
        out |= (late >= down) & (late < up)
    return out
