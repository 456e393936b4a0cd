"""What a person is told to do before an episode begins, in the words of the device in hand."""

from __future__ import annotations

from collections.abc import Callable

from robot_rl.hardware.devices.profile import DeviceProfile

SERVICE = "episode/start"
BESIDE = "press Enter at `robot-rl tell` in another terminal"
"""Where the device in hand has no such button."""
PATIENCE = 5.0
"""[s] that a device may take to be heard before that is said."""


class Prompt:
    """Says once for each episode that somebody is waited for, and not before the device in hand is heard: what is
    pressed until then is lost.

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
        self._device = "" if device == "scripted" else device
        self._say, self._said = say, False
        self._since: float | None = None
        """When [s] the waiting for the device began."""
        self._complained = False

    def waiting(self, heard: bool, now: float) -> None:
        """The next episode begins as soon as somebody says so.

        Args:
            heard: the device in hand is heard; without one it does not matter.
            now: of a monotonic clock [s].
        """
        if self._said:
            return
        if self._device and not heard:
            self._not_heard(now)
            return
        self._said, self._since, self._complained = True, None, False
        self._say(f"waiting: {self.start}, and the next episode begins")

    def _not_heard(self, now: float) -> None:
        self._since = now if self._since is None else self._since
        if now - self._since >= PATIENCE and not self._complained:
            self._complained = True
            self._say(f"the input device '{self._device}' is not heard yet: what is pressed on it does nothing")

    def answered(self) -> None:
        """Somebody has said so."""
        self._said = False


def _start(device: str) -> str:
    """What to press, or to call, as an order."""
    if device in ("", "scripted"):
        return f"{BESIDE} (or call the service {SERVICE})"
    key = DeviceProfile.load(device).printed_on("start")
    return f"{BESIDE if key is None else f'press {key}'} (or call the service {SERVICE})"
