"""Between which values the returns of a session lie: what the bins of critics that classify must hold."""

from __future__ import annotations

import math

from robot_rl.learn.config import TrainingError


def of_returns(
    reward: str, gamma: float, help_cost: float = 0.0, shaping: float = 0.0, scale: float = 1.0, offset: float = 0.0
) -> tuple[float, float]:
    """The lowest and the highest value that there can be.

    At worst each step costs what a step can cost, for ever; at best the episode ends at once. Of the reward `task`
    nothing is known: only what is put on top of it counts.

    Args:
        reward: see `labels`.
        help_cost: of the policy's step that a take-over follows; with `rlif` that is 1 more.
        shaping: largest potential; values are lower by it.
        scale, offset: rewards become scale r + offset; see `improvers.offline`.
    """
    worst = offset - scale * (help_cost + (reward == "rlif"))
    low = min(worst, 0.0) / (1.0 - gamma) - scale * shaping
    best = scale if reward == "success" else 0.0
    return low, best + (offset / (1.0 - gamma) if offset > 0 else offset)


def require_range(given: tuple[float, float], returns: tuple[float, float]) -> None:
    """Raise TrainingError unless the range that is given holds all returns; the message names one that does."""
    (low, high), (least, most) = given, returns
    if low <= least and most <= high:
        return
    wide = (min(low, math.floor(100 * least) / 100), max(high, math.ceil(100 * most) / 100))
    raise TrainingError(
        f"sac.value_range is {low:g} to {high:g}, but with this reward, help_cost, shaping and offline.offset returns "
        f"lie between {least:.2f} and {most:.2f}, and bins cannot tell what lies beyond apart: set it to "
        f"[{wide[0]}, {wide[1]}]"
    )
