"""What is told of episodes that never came to an end: one that is being recorded, or what a crash has left."""

from __future__ import annotations

from robot_rl.datasets.dataset import Dataset


def unfinished(dataset: Dataset) -> str:
    """A line for the user; empty where there are none."""
    left, count = len(dataset.left()), len(dataset.unfinished())
    if left:
        return f"{left} unfinished episode{'s' if left > 1 else ''}: robot-rl data salvage {dataset.path}"
    if count:
        return f"{count} unfinished episode{'s' if count > 1 else ''}, while the data set is being written"
    return ""
