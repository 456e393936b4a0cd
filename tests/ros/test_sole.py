"""Two graphs in one ROS domain: the second gives way, and a robot obeys nobody while two command it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs robot_rl[ros]")

from robot_rl.ros.sole import NameTakenError, SoleName  # noqa: E402

HOLD = """
import sys, time
from robot_rl.ros.sole import SoleName
name = SoleName("/arm/arbiter", 7, print)
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def test_a_name_is_held_once_in_a_domain_and_namespace():
    first = SoleName("/arbiter", 7, print, patience=0)
    others = [SoleName("/arbiter", 8, print, patience=0), SoleName("/left/arbiter", 7, print, patience=0)]
    with pytest.raises(NameTakenError, match=f"process {os.getpid()} .*node /arbiter in ROS domain 7 .*DOMAIN_ID=8"):
        SoleName("/arbiter", 7, print, patience=0)
    first.release()
    for name in [SoleName("/arbiter", 7, print, patience=0), *others]:
        name.release()


def test_a_killed_process_lets_go_at_once_and_who_waits_says_for_whom():
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    said: list[str] = []
    killer = threading.Timer(0.3, process.send_signal, (signal.SIGKILL,))
    killer.start()
    before = time.monotonic()
    SoleName("/arm/arbiter", 7, said.append, patience=20).release()
    assert time.monotonic() - before < 10
    assert said == [f"process {process.pid} is a node /arm/arbiter in ROS domain 7 too: waiting for it to end"]
    process.communicate()


def test_a_link_that_somebody_laid_in_the_temporary_folder_is_not_followed(tmp_path: Path):
    target = tmp_path / "precious"
    target.write_text("kept")
    (tmp_path / "robot_rl_7-arbiter.lock").symlink_to(target)
    with pytest.raises(OSError, match="symbolic link"):
        SoleName("/arbiter", 7, print, patience=0)
    assert target.read_text() == "kept"
