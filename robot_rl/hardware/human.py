"""What comes from a person: the state of an input device, and what it asks of the robot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from robot_rl.hardware.robot import Reading

AXES = ("x", "y", "z", "roll", "pitch", "yaw")
"""The canonical axes of every device: right-handed, x forward, y left, z up, each in [-1, 1]."""

BUTTONS = ("clutch", "close", "open", "rewind", "success", "failure", "discard", "start", "estop", "undo")
"""The canonical buttons. `clutch` is the deadman: held, the human is in control. `undo` takes the last mark back."""


@dataclass(frozen=True)
class DeviceInput:
    """The state of an input device in canonical axes and buttons."""

    stamp: int
    """[ns]"""
    axes: NDArray[np.float64]  # (6,) in AXES order, each in [-1, 1]
    buttons: frozenset[str]
    """The canonical buttons held down."""


@dataclass(frozen=True)
class HumanInput:
    """What the human asks for: an action in the robot's layout, and whether they hold control."""

    stamp: int
    action: NDArray[np.float64]  # (A,) laid out as spec.action
    engaged: bool
    """The clutch is held. An idle but engaged device is a wish to hold still, not a hand-back."""
    rewind: bool = False
    """The rewind button is held."""
    pressed: frozenset[str] = frozenset()
    """Canonical buttons held down."""


class Operator(Protocol):
    """Something that moves an input device: a person's stand-in in simulation, or a device reader."""

    def reset(self, seed: int | None = None) -> None:
        """A new episode begins."""
        ...

    def input(self, reading: Reading, *, policy_active: bool) -> DeviceInput:
        """The device's state at this moment.

        Args:
            reading: what the operator sees.
            policy_active: a policy is driving, so the operator watches and may take over.
        """
        ...
