"""Transitions of several steps, read off a ring of rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.record import Source
from robot_rl.learn.online.labels import Label, StepWindow, taken_over
from robot_rl.learn.online.returns import Returns, n_step_returns
from robot_rl.learn.online.ring import ONGOING, TERMINATED, Ring

CHUNK_STEP = "chunk_step"
"""The field that counts the steps since the agent was asked, () int16: 0 where it was, -1 where it did not act."""


@dataclass(frozen=True)
class Transitions:
    """B transitions of up to n steps each, as arrays."""

    observation: dict[str, NDArray[Any]]  # (B, *shape) by field
    action: NDArray[np.float32]  # (B, n, A) executed, physical units; of rows beyond `returns.mask` anything
    next_observation: dict[str, NDArray[Any]]  # (B, *shape) after the k steps that were executed
    returns: Returns
    weight: NDArray[np.float32]  # (B,)
    human: NDArray[np.bool_]  # (B,) a human acted


def read(
    ring: Ring,
    rows: NDArray[np.int64],
    n_step: int,
    gamma: float,
    label: Label,
    seen: Callable[[NDArray[np.int64]], dict[str, NDArray[Any]]],
    *,
    answers: bool,
) -> Transitions:
    """What begins at `rows` (B,), up to `n_step` steps of it, or fewer where the episode ends or a human takes over.

    Args:
        label: gives the rewards; see `labels`.
        seen: gives the observations at rows.
        answers: each ends with the agent's answer; see `Replay.transitions`.
    """
    window = (rows[:, None] + np.arange(n_step + 1)) % ring.capacity
    steps, c = window[:, :-1], ring.columns
    kind = c["kind"][steps]
    ended, terminated = kind != ONGOING, kind == TERMINATED

    def look(name: str) -> NDArray[Any]:
        return ring.observation[name][window]

    source, phase = c["source"][window], c["phase"][window]
    within = StepWindow(c["reward"][steps], c["success"][steps], ended, terminated, source, phase, look)
    cut = ended | taken_over(source, phase, ended)  # what the human then does is not what the policy's step is worth
    if answers:
        cut |= _left(look(CHUNK_STEP))
    returns = n_step_returns(label(within), cut, terminated, gamma)
    return Transitions(
        observation=seen(rows),
        action=c["action"][steps],
        next_observation=seen((rows + returns.length) % ring.capacity),
        returns=returns,
        weight=c["weight"][rows],
        human=c["source"][rows] == Source.HUMAN,
    )


def history(ring: Ring, rows: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """(B, n) the rows up to and with `rows` (B,), of the same episode; it does not reach into the episode before, nor
    past what has been overwritten: the earliest row there is stands in for those before it."""
    episode, step, out = ring.columns["episode"], ring.columns["step"], [rows]
    for _ in range(n - 1):
        earlier = (out[-1] - 1) % ring.capacity
        follows = (episode[earlier] == episode[rows]) & (step[earlier] + 1 == step[out[-1]])
        out.append(np.where(follows, earlier, out[-1]))
    return np.stack(out[::-1], axis=1)


def _left(chunk_step: NDArray[np.int16]) -> NDArray[np.bool_]:
    """(B, n) whether the row after each step of a window, of these CHUNK_STEP (B, n + 1), is no part of the answer."""
    return chunk_step[:, 1:] != np.arange(1, chunk_step.shape[1])
