"""What happened, step by step: the vocabulary of the Episode, shared by recorder, training and operators.

An episode is a set of *streams* (each observation field and each camera, at its own rate with its own
acquisition stamps) and a table of *steps* at control rate. Step t holds the action executed from stamp
t until the next step, and the reward, success and ending judged in the state it led to. HIL-SERL, RLIF,
Sirius and RaC are queries over this one record.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from robot_rl.control.safety import Safety


class Source(IntEnum):
    """Who acted in a step."""

    NONE = 0
    """Nobody: the robot held still."""
    POLICY = 1
    HUMAN = 2
    REWIND = 3
    """The automatic rewind along poses executed before."""


class Phase(IntEnum):
    """What a step was for."""

    DEMONSTRATION = 0
    AUTONOMOUS = 1
    RECOVERY = 2
    """Back to a familiar state, after a take-over (RaC rule 1)."""
    CORRECTION = 3
    """The human finishes what the policy could not."""
    RESET = 4


@dataclass(frozen=True)
class Step:
    """One control step. Actions are flat, laid out as `spec.action`; NaN where there was none."""

    stamp: int
    """Start of the step [ns]."""
    executed: NDArray[np.float64]  # (A,) what the robot was really sent
    proposed: NDArray[np.float64]  # (A,) what the policy proposed, before the safety envelope
    human: NDArray[np.float64]  # (A,) what the human asked for, before the safety envelope
    source: Source
    phase: Phase
    safety: Safety = Safety(0)
    reward: float = 0.0
    success: bool = False
    terminated: bool = False
    truncated: bool = False


STEP_DTYPES: dict[str, str] = {
    "stamp": "int64",
    "executed": "float64",
    "proposed": "float64",
    "human": "float64",
    "source": "uint8",
    "phase": "uint8",
    "safety": "uint16",
    "reward": "float32",
    "success": "bool",
    "terminated": "bool",
    "truncated": "bool",
}
"""The columns of the steps table; `executed`, `proposed` and `human` have shape (T, A), the others (T,)."""


@dataclass(frozen=True)
class Sample:
    """One value of one stream."""

    stream: str
    stamp: int
    """Acquisition time [ns]."""
    value: NDArray[np.generic]
