from __future__ import annotations

import pytest

from robot_rl.runtime.launch.last_error import last_error

TRACEBACK = ["Traceback (most recent call last):", '  File "arm.py", line 3, in <module>', "    connect()"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([*TRACEBACK, "ValueError: the arm is unplugged"], ["ValueError: the arm is unplugged"]),
        ([*TRACEBACK, "my_lab.arm.ArmError: no answer", "robot closed", ""], ["my_lab.arm.ArmError: no answer"]),
        ([*TRACEBACK, "AssertionError", "bye"], ["AssertionError"]),
        (["[FATAL] [17.0] [robot]: no power", "closing"], ["[FATAL] [17.0] [robot]: no power"]),
        (["ERROR robot_rl.x: first", *TRACEBACK, "OSError: second"], ["OSError: second"]),
        ([*TRACEBACK, "ValueError: two differ:", "  rate", "", "bye"], ["ValueError: two differ:", "  rate"]),
        (["starting", "no robot 'sim_lif'", ""], ["no robot 'sim_lif'"]),
        (["starting", "two differ:", "  rate", "  bounds"], ["two differ:", "  rate", "  bounds"]),
        (["[INFO] [17.0] [robot]: 0 errors: fine"], ["[INFO] [17.0] [robot]: 0 errors: fine"]),
        (["  the tail of something"], ["  the tail of something"]),
        (["", "  "], []),
        ([], []),
    ],
)
def test_the_lines_that_say_why_are_found_among_those_that_were_printed_last(lines: list[str], said: list[str]) -> None:
    assert last_error(lines) == said
