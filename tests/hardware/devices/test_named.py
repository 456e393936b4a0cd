"""One way to name a device with its file, for every command."""

from __future__ import annotations

import pytest

from robot_rl.hardware.devices.named import device_and_file


@pytest.mark.parametrize(
    ("name", "parted"),
    [
        ("gamepad", ("gamepad", "")),
        ("gamepad:/dev/input/js1", ("gamepad", "/dev/input/js1")),
        ("gamepad:", ("gamepad:", "")),
        ("expert", ("expert", "")),
        ("no_device:/dev/input/js1", ("no_device:/dev/input/js1", "")),
    ],
)
def test_only_a_device_has_a_file(name: str, parted: tuple[str, str]) -> None:
    assert device_and_file(name) == parted
