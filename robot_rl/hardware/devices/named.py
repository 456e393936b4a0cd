"""An input device as a user names it, perhaps with its file."""

from __future__ import annotations

from robot_rl.hardware.devices.profile import devices


def device_and_file(name: str) -> tuple[str, str]:
    """`gamepad:/dev/input/js1` as the device and its file, which is empty where none is named. What is no device stays
    as it is, with no file."""
    kind, _, path = name.partition(":")
    return (kind, path) if path and kind in devices() else (name, "")
