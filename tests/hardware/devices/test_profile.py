"""Device profiles: raw axes and buttons to canonical ones and back."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.hardware.config import ConfigError
from robot_rl.hardware.devices.axes import AxisMap
from robot_rl.hardware.devices.profile import DeviceProfile, devices
from robot_rl.hardware.devices.raw import DeviceError
from robot_rl.hardware.devices.registry import make_device
from robot_rl.hardware.human import AXES, BUTTONS, DeviceInput

UNIT = st.floats(-1, 1)


def press(profile: DeviceProfile, *buttons: int, count: int = 2) -> set[str]:
    return set(profile.interpret(0, [0.0] * 8, [int(i in buttons) for i in range(count)]).buttons)


def test_all_three_devices_are_there() -> None:
    assert {"gamepad", "spacemouse", "keyboard"} <= set(devices())


@pytest.mark.parametrize("name", ["gamepad", "spacemouse", "keyboard"])
def test_every_profile_has_a_driver_and_rests_at_zero(name: str) -> None:
    make_device(name)
    profile = DeviceProfile.load(name)
    axes, buttons = profile.raw(DeviceInput(3, np.zeros(6), frozenset()))
    device = profile.interpret(3, axes, buttons)
    np.testing.assert_array_equal(device.axes, np.zeros(6))
    assert (device.stamp, device.buttons) == (3, frozenset())


def test_the_curve_has_the_hand_worked_values() -> None:
    axis = AxisMap("axis", (0,), sign=-1.0, deadband=0.2, exponent=2.0)
    raw = [0.0, 0.2, -0.2, 0.6, -0.6, 1.0, -3.0]
    expected = [0.0, 0.0, 0.0, -0.25, 0.25, -1.0, 1.0]  # ((0.6 - 0.2) / 0.8) ** 2 = 0.25
    assert [axis.read([r], []) for r in raw] == pytest.approx(expected)


def test_triggers_that_rest_at_plus_one_make_one_axis_of_two() -> None:
    axis = AxisMap("triggers", (1, 0))
    assert [axis.read(a, []) for a in ([1, 1], [1, -1], [-1, 1], [-1, -1], [1, 0])] == [0, 1, -1, 0, 0.5]


def test_two_buttons_make_one_axis() -> None:
    axis = AxisMap("buttons", (0, 1))
    assert [axis.read([], b) for b in ([0, 0], [1, 0], [0, 1], [1, 1])] == [0, 1, -1, 0]


@given(value=UNIT, source=st.sampled_from(["axis", "triggers"]), deadband=st.floats(0, 0.5), exponent=st.floats(1, 3))
def test_writing_an_axis_and_reading_it_gives_the_value_back(
    value: float, source: str, deadband: float, exponent: float
) -> None:
    axis = AxisMap(source, (0, 1), -1.0, deadband, exponent)  # type: ignore[arg-type]
    raw = [1.0, 1.0]
    axis.write(value, raw, [])
    assert axis.read(raw, []) == pytest.approx(value, abs=1e-9)
    assert all(-1 <= r <= 1 for r in raw)


@given(axes=st.tuples(*[UNIT] * 6), buttons=st.frozensets(st.sampled_from(BUTTONS)))
def test_a_gamepad_says_exactly_what_a_scripted_operator_means(axes: tuple, buttons: frozenset[str]) -> None:
    profile = DeviceProfile.load("gamepad")
    device = profile.interpret(5, *profile.raw(DeviceInput(5, np.array(axes), buttons)))
    np.testing.assert_allclose(device.axes, axes, atol=1e-9)
    assert device.buttons == buttons


def test_the_gamepad_sticks_point_where_the_documentation_says() -> None:
    profile = DeviceProfile.load("gamepad")
    up_left = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]  # both sticks and the d-pad fully left and up
    device = profile.interpret(0, up_left, [0] * 11)
    assert dict(zip(AXES, device.axes)) == {"x": 1, "y": 1, "z": 1, "roll": -1, "pitch": 1, "yaw": 1}


def test_the_gamepad_buttons_are_where_the_documentation_says() -> None:
    profile = DeviceProfile.load("gamepad")
    order = ["close", "open", "success", "failure", "rewind", "clutch", "discard", "start", "estop", "undo"]
    assert [press(profile, i, count=11) for i in range(11)] == [{b} for b in order] + [set()]


def test_the_spacemouse_reaches_clutch_gripper_and_rewind_with_two_buttons() -> None:
    profile = DeviceProfile.load("spacemouse")
    assert press(profile, 0) == {"clutch"}
    assert press(profile, 0, 1) == {"clutch", "close"}
    assert press(profile, 0, 1) == {"clutch", "close"}
    assert press(profile, 0) == {"clutch"}
    assert press(profile, 0, 1) == {"clutch", "open"}
    assert press(profile) == set()
    assert press(profile, 1) == {"rewind"}


def test_letting_go_of_the_clutch_first_does_not_start_a_rewind() -> None:
    profile = DeviceProfile.load("spacemouse")
    press(profile, 0, 1)
    assert press(profile, 1) == {"close"}
    assert press(profile) == set()


def test_reset_starts_the_gripper_toggle_again() -> None:
    profile = DeviceProfile.load("spacemouse")
    press(profile, 0, 1)
    profile.reset()
    assert press(profile, 0, 1) == {"clutch", "close"}


def test_a_scripted_operator_can_use_a_spacemouse() -> None:
    profile = DeviceProfile.load("spacemouse")
    wishes = ["clutch", "clutch close", "clutch close", "clutch", "clutch open", "", "rewind", "clutch", "clutch close"]
    for wish in wishes:
        wanted = frozenset(wish.split())
        device = profile.interpret(0, *profile.raw(DeviceInput(0, np.full(6, 0.3), wanted)))
        assert device.buttons == wanted
        np.testing.assert_allclose(device.axes, 0.3)


@pytest.mark.parametrize("buttons", ["success", "rewind clutch", "close"])
def test_what_a_device_cannot_express_is_refused(buttons: str) -> None:
    with pytest.raises(DeviceError, match="device 'spacemouse'"):
        DeviceProfile.load("spacemouse").raw(DeviceInput(0, np.zeros(6), frozenset(buttons.split())))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_raw_axis_that_is_not_finite_stays_visible(bad: float) -> None:
    device = DeviceProfile.load("gamepad").interpret(0, [0, bad, 1, 0, 0, 1, 0, 0], [0] * 11)
    assert math.isnan(device.axes[0]) and device.axes[1] == 0.0


def test_a_device_with_too_few_axes_is_refused_with_both_numbers() -> None:
    with pytest.raises(DeviceError, match="needs 8 axes and 11 buttons, the device has 6 and 11"):
        DeviceProfile.load("gamepad").interpret(0, [0.0] * 6, [0] * 11)


def test_an_unknown_device_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"no input device 'gamepda'. Did you mean 'gamepad'"):
        DeviceProfile.load("gamepda")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("driverr",), "gamepad", "unknown key 'driverr'"),
        (("axes", "x"), {"axis": 9}, "9 must be a whole number from 0 to 7"),
        (("axes", "x"), {"axis": 1, "buttons": [0, 1]}, "exactly one of"),
        (("axes", "x"), {"triggers": [2]}, "must be two raw indices"),
        (("axes", "x"), {"axis": 0}, "raw index 0 is already used by axes.x"),
        (("axes", "x"), {"axis": 1, "sign": 0.5}, "sign 0.5 must be 1 or -1"),
        (("axes", "x"), {"axis": 1, "deadband": 1.0}, "must be a number from 0 to 0.9"),
        (("axes", "surge"), {"axis": 1}, "unknown key 'surge'"),
        (("buttons", "clutch"), "RB", "'RB' must be a whole number from 0 to 10"),
        (("buttons", "grip"), 1, "unknown key 'grip'"),
        (("buttons", "clutch"), {"button": 1, "whit": 0}, "unknown key 'whit'"),
        (("raw", "rest"), {9: 0.0}, "must be a whole number from 0 to 7"),
        (("raw",), None, "a mapping was expected, got NoneType"),
    ],
)
def test_a_wrong_profile_is_refused_with_its_place(tmp_path: Path, path: tuple, value: object, message: str) -> None:
    data = yaml.safe_load((Path(__file__).parents[3] / "hardware/devices/gamepad/device.yaml").read_text())
    entry = data
    for key in path[:-1]:
        entry = entry[key]
    entry[path[-1]] = value
    (tmp_path / "device.yaml").write_text(yaml.safe_dump(data))
    with pytest.raises(ConfigError, match=message):
        DeviceProfile.load(str(tmp_path / "device.yaml"))


def test_a_profile_without_a_clutch_is_refused(tmp_path: Path) -> None:
    data = yaml.safe_load((Path(__file__).parents[3] / "hardware/devices/keyboard/device.yaml").read_text())
    del data["buttons"]["clutch"]
    (tmp_path / "device.yaml").write_text(yaml.safe_dump(data))
    with pytest.raises(ConfigError, match="'clutch' is missing: without a deadman"):
        DeviceProfile.load(str(tmp_path / "device.yaml"))


def test_a_button_is_called_by_what_is_printed_on_it(tmp_path: Path) -> None:
    assert DeviceProfile.load("keyboard").printed_on("start") == "Enter"
    assert DeviceProfile.load("keyboard").printed_on("success") == "success"  # nothing else is known
    assert DeviceProfile.load("spacemouse").printed_on("start") is None
    data = yaml.safe_load((Path(__file__).parents[3] / "hardware/devices/spacemouse/device.yaml").read_text())
    (tmp_path / "device.yaml").write_text(yaml.safe_dump(data | {"names": {"start": "Menu"}}))
    with pytest.raises(ConfigError, match="names: unknown key 'start'"):
        DeviceProfile.load(str(tmp_path / "device.yaml"))
