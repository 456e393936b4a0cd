"""Returns from each step to the end of its episode, read off the replay as its ring turns.

Where the task terminated nothing follows. Where an episode was cut off, the reward of a step that achieves nothing goes
on forever: an episode of the sparse reward r_neg that fails throughout has the return r_neg / (1 - gamma), as in
Nakamoto et al., "Cal-QL: calibrated offline RL pre-training for efficient online fine-tuning", 2023, appendix.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from robot_rl.learn.online.labels import Label, StepWindow
from robot_rl.learn.online.replay import ONGOING, TERMINATED, Replay


def returns_to_end(reward: NDArray[np.float64], gamma: float, tail: float) -> NDArray[np.float64]:
    """G_t = r_t + gamma G_{t+1} for rewards (T,), with `tail` for what follows the last."""
    out = np.empty(len(reward))
    later = tail
    for t in range(len(reward) - 1, -1, -1):
        later = reward[t] + gamma * later
        out[t] = later
    return out


class MonteCarlo:
    """Returns of a replay's rows. Each episode is summed once, when a row of it is first asked for.

    Args:
        label: gives the rewards.
        nothing: the reward of a step that achieves nothing; an episode that was cut off goes on with it.
        potential: (1, n + 1) along a run, where `label` shapes rewards by it: what follows a cut is worth that less.
    """

    def __init__(
        self,
        replay: Replay,
        label: Label,
        gamma: float,
        nothing: float,
        potential: Callable[[StepWindow], NDArray[np.float64]] | None = None,
    ) -> None:
        self._replay, self._label, self._gamma, self._potential = replay, label, gamma, potential
        self._tail = nothing / (1.0 - gamma)
        self._value = np.zeros(replay.capacity)
        self._episode = np.full(replay.capacity, -1, np.int64)
        self._step = np.full(replay.capacity, -1, np.int64)
        self._rewritten = replay.rewritten

    def at(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Returns (B,) from `rows` (B,) on; -inf where the episode is still under way: it bounds nothing yet."""
        if self._rewritten != self._replay.rewritten:
            self._rewritten = self._replay.rewritten
            self._episode[:] = -1
        for row in np.unique(rows[~self._known(rows)]).tolist():
            if not self._known(np.array([row]))[0] and self._replay.columns["episode"][row] != self._replay.current:
                self._sum(row)
        return np.where(self._known(rows), self._value[rows], -np.inf)

    def _known(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the sum kept for each row is of the step that the row holds now."""
        c = self._replay.columns
        out: NDArray[np.bool_] = (self._episode[rows] == c["episode"][rows]) & (self._step[rows] == c["step"][rows])
        return out

    def _sum(self, row: int) -> None:
        """The returns of all steps of the run that `row` is part of."""
        c, capacity = self._replay.columns, self._replay.capacity
        first = row
        while self._goes_on((first - 1) % capacity):
            first = (first - 1) % capacity
        count = 1
        while self._goes_on((first + count - 1) % capacity):
            count += 1
        window = (first + np.arange(count + 1)) % capacity
        rows = window[:-1]
        kind = c["kind"][rows]
        seen = StepWindow(
            c["reward"][rows][None],
            c["success"][rows][None],
            (kind != ONGOING)[None],
            (kind == TERMINATED)[None],
            c["source"][window][None],
            c["phase"][window][None],
            lambda name: self._replay.observation[name][window][None],
        )
        tail = 0.0 if kind[-1] == TERMINATED else self._tail - self._worth(seen)
        self._value[rows] = returns_to_end(np.asarray(self._label(seen)[0], np.float64), self._gamma, tail)
        self._episode[rows], self._step[rows] = c["episode"][rows], c["step"][rows]

    def _worth(self, seen: StepWindow) -> float:
        """The potential of what a run ended in."""
        return 0.0 if self._potential is None else float(self._potential(seen)[0, -1])

    def _goes_on(self, row: int) -> bool:
        """The row after `row` is the next step of the same run."""
        c, after = self._replay.columns, (row + 1) % self._replay.capacity
        follows = c["episode"][row] == c["episode"][after] and c["step"][row] + 1 == c["step"][after]
        return bool(follows and c["kind"][row] == ONGOING)
