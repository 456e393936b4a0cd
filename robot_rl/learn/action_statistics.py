"""Statistics of actions in the representation that a policy learns, over the training windows."""

from __future__ import annotations

import numpy as np

from robot_rl.datasets.sampling.windows import ACTION, ACTION_MASK, Windows
from robot_rl.policies.action_space import ActionSpace, sampled_windows
from robot_rl.policies.normalization import Statistics

BLOCK = 4096


def action_statistics(space: ActionSpace, windows: Windows) -> Statistics:
    """Of every learned row that is real. A row relative to the chunk's start depends on where its chunk begins, so a
    step counts once for each window that it lies in; padded steps never count."""
    known = np.flatnonzero(windows.known)
    indices = known[sampled_windows(len(known))]
    rows = []
    for start in range(0, len(indices), BLOCK):
        numbers = windows.numbers(indices[start : start + BLOCK])
        rows.append(space.learned_rows(numbers[ACTION], numbers[ACTION_MASK], numbers))
    return Statistics.of(np.concatenate(rows))
