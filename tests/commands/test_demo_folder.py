from __future__ import annotations

import time
from pathlib import Path

import pytest

from robot_rl.commands.demo_folder import DemoFolder


def test_the_times_of_a_run_that_was_broken_off_are_added_to_by_the_one_that_goes_on(tmp_path: Path) -> None:
    first = DemoFolder(tmp_path / "run")
    with first.times.timed("train 1"):
        time.sleep(0.02)
    with pytest.raises(KeyboardInterrupt), first.times.timed("deploy"):
        time.sleep(0.02)
        raise KeyboardInterrupt
    second = DemoFolder(tmp_path / "run")
    assert second.times.seconds == first.times.seconds
    with second.times.timed("deploy"):
        time.sleep(0.02)
    assert second.times.seconds["deploy"] > first.times.seconds["deploy"] >= 0.02
    assert second.times.seconds["train 1"] == first.times.seconds["train 1"] >= 0.02
