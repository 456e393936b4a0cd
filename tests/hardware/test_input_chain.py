"""From a device's bytes to an action of a committed robot: driver, profile and teleop together."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from robot_rl.hardware import config
from robot_rl.hardware.devices.profile import DeviceProfile
from robot_rl.hardware.devices.registry import make_device
from robot_rl.hardware.devices.simulated import SimulatedGamepad, SimulatedSpaceMouse
from robot_rl.hardware.human import HumanInput
from robot_rl.hardware.teleop import Teleop


class Chain:
    """A device file, its reader and profile, and the teleoperation of sim_lift."""

    def __init__(self, name: str, path: str) -> None:
        lift = config.load("sim_lift")
        self.labels = lift.spec.action.labels
        self.reader, self.profile = make_device(name, path), DeviceProfile.load(name)
        self.teleop = Teleop(lift.spec, lift.teleop)
        self.reader.open()

    def __call__(self) -> HumanInput:
        state = self.reader.poll()
        return self.teleop.interpret(self.profile.interpret(state.stamp, state.axes, state.buttons))

    def asked(self) -> dict[str, float]:
        return {label: round(float(v), 3) for label, v in zip(self.labels, self().action) if v}


def test_a_gamepad_drives_the_arm_and_unplugging_it_gives_control_back(tmp_path: Path) -> None:
    twin = SimulatedGamepad(tmp_path / "js0")
    chain = Chain("gamepad", twin.path)
    twin.axis(1, 1.0)  # left stick up
    assert not chain().engaged and chain.asked() == {}
    twin.button(5, True)  # RB
    assert chain.asked() == {"twist.vx": 0.25}
    twin.axis(1, 0.55)  # ((0.55 - 0.1) / 0.9) ** 1.5 = 0.354
    twin.axis(3, -1.0)  # right stick right
    twin.button(0, True)  # A
    assert chain.asked() == {"twist.vx": 0.088, "twist.wz": -1.0, "gripper": 1.0}
    twin.unplug()
    lost = chain()
    assert not lost.engaged and lost.pressed == frozenset()
    np.testing.assert_array_equal(lost.action[:6], np.zeros(6))


def test_a_spacemouse_drives_the_arm_and_its_chords_work_the_gripper(tmp_path: Path) -> None:
    twin = SimulatedSpaceMouse(tmp_path / "hidraw0", combined=True)
    chain = Chain("spacemouse", twin.path)
    twin.buttons(True, False)
    twin.move((0, 0, -1, 0, 0, 0))
    assert chain.asked() == {"twist.vz": -0.25}
    twin.move((0, 0, 0, 0, 0, 0))
    gripper = []
    for right in (True, False, True, False):
        twin.buttons(True, right)
        gripper.append(chain.asked().get("gripper", 0.0))
    assert gripper == [1.0, 1.0, 0.0, 0.0]
    twin.buttons(False, True)
    human = chain()
    assert human.rewind and not human.engaged
