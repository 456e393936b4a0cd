"""What a person is told to do before an episode begins, in the words of the device in hand."""

from __future__ import annotations

from collections.abc import Callable

from robot_rl.hardware.devices.profile import DeviceProfile

SERVICE = "episode/start"
BESIDE = "press Enter at `robot-rl tell` in another terminal"
"""Where the device in hand has no such button."""


class Prompt:
    """Says once for each episode that somebody is waited for.

    Args:
        device: the profile of the device in hand; empty, or `scripted`, where there is none.
        say: shows a line.

    Raises:
        ConfigError: there is no such device.
    """

    def __init__(self, device: str, say: Callable[[str], None]) -> None:
        self.start = _start(device)
        """How an episode is started."""
        self.set_up = f"Set the scene up and {self.start}; until then the robot holds still"
        self._say, self._said = say, False

    def waiting(self) -> None:
        """The next episode begins as soon as somebody says so."""
        if not self._said:
            self._said = True
            self._say(f"waiting: {self.start}, and the next episode begins")

    def answered(self) -> None:
        """Somebody has said so."""
        self._said = False


def _start(device: str) -> str:
    """What to press, or to call, as an order."""
    if device in ("", "scripted"):
        return f"{BESIDE} (or call the service {SERVICE})"
    key = DeviceProfile.load(device).printed_on("start")
    return f"{BESIDE if key is None else f'press {key}'} (or call the service {SERVICE})"
