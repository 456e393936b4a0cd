from __future__ import annotations

import pytest

from robot_rl.hardware.config import ConfigError
from robot_rl.runtime.prompt import BESIDE, Prompt


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
    prompt.waiting()
    assert said == [f"waiting: {told}, and the next episode begins"]
    assert prompt.set_up == f"Set the scene up and {told}; until then the robot holds still"


def test_it_is_said_once_an_episode() -> None:
    said: list[str] = []
    prompt = Prompt("keyboard", said.append)
    for _ in range(3):
        prompt.waiting()
    assert len(said) == 1
    prompt.answered()
    prompt.waiting()
    assert len(said) == 2


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(ConfigError, match="no input device 'keybord'. Did you mean 'keyboard'"):
        Prompt("keybord", print)
