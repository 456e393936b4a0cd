"""From a device's name to the reader that drives it."""

from __future__ import annotations

from collections.abc import Callable

from robot_rl import workspace
from robot_rl.hardware.config import ConfigError
from robot_rl.hardware.devices.gamepad import Gamepad
from robot_rl.hardware.devices.keyboard import Keyboard
from robot_rl.hardware.devices.profile import DeviceProfile
from robot_rl.hardware.devices.raw import RawDevice
from robot_rl.hardware.devices.returning import ReturningDevice
from robot_rl.hardware.devices.spacemouse import SpaceMouse

DRIVERS: dict[str, Callable[[str], RawDevice]] = {"gamepad": Gamepad, "spacemouse": SpaceMouse, "keyboard": Keyboard}


def make_device(name: str, path: str | None = None) -> RawDevice:
    """The reader for the device whose profile is `name`; call `open()` on it. Lost and there again, it stays lost until
    it is let go.

    Args:
        path: the device file; by default the first device of this kind.

    Raises:
        ConfigError: no such profile, or it names no driver there is.
    """
    profile = DeviceProfile.load(name)
    if profile.driver not in DRIVERS:
        hint = workspace.did_you_mean(profile.driver, DRIVERS)
        raise ConfigError(f"device '{name}': no driver '{profile.driver}'.{hint}")
    return ReturningDevice(DRIVERS[profile.driver](path or ""), profile)
