"""A person's input device as the operator of a loop in this process."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from robot_rl.hardware.devices.profile import DeviceProfile
from robot_rl.hardware.devices.raw import RawDevice
from robot_rl.hardware.devices.registry import make_device
from robot_rl.hardware.human import AXES, DeviceInput
from robot_rl.hardware.robot import Reading


class DeviceOperator:
    """Implements Operator; input is stamped with the time of the reading that it answers.

    A device that is lost reads as released once, so that the deadman is lost at once; after that its input keeps
    that stamp and grows stale, since hands off a device would give control back to the policy, and silence does not.
    """

    def __init__(self, device: RawDevice, profile: DeviceProfile) -> None:
        self._device, self._profile = device, profile
        self._last = DeviceInput(-(2**62), np.zeros(len(AXES)), frozenset())
        self._connected = True

    @classmethod
    def open(cls, name: str, path: str = "") -> DeviceOperator:
        """The device whose profile is `name`, opened.

        Args:
            path: the device file; by default the first device of this kind.

        Raises:
            ConfigError: no such profile.
            DeviceError: the device is not there or may not be read.
        """
        device = make_device(name, path or None)
        device.open()
        return cls(device, DeviceProfile.load(name))

    def reset(self, seed: int | None = None) -> None:
        """A new episode: a device knows nothing of that."""

    def input(self, reading: Reading, *, policy_active: bool) -> DeviceInput:
        """The device now."""
        state = self._device.poll()
        if state.connected:
            self._last = self._profile.interpret(reading.stamp, state.axes, state.buttons)
        elif self._connected:
            self._last = replace(self._last, stamp=reading.stamp, axes=np.zeros(len(AXES)), buttons=frozenset())
        self._connected = state.connected
        return self._last

    def close(self) -> None:
        """Release the device."""
        self._device.close()
