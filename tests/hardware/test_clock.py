from __future__ import annotations

import subprocess
import sys
import time

import pytest

from robot_rl.hardware import clock
from robot_rl.hardware.clock import SystemClock


def test_clocks_agree_although_the_wall_clock_was_set_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    before = SystemClock()
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + 3_000_000_000)
    assert abs(SystemClock().now() - before.now()) < 100_000_000


def test_a_process_that_is_started_with_it_shares_the_clock() -> None:
    code = "import time; from robot_rl.hardware.clock import SystemClock as C; print(C().now() - time.monotonic_ns())"
    environment = {clock.OFFSET: "5000000000"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert abs(int(done.stdout) - 5_000_000_000) < 1_000_000
    assert abs(int(clock.shared()[clock.OFFSET]) + time.monotonic_ns() - SystemClock().now()) < 100_000_000


def test_it_is_unix_time() -> None:
    assert abs(SystemClock().now() - time.time_ns()) < 60_000_000_000
