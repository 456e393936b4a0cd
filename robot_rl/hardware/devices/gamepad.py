"""A gamepad through the Linux joystick interface, `/dev/input/jsN`.

The kernel writes 8-byte events (linux/joystick.h): time u32 [ms], value s16, type u8, number u8; type 1 is a
button, 2 an axis, and bit 7 marks the events that tell the present state when the device is opened.

Raw layout (an Xbox pad under the `xpad` driver), the same as the ROS 2 node `joy_node` publishes:

    axes     0 left stick, left +    1 left stick, up +     2 left trigger, released +1 ... pressed -1
             3 right stick, left +   4 right stick, up +    5 right trigger, as 2
             6 d-pad, left +         7 d-pad, up +
    buttons  0 A  1 B  2 X  3 Y  4 LB  5 RB  6 Back  7 Start  8 Guide  9 left stick  10 right stick
"""

from __future__ import annotations

import struct
from pathlib import Path

from robot_rl.hardware.clock import Clock, SystemClock
from robot_rl.hardware.devices.port import Port
from robot_rl.hardware.devices.raw import DeviceError, RawState, unit

EVENT = struct.Struct("<IhBB")  # time [ms], value, type, number
BUTTON_EVENT = 0x01
AXIS_EVENT = 0x02
INITIAL = 0x80
FULL_SCALE = 32767.0

REST = (0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
"""Axes of an untouched gamepad: the triggers rest at +1."""
BUTTON_COUNT = 11


def gamepads(root: Path = Path("/dev/input")) -> list[str]:
    """The joystick devices of this machine, by number."""
    return [str(p) for p in sorted(root.glob("js*"), key=lambda p: (len(p.name), p.name))]


class Gamepad:
    """Reads one gamepad; with no path, the first there is."""

    def __init__(self, path: str = "", *, clock: Clock | None = None, retry: float = 0.5) -> None:
        self._path = path
        self._clock = clock or SystemClock()
        self._port = Port(lambda: path or next(iter(gamepads()), None), retry=retry)
        self._release()

    def open(self) -> None:
        """Connect. Raises DeviceError with the devices found, or how to get permission."""
        try:
            self._port.open()
        except DeviceError as error:
            found = ", ".join(gamepads()) or "none; plug one in, and check with `ls /dev/input/js*`"
            raise DeviceError(f"gamepad: {error} Gamepads found: {found}.") from None
        self._release()

    def poll(self) -> RawState:
        chunks = self._port.read()
        if chunks is None:
            self._release()
        else:
            self._feed(b"".join(chunks))
        return RawState(self._clock.now(), tuple(self._axes), tuple(self._buttons), chunks is not None)

    def close(self) -> None:
        self._port.close()

    def _release(self) -> None:
        self._axes, self._buttons, self._rest_of_event = list(REST), [0] * BUTTON_COUNT, b""

    def _feed(self, data: bytes) -> None:
        data = self._rest_of_event + data
        whole = len(data) - len(data) % EVENT.size
        self._rest_of_event = data[whole:]
        for _, value, kind, number in EVENT.iter_unpack(data[:whole]):
            if kind & ~INITIAL == BUTTON_EVENT:
                _put(self._buttons, number, int(value != 0), 0)
            elif kind & ~INITIAL == AXIS_EVENT:
                _put(self._axes, number, -unit(value, FULL_SCALE), 0.0)  # up and left positive, as in ROS


def _put(values: list, index: int, value: float, fill: float) -> None:  # type: ignore[type-arg]
    values.extend([fill] * (index + 1 - len(values)))
    values[index] = value
