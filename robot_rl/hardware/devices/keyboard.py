"""A terminal's keyboard as an input device; works over ssh.

A terminal says when a key is pressed and repeats the last one while it is held; it never says that a key was let
go. So a key counts as held until `hold` seconds pass without a repeat, and since only the last key repeats, a
deadman key cannot be held beside another one. The clutch is emulated instead: Space takes control and gives it
back, once however long it is held down; control is also lost once no key came for `clutch_timeout` seconds. A
gamepad or SpaceMouse has a true deadman: prefer those near a real robot.

Raw layout: the axes and the buttons of robot_rl.hardware.human, in their order.
"""

from __future__ import annotations

import atexit
import os
import re
import sys
import termios
import tty
from collections.abc import Callable

from robot_rl.hardware.clock import Clock, SystemClock
from robot_rl.hardware.devices.port import Port
from robot_rl.hardware.devices.raw import DeviceError, RawState
from robot_rl.hardware.human import AXES, BUTTONS

GENTLE = 0.4
"""Axis value of a lower-case letter; with Shift it is 1."""

REPEATS = 0.7
"""A Space so soon [s] after another is the same one, held down: longer than a terminal waits before it repeats."""

_AXIS_KEYS: dict[str, tuple[str, float]] = {
    "w": ("x", 1), "s": ("x", -1), "a": ("y", 1), "d": ("y", -1), "r": ("z", 1), "f": ("z", -1),
    "l": ("roll", 1), "j": ("roll", -1), "i": ("pitch", 1), "k": ("pitch", -1), "q": ("yaw", 1), "e": ("yaw", -1),
}  # fmt: skip
_BUTTON_KEYS = {
    "c": "close", "o": "open", "b": "rewind", "1": "success", "0": "failure", "\x7f": "discard", "\b": "discard",
    "\n": "start", "\r": "start", "\x1b": "estop", "u": "undo",
}  # fmt: skip
_CLUTCH_KEY = " "
_ESCAPE_SEQUENCE = re.compile(r"\x1b[\[O][0-9;]*[A-Za-z~]")
"""Arrow and function keys, which begin with the same byte as Esc."""

KEY_MAP = """\
  Space  take control, give it back         Esc  emergency stop
  w s  forward, back    i k  pitch          c o  close, open the gripper
  a d  left, right      l j  roll           b    rewind (hold)
  r f  up, down         q e  yaw            Enter  start    1  success    0  failure    Backspace  discard
  u    take the last success or failure back
  Shift with a letter: full speed
"""


class Keyboard:
    """Reads the keys typed into a terminal; the controlling one unless a path is given."""

    def __init__(
        self,
        path: str = "/dev/tty",
        *,
        clock: Clock | None = None,
        hold: float = 0.15,
        clutch_timeout: float = 2.0,
        show: Callable[[str], object] = sys.stderr.write,
    ) -> None:
        """
        Args:
            hold: how long a key counts as held after it last came [s]; longer than the repeat interval.
            clutch_timeout: how long control stays taken after the last key [s].
            show: where the key map is written when the device opens.
        """
        self._path = path or "/dev/tty"
        self._clock = clock or SystemClock()
        self._hold_ns, self._clutch_ns = round(hold * 1e9), round(clutch_timeout * 1e9)
        self._show = show
        self._port = Port(lambda: self._path, retry=float("inf"))
        self._saved: list | None = None  # type: ignore[type-arg]
        self._release()

    def open(self) -> None:
        """Put the terminal into character mode and show the key map.

        Raises:
            DeviceError: there is no terminal, or this process does not have its foreground.
        """
        remedy = "Run the keyboard in a terminal of its own."
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            raise DeviceError(f"keyboard: no terminal at {self._path} ({error.strerror}). {remedy}") from None
        try:
            if not _in_foreground(fd):
                raise DeviceError(f"keyboard: {self._path} belongs to another program's foreground. {remedy}")
            self._saved = termios.tcgetattr(fd)
            tty.setcbreak(fd, termios.TCSANOW)
        except termios.error:
            raise DeviceError(f"keyboard: {self._path} is not a terminal. {remedy}") from None
        finally:
            os.close(fd)
        atexit.register(self.close)
        self._port.open()
        self._release()
        self._show(KEY_MAP)

    def poll(self) -> RawState:
        now = self._clock.now()
        chunks = self._port.read()
        if chunks is None:
            self._release()
        else:
            self._feed(b"".join(chunks).decode("ascii", "ignore"), now)
        return RawState(now, self._axes(now), self._buttons(now), chunks is not None)

    def close(self) -> None:
        """Give the terminal back as it was; also done when the program ends without it."""
        atexit.unregister(self.close)
        self._port.close()
        if self._saved is None:
            return
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError:
            return  # the terminal itself is gone
        try:
            termios.tcsetattr(fd, termios.TCSANOW, self._saved)
        finally:
            os.close(fd)
            self._saved = None

    def _release(self) -> None:
        self._pressed: dict[str, int] = {}
        self._last_key = 0
        self._last_space: int | None = None
        self._clutch = False

    def _feed(self, text: str, now: int) -> None:
        if self._clutch and now - self._last_key > self._clutch_ns:
            self._clutch = False
        for key in _ESCAPE_SEQUENCE.sub("", text):
            if key == _CLUTCH_KEY:
                if self._last_space is None or now - self._last_space > REPEATS * 1e9:
                    self._clutch = not self._clutch
                self._last_space = now
            self._pressed[key] = now
            self._last_key = now
        self._pressed = {k: t for k, t in self._pressed.items() if now - t <= self._hold_ns}

    def _axes(self, now: int) -> tuple[float, ...]:
        values = dict.fromkeys(AXES, 0.0)
        for key in self._pressed:
            if key.lower() in _AXIS_KEYS:
                axis, sign = _AXIS_KEYS[key.lower()]
                values[axis] += sign * (1.0 if key.isupper() else GENTLE)
        return tuple(max(-1.0, min(1.0, v)) for v in values.values())

    def _buttons(self, now: int) -> tuple[int, ...]:
        held = {_BUTTON_KEYS[k] for k in self._pressed if k in _BUTTON_KEYS}
        if self._clutch:
            held.add("clutch")
        return tuple(int(b in held) for b in BUTTONS)


def _in_foreground(fd: int) -> bool:
    """Whether reading `fd` would not stop this process; a terminal that does not control us never does."""
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        return True
