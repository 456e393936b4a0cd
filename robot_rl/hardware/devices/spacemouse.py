"""A 3Dconnexion SpaceMouse through the kernel's raw HID interface, `/dev/hidrawN`; no daemon, no library.

Reports, little endian: 1 = translation x y z as int16, on newer devices followed by the rotation; 2 = rotation;
3 = buttons, one bit each. The device's own frame is x right, y towards the user, z down, full scale about 350.

Raw layout, the same as the ROS 2 node `spacenav` publishes (with its parameter full_scale:=350.0):

    axes     0 forward  1 left  2 up  3 roll about forward  4 pitch about left  5 yaw about up
    buttons  0 left  1 right

A cap that is held aside sends its place over and over, every 8 ms from one with a cable and every 16 ms by radio, and
zeros when it is let go. When that stops although it was last seen aside, the radio link or the battery is gone, while
the receiver stays plugged in. Both rates are others' recordings of the wire; neither this nor the watch below has been
checked on a device here.
"""

from __future__ import annotations

import logging
import struct
from pathlib import Path

from robot_rl.hardware.clock import Clock, SystemClock
from robot_rl.hardware.devices.port import Port
from robot_rl.hardware.devices.raw import DeviceError, RawState, unit

log = logging.getLogger(__name__)

TRANSLATION, ROTATION, BUTTONS = 1, 2, 3
FULL_SCALE = 350.0
BUTTON_COUNT = 2
SILENCE = 0.25
"""A cap that is held aside and sends nothing for so long [s] is lost."""
VENDOR = 0x256F
"""3Dconnexion."""
LOGITECH = 0x046D
"""Sold the earlier models; it makes ordinary mice too, so these are told apart by product."""
LOGITECH_PRODUCTS = frozenset(
    {0xC603, 0xC605, 0xC606, 0xC621, 0xC623, 0xC625, 0xC626, 0xC627, 0xC628, 0xC629, 0xC62B, 0xC640}
)


def spacemice(sysfs: Path = Path("/sys/class/hidraw"), dev: Path = Path("/dev")) -> list[str]:
    """The hidraw devices of this machine that are a SpaceMouse, by the vendor and product in sysfs."""
    found = []
    for entry in sorted(sysfs.glob("hidraw*"), key=lambda p: (len(p.name), p.name)):
        try:
            uevent = (entry / "device" / "uevent").read_text()
        except OSError:
            continue
        ids = dict(line.split("=", 1) for line in uevent.splitlines() if "=" in line).get("HID_ID", "")
        if _is_spacemouse(ids):
            found.append(str(dev / entry.name))
    return found


def _is_spacemouse(hid_id: str) -> bool:
    """Whether a HID_ID such as `0003:0000256F:0000C635` (bus:vendor:product) is a SpaceMouse's."""
    parts = hid_id.split(":")
    if len(parts) != 3:
        return False
    vendor, product = int(parts[1], 16), int(parts[2], 16)
    return vendor == VENDOR or (vendor == LOGITECH and product in LOGITECH_PRODUCTS)


class SpaceMouse:
    """Reads one SpaceMouse; with no path, the first there is."""

    def __init__(self, path: str = "", *, clock: Clock | None = None, retry: float = 0.5) -> None:
        self._clock = clock or SystemClock()
        self._port = Port(lambda: path or next(iter(spacemice()), None), retry=retry)
        self._release()

    def open(self) -> None:
        """Connect. Raises DeviceError with the devices found, or how to get permission."""
        try:
            self._port.open()
        except DeviceError as error:
            found = ", ".join(spacemice()) or "none; plug one in, and check with `lsusb`"
            raise DeviceError(f"SpaceMouse: {error} SpaceMouse devices found: {found}.") from None
        self._release()

    def poll(self) -> RawState:
        reports = self._port.read()
        now = self._clock.now()
        if reports is None:
            self._release()
        for report in reports or ():
            self._feed(report, now)
        self._watch(now)
        tx, ty, tz = (unit(v, FULL_SCALE) for v in self._translation)
        rx, ry, rz = (unit(v, FULL_SCALE) for v in self._rotation)
        axes = (-ty, -tx, -tz, -ry, -rx, -rz)  # right, towards the user, down -> forward, left, up
        return RawState(now, axes, self._buttons, reports is not None and not self._silent)

    def close(self) -> None:
        self._port.close()

    def _release(self) -> None:
        self._translation = self._rotation = (0, 0, 0)
        self._buttons = (0,) * BUTTON_COUNT
        self._moved, self._silent = 0, False

    def _watch(self, now: int) -> None:
        """Let go of everything when a cap that is held aside falls silent, until the device sends something again."""
        if any(self._translation + self._rotation) and now - self._moved > SILENCE * 1e9:
            log.warning("SpaceMouse: silent while its cap is held aside; is it out of reach, or its battery empty?")
            self._release()
            self._silent = True

    def _feed(self, report: bytes, now: int) -> None:
        kind, body = report[0], report[1:]
        if kind in (TRANSLATION, ROTATION, BUTTONS):
            self._silent = False
        if kind in (TRANSLATION, ROTATION):
            self._moved = now
        if kind == TRANSLATION and len(body) >= 6:
            self._translation = struct.unpack_from("<3h", body)
            if len(body) >= 12:
                self._rotation = struct.unpack_from("<3h", body, 6)
        elif kind == ROTATION and len(body) >= 6:
            self._rotation = struct.unpack_from("<3h", body)
        elif kind == BUTTONS and body:
            self._buttons = tuple(body[0] >> i & 1 for i in range(BUTTON_COUNT))
        else:
            log.debug("SpaceMouse: report %d with %d bytes is not used", kind, len(body))
