"""The keyboard reader, on a pseudo-terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from robot_rl.hardware.clock import ManualClock
from robot_rl.hardware.devices.keyboard import GENTLE, KEY_MAP, Keyboard
from robot_rl.hardware.devices.raw import DeviceError, RawState
from robot_rl.hardware.devices.simulated import SimulatedKeyboard
from robot_rl.hardware.human import AXES, BUTTONS


class Typist:
    """A keyboard reader with somebody at the keys and a clock that is set by hand."""

    def __init__(self) -> None:
        self.twin, self.clock, self.shown = SimulatedKeyboard(), ManualClock(), list[str]()
        self.reader = Keyboard(self.twin.path, clock=self.clock, show=self.shown.append)
        self.reader.open()

    def __call__(self, text: str = "", at: float = 0.0) -> RawState:
        self.clock.sleep_until(round(at * 1e9))
        if text:
            self.twin.type(text)
        return self.reader.poll()


@pytest.fixture
def typed() -> Iterator[Typist]:
    typist = Typist()
    yield typist
    typist.reader.close()


def axes(state: RawState) -> dict[str, float]:
    return {a: v for a, v in zip(AXES, state.axes) if v}


def held(state: RawState) -> set[str]:
    return {b for b, v in zip(BUTTONS, state.buttons) if v}


def test_opening_shows_the_keys_and_closing_gives_the_terminal_back(typed: Typist) -> None:
    assert typed.shown == [KEY_MAP]
    assert not typed.twin.line_mode()
    typed.reader.close()
    assert typed.twin.line_mode()


def test_a_letter_is_gentle_and_shift_is_full_speed(typed: Typist) -> None:
    assert axes(typed("w")) == {"x": GENTLE}
    assert axes(typed("DE", at=1.0)) == {"y": -1.0, "yaw": -1.0}


def test_a_key_is_held_while_it_repeats_and_released_when_it_stops(typed: Typist) -> None:
    assert axes(typed("r", at=0.0)) == {"z": GENTLE}
    assert axes(typed(at=0.1)) == {"z": GENTLE}
    assert axes(typed("r", at=0.14)) == {"z": GENTLE}
    assert axes(typed(at=0.28)) == {"z": GENTLE}
    assert axes(typed(at=0.30)) == {}


def test_opposite_keys_cancel(typed: Typist) -> None:
    assert axes(typed("ws")) == {}


def test_space_takes_control_and_gives_it_back(typed: Typist) -> None:
    assert held(typed(" ")) == {"clutch"}
    assert held(typed(at=1.0)) == {"clutch"}
    assert held(typed(" ", at=1.5)) == set()


def test_space_held_down_takes_control_once(typed: Typist) -> None:
    for at in (0.0, 0.5, 0.533, 0.566):
        assert held(typed(" ", at=at)) == {"clutch"}, at
    assert held(typed(" ", at=2.0)) == set()
    assert held(typed(" ", at=2.5)) == set()


def test_control_is_lost_when_no_key_came_for_two_seconds(typed: Typist) -> None:
    typed(" ", at=0.0)
    assert "clutch" in held(typed("w", at=1.9))
    assert "clutch" in held(typed(at=3.8))
    assert held(typed(at=4.0)) == set()
    assert held(typed("w", at=4.1)) == set()


def test_every_button_has_a_key(typed: Typist) -> None:
    seen = held(typed("cob10u\x7f\n")) | held(typed(" \x1b", at=1.0))
    assert seen == set(BUTTONS)


def test_arrow_keys_are_not_an_emergency_stop(typed: Typist) -> None:
    assert held(typed("\x1b[A\x1bOB\x1b[3~")) == set()
    assert held(typed("\x1b")) == {"estop"}


def test_a_closed_terminal_releases_everything(typed: Typist) -> None:
    assert held(typed(" w")) == {"clutch"}
    typed.twin.unplug()
    state = typed.reader.poll()
    assert (held(state), axes(state), state.connected) == (set(), {}, False)


@pytest.mark.parametrize("name", ["nowhere", "plain"])
def test_without_a_terminal_it_says_so(tmp_path: Path, name: str) -> None:
    (tmp_path / "plain").touch()
    with pytest.raises(DeviceError, match=r"keyboard: .*Run the keyboard in a terminal of its own"):
        Keyboard(str(tmp_path / name)).open()
