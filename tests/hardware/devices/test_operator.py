"""A device as the operator of a loop: its input in the loop's time, and a silence when it is unplugged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from robot_rl.hardware.devices.operator import DeviceOperator
from robot_rl.hardware.devices.simulated import SimulatedGamepad
from robot_rl.hardware.human import DeviceInput
from robot_rl.hardware.robot import Reading


@pytest.fixture
def pad(tmp_path: Path) -> SimulatedGamepad:
    return SimulatedGamepad(tmp_path / "pad")


@pytest.fixture
def operator(pad: SimulatedGamepad) -> Iterator[DeviceOperator]:
    opened = DeviceOperator.open("gamepad", pad.path)
    yield opened
    opened.close()


def ask(operator: DeviceOperator, stamp: int) -> DeviceInput:
    return operator.input(Reading({"x": np.zeros(1)}, {"x": stamp}), policy_active=True)


def test_input_carries_the_stamp_of_the_reading_that_it_answers(
    pad: SimulatedGamepad, operator: DeviceOperator
) -> None:
    pad.button(5, True)
    pad.axis(1, 1.0)
    device = ask(operator, 700)
    assert device.stamp == 700 and device.buttons == {"clutch"} and device.axes[0] == pytest.approx(1.0)
    pad.button(9, True)
    assert ask(operator, 800).buttons == {"clutch", "undo"}


def test_an_unplugged_device_lets_go_once_and_then_grows_stale(pad: SimulatedGamepad, operator: DeviceOperator) -> None:
    pad.button(5, True)
    assert ask(operator, 100).buttons == {"clutch"}
    pad.unplug()
    assert (ask(operator, 200).stamp, ask(operator, 200).buttons) == (200, frozenset())
    assert ask(operator, 300).stamp == 200, "silence gives nothing back to a policy"
