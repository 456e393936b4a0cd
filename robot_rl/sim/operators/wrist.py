"""How far a wrist can turn, and a choice among ways to do a thing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from robot_rl.hardware.robot import Reading

Item = TypeVar("Item")

_RANGE = 2.6
"""Joint 7 of a Panda ends at +-2.897 rad; a person keeps some distance."""


def wrist_joint(reading: Reading) -> float:
    """The last joint of the arm [rad]."""
    return float(reading.values["joint_position"][-1])


def turns(joint: float, turn: float) -> bool:
    """Whether a gripper that points down can turn by `turn` about z: joint 7 turns about the axis that points down."""
    return abs(joint - turn) < _RANGE


def azimuth(pose: NDArray[np.float64]) -> float:
    """Direction from the foot of the arm to a pose (7,) [rad]; joint 7 makes up for it where a heading is kept."""
    return math.atan2(pose[1], pose[0])


def choose(options: Sequence[tuple[float, Item]], whim: float, rng: np.random.Generator) -> Item:
    """One of several (cost, item): likelier the cheaper it is.

    Probabilities are proportional to exp(-cost / t) with a temperature t from 0.05, nearly always the cheapest, at
    `whim` 0, to 0.6 at 1.
    """
    costs = np.array([cost for cost, _ in options])
    weights = np.exp(-(costs - costs.min()) / (0.05 + 0.55 * whim))
    return options[int(rng.choice(len(options), p=weights / weights.sum()))][1]
