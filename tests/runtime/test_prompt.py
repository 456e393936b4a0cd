from __future__ import annotations

import pytest

from robot_rl.hardware.config import ConfigError
from robot_rl.runtime.prompt import BESIDE, PATIENCE, Prompt


@pytest.mark.parametrize(
    ("device", "told"),
    [
        ("keyboard", "press Enter (or call the service episode/start)"),
        ("gamepad", "press Start (or call the service episode/start)"),
        ("spacemouse", f"{BESIDE} (or call the service episode/start)"),  # its two buttons mean other things
        ("", f"{BESIDE} (or call the service episode/start)"),
    ],
)
def test_a_person_is_told_what_to_press_on_the_device_in_hand(device: str, told: str) -> None:
    said: list[str] = []
    prompt = Prompt(device, said.append)
    prompt.waiting(True, 0.0)
    assert said == [f"waiting: {told}, and the next episode begins"]
    assert prompt.set_up == f"Set the scene up and {told}; until then the robot holds still"


def test_it_is_said_once_an_episode() -> None:
    said: list[str] = []
    prompt = Prompt("keyboard", said.append)
    for _ in range(3):
        prompt.waiting(True, 0.0)
    assert len(said) == 1
    prompt.answered()
    prompt.waiting(True, 1.0)
    assert len(said) == 2


def test_nobody_is_told_to_press_what_is_not_heard_and_after_a_while_that_is_said() -> None:
    said: list[str] = []
    prompt = Prompt("keyboard", said.append)
    for now in (100.0, 100.0 + 0.9 * PATIENCE):
        prompt.waiting(False, now)
        assert said == []
    for now in (100.0 + PATIENCE, 100.0 + 3 * PATIENCE):
        prompt.waiting(False, now)
        assert said == ["the input device 'keyboard' is not heard yet: what is pressed on it does nothing"]
    prompt.waiting(True, 100.0 + 4 * PATIENCE)
    assert said[1:] == [f"waiting: {prompt.start}, and the next episode begins"]


@pytest.mark.parametrize("device", ["", "scripted"])
def test_without_a_device_in_hand_none_is_waited_for(device: str) -> None:
    said: list[str] = []
    Prompt(device, said.append).waiting(False, 0.0)
    assert len(said) == 1 and said[0].startswith("waiting: ")


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(ConfigError, match="no input device 'keybord'. Did you mean 'keyboard'"):
        Prompt("keybord", print)
