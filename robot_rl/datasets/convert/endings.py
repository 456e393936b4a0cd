"""What a foreign `done` means: the task was over, or the episode was cut off (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Columns = dict[str, NDArray[Any]]


def told_apart(steps: Mapping[str, NDArray[Any]]) -> tuple[Columns, bool]:
    """The step columns (T, ...) of a source that knows one sort of end only, with both; of any other as they are.

    Such sources say `done` in the last step of every episode, of one that a time limit cut off too, and a critic does
    not look beyond a step that terminates. So it counts as `terminated` only in a step of success, or, where there is
    no such column, in one whose reward is the episode's highest, above 0 as not every step's is; else as `truncated`.

    Args:
        steps: `terminated` is their `done`; with `truncated` beside it the source tells them apart itself.

    Returns:
        The columns, and whether any `done` is `truncated` now.
    """
    out = dict(steps)
    if "terminated" not in steps or "truncated" in steps:
        return out, False
    done = np.asarray(steps["terminated"]).astype(bool)
    over = np.asarray(steps["success"]).astype(bool) if "success" in steps else _rewarded(steps, len(done))
    out["terminated"], out["truncated"] = done & over, done & ~over
    return out, bool(out["truncated"].any())


def _rewarded(steps: Mapping[str, NDArray[Any]], length: int) -> NDArray[np.bool_]:
    """(T,) the steps with the highest reward, where that tells them from others; none without rewards."""
    reward = np.asarray(steps.get("reward", np.zeros(length)), np.float64)
    return (reward > 0) & (reward == reward.max()) & (reward.min() <= 0)


def loss(column: str, episodes: int, of: int) -> str:
    """The line of a report that says of how many episodes a `done` was taken for a time limit."""
    return (
        f"{column}: in {episodes} of {of} episodes it says that they are done, and neither reward nor success why; "
        "they count as cut off (truncated), not as terminated"
    )
