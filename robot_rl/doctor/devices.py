"""Which cameras and input devices are plugged in, and may this user read them?"""

from __future__ import annotations

import glob
import importlib
import importlib.util
import os
from pathlib import Path

from robot_rl.doctor.check import Finding

SPACEMOUSE_VENDORS = ("0000256F", "0000046D")
"""USB vendors of 3Dconnexion devices, as in the HID_ID of sysfs."""


def check_cameras() -> list[Finding]:
    """Video devices and RealSense cameras."""
    found = sorted(glob.glob("/dev/video*"))
    out = [_readable("cameras", found, "video", "none found: plug one in, or use a simulated robot")]
    if importlib.util.find_spec("pyrealsense2") is not None:
        out.append(_realsense())
    return out


def _realsense() -> Finding:
    name = "RealSense"
    try:
        sdk = importlib.import_module("pyrealsense2")
        devices = [d.get_info(sdk.camera_info.serial_number) for d in sdk.context().query_devices()]
    except ImportError as error:
        return Finding(name, "warn", f"the SDK does not load: {error}", "sudo apt install libusb-1.0-0")
    except RuntimeError as error:
        return Finding(name, "warn", f"the SDK cannot list devices: {error}", "check the USB cable and udev rules")
    if not devices:
        return Finding(name, "pass", "SDK loads; no camera plugged in")
    return Finding(name, "pass", f"{len(devices)} found: {', '.join(devices)}")


def check_inputs(root: Path = Path("/")) -> list[Finding]:
    """Gamepads (joystick interface) and SpaceMice (hidraw)."""
    pads = sorted(str(p) for p in root.glob("dev/input/js*"))
    mice = [str(root / "dev" / p.name) for p in sorted(root.glob("sys/class/hidraw/hidraw*")) if _is_spacemouse(p)]
    return [
        _readable("gamepads", pads, "input", "none found: plug one in, or use `device:=keyboard`"),
        _readable("SpaceMice", mice, "plugdev", "none found: plug one in, or use `device:=keyboard`"),
    ]


def _is_spacemouse(entry: Path) -> bool:
    """Whether a hidraw entry of sysfs belongs to a 3Dconnexion device."""
    try:
        text = (entry / "device" / "uevent").read_text()
    except OSError:
        return False
    identity = next((line for line in text.splitlines() if line.startswith("HID_ID=")), "")
    return any(vendor in identity.upper() for vendor in SPACEMOUSE_VENDORS)


def _readable(name: str, paths: list[str], group: str, none: str) -> Finding:
    """Pass when every device may be read, and when there is none."""
    if not paths:
        return Finding(name, "pass", none)
    shut = [p for p in paths if not os.access(p, os.R_OK)]
    if shut:
        remedy = f"sudo usermod -aG {group} $USER, then log in again; or a udev rule"
        return Finding(name, "warn", f"found {', '.join(paths)}, not readable: {', '.join(shut)}", remedy)
    return Finding(name, "pass", f"found {', '.join(paths)}")
