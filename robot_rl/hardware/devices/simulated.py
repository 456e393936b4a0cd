"""Simulated twins of the input devices: they write the very bytes the kernel would, into a FIFO or pseudo-terminal.

A reader opened on `twin.path` cannot tell the difference, so tests and demonstrations exercise the real drivers.
"""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
from collections.abc import Sequence
from pathlib import Path

from robot_rl.hardware.devices import gamepad, spacemouse


class _Fifo:
    """The device's side of a FIFO."""

    packets = False
    """A read returns what one write wrote, never more: a hidraw device gives one report a read."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._fd: int | None = None
        if not path.exists():
            os.mkfifo(path)
        self.plug_in()

    def plug_in(self) -> None:
        if self._fd is None:
            self._fd = os.open(self.path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            if self.packets:
                fcntl.fcntl(self._fd, fcntl.F_SETFL, fcntl.fcntl(self._fd, fcntl.F_GETFL) | os.O_DIRECT)

    def unplug(self) -> None:
        """Vanish: a reader finds the end of the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def write(self, data: bytes) -> None:
        if self._fd is None:
            raise ConnectionError(f"the simulated device at {self.path} is unplugged; call plug_in() first")
        os.write(self._fd, data)


class SimulatedGamepad(_Fifo):
    """An Xbox pad behind the joystick interface."""

    def plug_in(self) -> None:
        super().plug_in()
        for number, rest in enumerate(gamepad.REST):
            self._event(gamepad.AXIS_EVENT | gamepad.INITIAL, number, round(-rest * gamepad.FULL_SCALE))
        for number in range(gamepad.BUTTON_COUNT):
            self._event(gamepad.BUTTON_EVENT | gamepad.INITIAL, number, 0)

    def axis(self, number: int, value: float) -> None:
        """Move one axis to `value` in [-1, 1], in the raw layout (up and left positive)."""
        self._event(gamepad.AXIS_EVENT, number, round(-value * gamepad.FULL_SCALE))

    def button(self, number: int, held: bool) -> None:
        self._event(gamepad.BUTTON_EVENT, number, int(held))

    def _event(self, kind: int, number: int, value: int) -> None:
        self.write(gamepad.EVENT.pack(0, value, kind, number))


class SimulatedSpaceMouse(_Fifo):
    """A SpaceMouse behind hidraw; `combined` is the newer models' way of sending all six axes in one report."""

    packets = True

    def __init__(self, path: Path, *, combined: bool = False) -> None:
        self._combined = combined
        super().__init__(path)

    def move(self, axes: Sequence[float]) -> None:
        """Push the cap: (6,) in the raw layout, forward left up roll pitch yaw, each in [-1, 1]."""
        forward, left, up, roll, pitch, yaw = (round(a * spacemouse.FULL_SCALE) for a in axes)
        translation = struct.pack("<3h", -left, -forward, -up)
        rotation = struct.pack("<3h", -pitch, -roll, -yaw)
        if self._combined:
            self.write(bytes([spacemouse.TRANSLATION]) + translation + rotation)
        else:
            self.write(bytes([spacemouse.TRANSLATION]) + translation)
            self.write(bytes([spacemouse.ROTATION]) + rotation)

    def buttons(self, left: bool, right: bool) -> None:
        self.write(bytes([spacemouse.BUTTONS, int(left) | int(right) << 1, 0]))


class SimulatedKeyboard:
    """A terminal that somebody types into."""

    def __init__(self) -> None:
        self._master, self._slave = pty.openpty()
        self.path = os.ttyname(self._slave)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode("ascii"))

    def line_mode(self) -> bool:
        """Whether the terminal collects whole lines, as it does for a shell."""
        return bool(termios.tcgetattr(self._slave)[3] & termios.ICANON)

    def unplug(self) -> None:
        """Close the terminal, as when an ssh session ends."""
        os.close(self._slave)
        os.close(self._master)
