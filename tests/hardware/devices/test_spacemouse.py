"""The SpaceMouse reader, fed HID reports."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from robot_rl.hardware.clock import ManualClock
from robot_rl.hardware.devices.raw import DeviceError
from robot_rl.hardware.devices.simulated import SimulatedSpaceMouse
from robot_rl.hardware.devices.spacemouse import SpaceMouse, spacemice


def opened(path: str) -> SpaceMouse:
    mouse = SpaceMouse(path, retry=0.0)
    mouse.open()
    return mouse


@pytest.fixture
def twin(tmp_path: Path) -> SimulatedSpaceMouse:
    return SimulatedSpaceMouse(tmp_path / "hidraw0")


def test_a_translation_report_is_turned_into_forward_left_up(twin: SimulatedSpaceMouse) -> None:
    mouse = opened(twin.path)
    twin.write(b"\x01" + struct.pack("<3h", 350, -175, 70))  # right, away from the user, pressed down
    assert mouse.poll().axes == (0.5, -1.0, -0.2, 0.0, 0.0, 0.0)


def test_a_rotation_report_is_turned_about_forward_left_up(twin: SimulatedSpaceMouse) -> None:
    mouse = opened(twin.path)
    twin.write(b"\x02" + struct.pack("<3h", 70, 140, -350))
    assert mouse.poll().axes == (0.0, 0.0, 0.0, -0.4, -0.2, 1.0)


def test_newer_models_send_all_six_axes_in_one_report(twin: SimulatedSpaceMouse) -> None:
    mouse = opened(twin.path)
    twin.write(b"\x01" + struct.pack("<6h", 0, -350, 0, 0, 0, 35))
    assert mouse.poll().axes == (1.0, 0.0, 0.0, 0.0, 0.0, -0.1)


def test_button_bits_are_left_and_right(twin: SimulatedSpaceMouse) -> None:
    mouse = opened(twin.path)
    twin.write(b"\x03\x01\x00")
    assert mouse.poll().buttons == (1, 0)
    twin.write(b"\x03\x03\x00")
    assert mouse.poll().buttons == (1, 1)
    twin.write(b"\x03\x00\x00")
    assert mouse.poll().buttons == (0, 0)


@pytest.mark.parametrize("combined", [False, True])
def test_the_twin_moves_what_it_is_told_to(tmp_path: Path, combined: bool) -> None:
    twin = SimulatedSpaceMouse(tmp_path / "hidraw1", combined=combined)
    mouse = opened(twin.path)
    twin.move((0.1, -0.2, 0.3, -0.4, 0.5, -0.6))
    assert mouse.poll().axes == pytest.approx((0.1, -0.2, 0.3, -0.4, 0.5, -0.6))


def test_short_and_unknown_reports_change_nothing(twin: SimulatedSpaceMouse) -> None:
    mouse = opened(twin.path)
    twin.write(b"\x01" + struct.pack("<3h", 0, -350, 0))
    for report in (b"\x01\x00", b"\x03", b"\x17\x64\x00"):
        twin.write(report)
    assert mouse.poll().axes[0] == 1.0


def test_unplugged_it_reads_as_released_at_once_and_works_again_when_back(twin: SimulatedSpaceMouse) -> None:
    mouse = opened(twin.path)
    twin.move((1, 1, 1, 1, 1, 1))
    twin.buttons(True, True)
    assert mouse.poll().buttons == (1, 1)
    twin.unplug()
    lost = mouse.poll()
    assert (lost.axes, lost.buttons, lost.connected) == ((0.0,) * 6, (0, 0), False)
    twin.plug_in()
    twin.buttons(True, False)
    assert mouse.poll().buttons == (1, 0)


def test_a_cap_held_aside_that_falls_silent_is_lost_until_it_is_heard_again(twin: SimulatedSpaceMouse) -> None:
    clock = ManualClock()
    mouse = SpaceMouse(twin.path, clock=clock, retry=0.0)
    mouse.open()
    twin.buttons(True, False)
    for k in range(100):  # as long as it streams it is heard
        twin.move((1, 0, 0, 0, 0, 0))
        clock.sleep_until(k * 16_000_000)
        assert mouse.poll().connected
    last = clock.now()
    clock.sleep_until(last + 250_000_000)
    held = mouse.poll()
    assert (held.axes[0], held.buttons, held.connected) == (1.0, (1, 0), True)
    clock.sleep_until(last + 251_000_000)
    for _ in range(2):
        lost = mouse.poll()
        assert (lost.axes, lost.buttons, lost.connected) == ((0.0,) * 6, (0, 0), False)
    twin.write(b"\x17\x64\x00")  # the battery's state says nothing of the cap
    assert not mouse.poll().connected
    twin.move((0, 0, 0, 0, 0, 0))
    assert mouse.poll().connected


def test_a_cap_at_rest_may_be_silent_for_ever(twin: SimulatedSpaceMouse) -> None:
    clock = ManualClock()
    mouse = SpaceMouse(twin.path, clock=clock, retry=0.0)
    mouse.open()
    twin.move((1, 0, 0, 0, 0, 0))
    twin.move((0, 0, 0, 0, 0, 0))
    twin.buttons(True, False)
    mouse.poll()
    clock.sleep_until(10**12)
    state = mouse.poll()
    assert state.connected and state.buttons == (1, 0)


def sysfs(root: Path, name: str, hid_id: str) -> None:
    (root / name / "device").mkdir(parents=True)
    (root / name / "device" / "uevent").write_text(f"DRIVER=hid-generic\nHID_ID={hid_id}\nHID_NAME=something\n")


def test_a_spacemouse_is_found_by_vendor_and_an_ordinary_logitech_mouse_is_not(tmp_path: Path) -> None:
    sysfs(tmp_path, "hidraw0", "0003:0000046D:0000C077")  # Logitech optical mouse
    sysfs(tmp_path, "hidraw1", "0003:0000256F:0000C635")  # SpaceMouse Compact
    sysfs(tmp_path, "hidraw2", "0003:0000046D:0000C626")  # SpaceNavigator
    sysfs(tmp_path, "hidraw10", "0003:0000256F:0000C62E")
    (tmp_path / "hidraw3").mkdir()
    assert spacemice(tmp_path, Path("/dev")) == ["/dev/hidraw1", "/dev/hidraw2", "/dev/hidraw10"]


def test_a_path_without_a_device_is_refused_with_the_path(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"SpaceMouse: .*hidraw9 cannot be opened"):
        SpaceMouse(str(tmp_path / "hidraw9")).open()
