"""Which video devices are plugged in, and why one cannot be opened."""

from __future__ import annotations

import os
from pathlib import Path

from robot_rl.hardware.permissions import permission_remedy


def video_devices(sysfs: Path = Path("/sys/class/video4linux"), dev: Path = Path("/dev")) -> dict[str, str]:
    """Path to name of the video devices of this machine, by number."""
    found = {}
    for entry in sorted(sysfs.glob("video*"), key=lambda p: (len(p.name), p.name)):
        try:
            name = (entry / "name").read_text().strip()
        except OSError:
            name = "unnamed"
        found[str(dev / entry.name)] = name
    return found


def explain_video(path: str) -> str:
    """Why the video device at `path` does not open, and what to do."""
    if not os.path.exists(path):
        found = ", ".join(f"{p} ({n})" for p, n in video_devices().items())
        return f"{path} does not exist. Video devices found: {found or 'none; plug one in, and check with `lsusb`'}."
    if not os.access(path, os.R_OK | os.W_OK):
        return f"{path} may not be used.{permission_remedy(path)}"
    return f"{path} does not stream: another program may hold it (`fuser {path}`), or it is not a capture device."
