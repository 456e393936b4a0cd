"""Rewards read off the record: the task's own, sparse success, or the intervention as reward. Views, never stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.record import Phase, Source


@dataclass(frozen=True)
class StepWindow:
    """What labels may look at: n steps of each of B windows, and the step after each."""

    reward: NDArray[np.float32]  # (B, n) as recorded
    success: NDArray[np.bool_]  # (B, n)
    ended: NDArray[np.bool_]  # (B, n) the episode ends with this step
    terminated: NDArray[np.bool_]  # (B, n) it ends for good
    source: NDArray[np.uint8]  # (B, n + 1) who acted
    phase: NDArray[np.uint8]  # (B, n + 1) what for
    look: Callable[[str], NDArray[Any]]
    """What was observed at those steps and after the last, (B, n + 1, *shape), by field of the rows."""


Label = Callable[[StepWindow], NDArray[Any]]
"""Windows to rewards (B, n)."""


def task(window: StepWindow) -> NDArray[Any]:
    """The reward as recorded."""
    return window.reward


def success(window: StepWindow) -> NDArray[Any]:
    """1 in the step that ends the episode in success, 0 elsewhere."""
    return (window.success & window.terminated).astype(np.float32)


def rlif(window: StepWindow) -> NDArray[Any]:
    """-1 on the policy's step after which a human takes over, 0 elsewhere; no task reward.

    The human's own steps, and the rewind before them, carry none (Luo et al., "RLIF: Interactive imitation
    learning as reinforcement learning", 2023).
    """
    return -taken_over(window.source, window.phase, window.ended).astype(np.float32)


def taken_over(source: NDArray[np.uint8], phase: NDArray[np.uint8], ended: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(B, n) whether a human takes over after a step of the policy, of who acted and what for (B, n + 1) and where
    episodes end. A robot that backs off from a force by itself has not been taken over."""
    return (source[:, :-1] == Source.POLICY) & np.isin(phase[:, 1:], (Phase.RECOVERY, Phase.CORRECTION)) & ~ended


def charged(inner: Label, cost: float) -> Label:
    """`inner` less `cost` on the policy's step after which a human takes over.

    Without it, waiting to be helped is worth nearly as much as succeeding: help ends in success too.
    """
    return lambda window: inner(window) + cost * rlif(window)


LABELS: Mapping[str, Label] = {"task": task, "success": success, "rlif": rlif}
