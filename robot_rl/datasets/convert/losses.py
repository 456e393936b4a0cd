"""What a format has no room for, found by looking at the data set that is to be converted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from robot_rl.datasets.episode import Episode


@dataclass(frozen=True)
class Holds:
    """What a format can hold."""

    between_steps: bool = False
    """Samples that no step refers to: streams at their own rate."""
    final_observation: bool = False
    """What was seen when the last step had ended."""


def losses(episodes: Iterable[Episode], holds: Holds) -> list[str]:
    """One line for each kind of thing in these episodes that the format cannot hold."""
    if holds.between_steps:
        return []
    total, kept, dropped_last, count = Counter[str](), Counter[str](), 0, 0
    for episode in episodes:
        count += 1
        last_lost = False
        for name in episode.stream_names:
            stamps = episode.stream(name).stamps
            total[name] += len(stamps)
            kept[name] += len(np.unique(episode.aligned_indices(name, final=holds.final_observation)))
            last_lost |= not holds.final_observation and int(stamps[-1]) > int(episode.steps["stamp"][-1])
        dropped_last += last_lost
    lines = [
        f"stream '{name}': {total[name] - kept[name]} of {total[name]} samples lie between steps or outside them"
        for name in total
        if total[name] > kept[name] + (0 if holds.final_observation else dropped_last)
    ]
    if dropped_last:
        lines.append(f"the final observation of {dropped_last} of {count} episodes: there is a row for each step only")
    return lines
