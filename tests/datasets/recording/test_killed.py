from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from robot_rl.datasets import Dataset, Episode

RECORDER = Path(__file__).with_name("recorder_process.py")


def content(episode: Episode) -> str:
    """The digest the recording process prints of an episode."""
    digest = hashlib.sha256()
    joints, wrist, executed = episode.stream("joints").values, episode.stream("wrist").values, episode.steps["executed"]
    for t in range(len(episode)):
        for array in (joints[t], wrist[t], executed[t]):
            digest.update(array.tobytes())
    return digest.hexdigest()


def record_and_kill(path: Path, delay: float) -> dict[int, str]:
    """Run a recorder, kill it `delay` seconds after its first commit; what it said it committed."""
    process = subprocess.Popen([sys.executable, str(RECORDER), str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        first = process.stdout.readline()
        time.sleep(delay)
    finally:
        process.send_signal(signal.SIGKILL)
        out, _ = process.communicate()
    lines = [line.split() for line in (first + out).splitlines(keepends=True) if line.endswith("\n")]
    return {int(number): digest for number, digest in lines}


def check(dataset: Dataset, path: Path, delays: list[float]) -> None:
    dataset.close()
    committed: dict[int, str] = {}
    for delay in delays:
        committed |= record_and_kill(path, delay)
        after = Dataset.open(path, "a")  # the lock of the dead process is free
        after.close()
        numbers = set(after.journal.entries)
        assert set(committed) <= numbers
        assert len(numbers - set(committed)) <= len(delays)  # killed between the commit and saying so
        assert numbers == {int(p.name) for p in (path / "episodes").iterdir() if p.is_dir()}
        for number in numbers:
            found = content(after.episode(number))
            assert committed.setdefault(number, found) == found
    assert len(committed) >= len(delays)


def test_killed_at_random_moments_no_committed_episode_is_lost_or_changed(dataset: Dataset) -> None:
    check(dataset, dataset.path, np.random.default_rng(0).uniform(0, 0.25, 6).tolist())


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_at_hundreds_of_random_moments(dataset: Dataset) -> None:
    check(dataset, dataset.path, np.random.default_rng(1).uniform(0, 0.2, 200).tolist())
