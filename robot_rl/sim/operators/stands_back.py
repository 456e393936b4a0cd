"""A scripted person who lets the robot try alone in some episodes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from robot_rl.hardware.human import AXES, DeviceInput, Operator
from robot_rl.hardware.robot import Reading


class StandsBack:
    """Implements Operator around another, whose hands are off the device while it stands `back`."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self.back = False

    def reset(self, seed: int | None = None) -> None:
        """A new episode."""
        self._operator.reset(seed)

    def input(self, reading: Reading, *, policy_active: bool) -> DeviceInput:
        """What the other does, or nothing."""
        device = self._operator.input(reading, policy_active=policy_active)
        return replace(device, axes=np.zeros(len(AXES)), buttons=frozenset()) if self.back else device
