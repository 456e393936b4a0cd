"""The one interface to an input device as it is: its own axes and buttons, before any meaning is given to them.

The layout of axes and buttons is that of `sensor_msgs/Joy` as the usual ROS 2 drivers publish it (`joy` for
gamepads, `spacenav` for a SpaceMouse), so that one of those can stand in for a reader of this package.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class DeviceError(RuntimeError):
    """The input device cannot be used; the message says which and what to do."""


@dataclass(frozen=True)
class RawState:
    """Axes and buttons of a device at one moment."""

    stamp: int
    """When the device was polled [ns]."""
    axes: tuple[float, ...]
    """Each in [-1, 1]."""
    buttons: tuple[int, ...]
    """1 while held, else 0."""
    connected: bool = True
    """False while the device is lost (unplugged, out of reach, or there again and not let go of yet): everything then
    reads as released."""


class RawDevice(Protocol):
    """A gamepad, a SpaceMouse, a keyboard."""

    def open(self) -> None:
        """Connect. Raises DeviceError if the device is not there or may not be read."""
        ...

    def poll(self) -> RawState:
        """The present state; never blocks. Once lost it reads as released, until it is back."""
        ...

    def close(self) -> None: ...


def unit(value: float, full_scale: float) -> float:
    """`value / full_scale` limited to [-1, 1]."""
    return max(-1.0, min(1.0, value / full_scale))
