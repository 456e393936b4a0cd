"""A device that was lost and is there again moves nothing by what is held on it: it must be let go first."""

from __future__ import annotations

import numpy as np

from robot_rl.hardware.devices.profile import DeviceProfile
from robot_rl.hardware.devices.raw import RawDevice, RawState
from robot_rl.hardware.human import AXES, DeviceInput

LET_GO = 0.5
"""So long [s] no button may be held before the device counts as back: a pad may tell what is held on it only in its
first report."""


class ReturningDevice:
    """A RawDevice that stays lost until nothing has been held on it for a while.

    With a loose cable and the deadman held, the robot would otherwise go and stop at speed with every contact; and as
    released from the first moment, the device would give control back to the policy. The emergency stop counts at once.
    """

    def __init__(self, device: RawDevice, profile: DeviceProfile) -> None:
        self._device, self._profile = device, profile
        self._lost = False
        self._free: int | None = None
        """Since when [ns] nothing has been held on the device that is there again."""

    def open(self) -> None:
        self._device.open()

    def poll(self) -> RawState:
        state = self._device.poll()
        if not state.connected:
            self._lost, self._free = True, None
            self._profile.reset()
        if not (self._lost and state.connected):
            return state
        held = self._profile.interpret(state.stamp, state.axes, state.buttons).buttons
        if self._free is None or any(state.buttons[: self._profile.layout.buttons]):
            self._free = state.stamp
        self._lost = state.stamp - self._free < LET_GO * 1e9
        if not self._lost or "estop" in held:
            return state
        axes, buttons = self._profile.raw(DeviceInput(state.stamp, np.zeros(len(AXES)), frozenset()))
        return RawState(state.stamp, axes, buttons, connected=False)

    def close(self) -> None:
        self._device.close()
