"""The gamepad reader, fed the joystick interface's own bytes."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from robot_rl.hardware.clock import ManualClock
from robot_rl.hardware.devices.gamepad import REST, Gamepad, gamepads
from robot_rl.hardware.devices.raw import DeviceError
from robot_rl.hardware.devices.simulated import SimulatedGamepad

RELEASED = (0,) * 11


@pytest.fixture
def twin(tmp_path: Path) -> SimulatedGamepad:
    return SimulatedGamepad(tmp_path / "js0")


def opened(path: str) -> Gamepad:
    pad = Gamepad(path, clock=ManualClock(7), retry=0.0)
    pad.open()
    return pad


def test_untouched_it_reads_as_released_with_triggers_at_plus_one(twin: SimulatedGamepad) -> None:
    state = opened(twin.path).poll()
    assert (state.stamp, state.axes, state.buttons, state.connected) == (7, REST, RELEASED, True)


def test_events_of_the_kernel_become_the_layout_of_ros_joy(twin: SimulatedGamepad) -> None:
    pad = opened(twin.path)
    pad.poll()
    twin.write(struct.pack("<IhBB", 1000, -32767, 0x02, 1))  # left stick fully up
    twin.write(struct.pack("<IhBB", 1001, 16384, 0x02, 0))  # left stick half right
    twin.write(struct.pack("<IhBB", 1002, 1, 0x01, 5))  # RB
    twin.write(struct.pack("<IhBB", 1003, 32767, 0x02, 2))  # left trigger pressed
    state = pad.poll()
    assert state.axes[:3] == (-16384 / 32767, 1.0, -1.0)
    assert state.buttons == (0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0)


def test_the_most_negative_event_value_does_not_pass_one(twin: SimulatedGamepad) -> None:
    pad = opened(twin.path)
    twin.write(struct.pack("<IhBB", 0, -32768, 0x02, 0))
    assert pad.poll().axes[0] == 1.0


def test_an_event_cut_in_two_is_put_together(twin: SimulatedGamepad) -> None:
    pad = opened(twin.path)
    event = struct.pack("<IhBB", 0, 1, 0x01, 0)
    twin.write(event[:5])
    assert pad.poll().buttons[0] == 0
    twin.write(event[5:])
    assert pad.poll().buttons[0] == 1


def test_a_pad_with_more_buttons_reports_them_all(twin: SimulatedGamepad) -> None:
    pad = opened(twin.path)
    twin.button(14, True)
    assert pad.poll().buttons == (*RELEASED, 0, 0, 0, 1)


def test_unplugged_it_reads_as_released_at_once_and_works_again_when_back(twin: SimulatedGamepad) -> None:
    pad = opened(twin.path)
    twin.button(5, True)
    twin.axis(1, 1.0)
    assert pad.poll().buttons[5] == 1
    twin.axis(1, 0.5)
    twin.unplug()
    lost = pad.poll()
    assert (lost.axes, lost.buttons, lost.connected) == (REST, RELEASED, False)
    assert not pad.poll().connected
    twin.plug_in()
    back = pad.poll()
    assert (back.axes, back.buttons, back.connected) == (REST, RELEASED, True)
    twin.button(0, True)
    assert pad.poll().buttons[0] == 1


def test_a_path_without_a_device_is_refused_with_the_path(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"gamepad: .*js7 cannot be opened: No such file.*Gamepads found:"):
        Gamepad(str(tmp_path / "js7")).open()


def test_gamepads_are_listed_by_number(tmp_path: Path) -> None:
    for name in ("js10", "js2", "event3", "js0"):
        (tmp_path / name).touch()
    assert [Path(p).name for p in gamepads(tmp_path)] == ["js0", "js2", "js10"]
