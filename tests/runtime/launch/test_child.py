"""A node that is told to end before it is up ends without a word; one that crashes says why."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from robot_rl.runtime.launch.child import Child
from robot_rl.runtime.launch.description import Process
from robot_rl.runtime.launch.locate import PACKAGE, executable


def ended(child: Child) -> tuple[int, str]:
    """The exit code and everything it wrote."""
    deadline, words = time.monotonic() + 20.0, b""
    while part := os.read(child.output, 65536):
        words += part
    while child.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child.close()
    code = child.poll()
    assert code is not None
    return code, words.decode()


@pytest.fixture
def mask() -> Iterator[set[signal.Signals]]:
    """What this thread holds back, which starting a child leaves as it is."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, set())
    yield before
    assert signal.pthread_sigmask(signal.SIG_BLOCK, set()) == before


@pytest.mark.parametrize("after", [0.0, 0.01, 0.02, 0.04])  # [s]: while Python itself is coming up
def test_a_node_interrupted_while_it_starts_ends_at_once_and_says_nothing(after: float, mask: set[signal.Signals]):
    child = Child(Process("device", (str(executable(PACKAGE, "device_node")),), PACKAGE))
    time.sleep(after)
    child.send(signal.SIGINT)
    assert ended(child) == (-signal.SIGINT, "")


def test_a_node_that_crashes_shows_its_traceback(tmp_path: Path):
    script = tmp_path / "robot_node"
    lines = executable(PACKAGE, "robot_node").read_text().replace("robot_rl.ros.robot_node", "no_such_module")
    script.write_text(lines)
    script.chmod(0o755)
    code, words = ended(Child(Process("robot", (str(script),), PACKAGE)))
    assert code == 1 and "Traceback" in words and "No module named 'no_such_module'" in words


def test_another_program_is_started_with_nothing_held_back():
    told = "import signal; print(signal.pthread_sigmask(signal.SIG_BLOCK, set()))"
    assert ended(Child(Process("other", ("python3", "-c", told)))) == (0, "set()\n")
