"""A device that comes back with the deadman held moves nothing before it has been let go."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from robot_rl.hardware.clock import ManualClock
from robot_rl.hardware.devices.gamepad import Gamepad
from robot_rl.hardware.devices.operator import DeviceOperator
from robot_rl.hardware.devices.profile import DeviceProfile
from robot_rl.hardware.devices.raw import RawState
from robot_rl.hardware.devices.registry import make_device
from robot_rl.hardware.devices.returning import ReturningDevice
from robot_rl.hardware.devices.simulated import SimulatedGamepad
from robot_rl.hardware.human import DeviceInput
from robot_rl.hardware.robot import Reading

CLUTCH, REWIND, ESTOP = 5, 4, 8
MS = 1_000_000


class Cable:
    """A gamepad of which the cable comes loose; the kernel tells what is held when it is opened again."""

    def __init__(self, path: Path) -> None:
        self.twin, self.clock = SimulatedGamepad(path), ManualClock()
        profile = DeviceProfile.load("gamepad")
        device = ReturningDevice(Gamepad(self.twin.path, clock=self.clock, retry=0.0), profile)
        device.open()
        self.device, self.operator = device, DeviceOperator(device, DeviceProfile.load("gamepad"))

    def hold(self, *buttons: int) -> None:
        for button in (CLUTCH, REWIND, ESTOP):
            self.twin.button(button, button in buttons)

    def loose(self, *held: int) -> None:
        """Out and in again, with these buttons held throughout and the stick pushed."""
        self.twin.unplug()
        self.ask()
        self.twin.plug_in()
        self.hold(*held)
        self.twin.axis(1, 1.0)

    def poll(self, ms: int = 10) -> RawState:
        self.clock.sleep_until(self.clock.now() + ms * MS)
        return self.device.poll()

    def ask(self, ms: int = 10) -> DeviceInput:
        self.clock.sleep_until(self.clock.now() + ms * MS)
        return self.operator.input(Reading({"x": np.zeros(1)}, {"x": self.clock.now()}), policy_active=True)


@pytest.fixture
def cable(tmp_path: Path) -> Cable:
    return Cable(tmp_path / "js0")


@pytest.mark.parametrize("held", [(CLUTCH,), (REWIND,), (CLUTCH, REWIND)])
def test_what_is_held_when_it_comes_back_is_silence_until_it_is_let_go(cable: Cable, held: tuple[int, ...]) -> None:
    cable.hold(*held)
    assert cable.ask().buttons
    cable.loose(*held)
    lost = cable.ask()
    for _ in range(300):
        now = cable.ask()
        assert now.stamp == lost.stamp and now.buttons == frozenset() and not now.axes.any()
    cable.hold()
    while not (now := cable.ask()).stamp > lost.stamp:
        assert cable.clock.now() - lost.stamp < 5e9
    assert now.buttons == frozenset()
    cable.hold(CLUTCH)
    assert cable.ask().buttons == {"clutch"}


def test_a_pad_that_tells_what_is_held_in_its_first_report_only_is_not_believed_either(cable: Cable) -> None:
    cable.hold(CLUTCH)
    cable.loose()
    assert not cable.poll(10).connected
    cable.hold(CLUTCH)
    assert not any(cable.poll(10).connected for _ in range(300))


def test_one_that_comes_back_untouched_counts_after_half_a_second(cable: Cable) -> None:
    cable.loose()
    assert not cable.poll().connected
    assert not cable.poll(490).connected
    assert cable.poll(10).connected


def test_the_emergency_stop_counts_at_once_and_lets_nothing_else_through(cable: Cable) -> None:
    cable.hold(CLUTCH)
    cable.loose(CLUTCH, ESTOP)
    assert "estop" in cable.ask().buttons
    cable.hold(CLUTCH)
    assert cable.ask().buttons == frozenset()
    assert not cable.poll().connected


def test_a_device_that_was_never_lost_is_believed_from_the_start(cable: Cable) -> None:
    cable.hold(CLUTCH)
    assert cable.ask().buttons == {"clutch"}


def test_every_device_that_is_made_comes_back_like_this(tmp_path: Path) -> None:
    twin = SimulatedGamepad(tmp_path / "js0")
    device = make_device("gamepad", twin.path)
    device.open()
    twin.unplug()
    assert not device.poll().connected
    twin.plug_in()
    twin.button(CLUTCH, True)
    until = time.monotonic() + 0.7  # it is opened again after 0.5 s
    while time.monotonic() < until:
        assert not device.poll().connected
        time.sleep(0.02)
    twin.button(CLUTCH, False)
    until = time.monotonic() + 5.0
    while not device.poll().connected:
        assert time.monotonic() < until
        time.sleep(0.02)
    device.close()
