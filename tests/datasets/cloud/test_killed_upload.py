from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from robot_rl.datasets import Dataset
from robot_rl.datasets.cloud.objects import Objects
from robot_rl.datasets.store.verify import verify
from robot_rl.hardware.config import CameraConfig
from robot_rl.spec import Field, Layout, Spec

RECORDER = Path(__file__).with_name("recorder_process.py")
SPEC = Spec("arm", 20.0, Layout((Field("joints", (2,)),)), Layout((Field("u", (3,)),)))
CAMERAS = {"wrist": CameraConfig("wrist", "mujoco", width=16, height=12, fps=20.0)}


def record_and_kill(url: str, delay: float) -> tuple[dict[int, int], set[int]]:
    """Run a recorder and kill it `delay` seconds after it began its first upload; (committed, begun to send)."""
    process = subprocess.Popen([sys.executable, str(RECORDER), url], stdout=subprocess.PIPE, text=True)
    lines: list[str] = []
    try:
        assert process.stdout is not None
        while not lines or not lines[-1].startswith("sending"):
            lines.append(process.stdout.readline())
            assert lines[-1], "the recorder ended by itself"
        time.sleep(delay)
    finally:
        process.send_signal(signal.SIGKILL)
        out, _ = process.communicate()
    lines += [line for line in out.splitlines(keepends=True) if line.endswith("\n")]
    pairs = [line.split() for line in lines if line[0].isdigit()]
    return {int(n): int(m) for n, m in pairs}, {int(x.split()[1]) for x in lines if x.startswith("sending")}


def check(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, delays: list[float]) -> None:
    Dataset.create(url, SPEC, CAMERAS).close()
    committed: dict[int, int] = {}
    sent: set[int] = set()
    partial = 0
    later = np.random.default_rng(2).uniform(0.2, 1.5, 12).tolist()  # on a busy machine an upload begins later
    for k, delay in enumerate(delays + later):
        if k >= len(delays) and partial:
            break
        said, begun = record_and_kill(url, delay)
        sent |= begun
        for number, mark in said.items():
            assert committed.setdefault(number, mark) == mark
        with monkeypatch.context() as patch:  # another machine looks at the store
            patch.setenv("ROBOT_RL_MIRROR", str(tmp_path / f"reader{k}"))
            there = Dataset.open(url)
            assert list(verify(there)) == []
            marks = {e.number: e.attributes["mark"] for e in there}
            assert committed.items() <= marks.items()
            for episode in there:
                np.testing.assert_array_equal(episode.stream("joints").values, float(marks[episode.number]))
            committed |= marks
            keys = {key.split("/")[1] for key in Objects(url).keys("episodes") if key.count("/") > 1}
            partial += len(keys - {f"{n:06d}" for n in marks})
            shutil.rmtree(tmp_path / f"reader{k}")
    with Dataset.open(url, "a") as again:  # the recorder's machine sends what was left
        marks = {e.number: e.attributes["mark"] for e in again}
    assert committed.items() <= marks.items()
    assert len(set(marks.values())) == len(marks)  # nothing twice
    unfinished = len(again.unfinished())
    assert len(sent - set(marks.values())) <= unfinished  # killed before the episode was complete on disk
    assert partial, "no kill fell into an upload: the test is too fast"


@pytest.mark.timeout(240)
def test_killed_while_uploading_nothing_half_is_seen_and_nothing_is_lost(
    bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    delays = np.random.default_rng(0).uniform(0.02, 0.25, 6).tolist()
    check(f"{bucket}/x", monkeypatch, tmp_path, delays)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_killed_while_uploading_at_a_hundred_random_moments(
    bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    check(f"{bucket}/x", monkeypatch, tmp_path, np.random.default_rng(1).uniform(0, 0.4, 100).tolist())
