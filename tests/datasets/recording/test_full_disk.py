from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("full_disk_process.py")
ON_A_SMALL_DISK = 'mount -t tmpfs -o size=2m none "$0" && exec "$@"'


def test_a_full_disk_is_reported_and_costs_only_the_episode_being_recorded(tmp_path: Path) -> None:
    tiny = ["unshare", "-rm", "sh", "-c", ON_A_SMALL_DISK, str(tmp_path)]
    try:
        subprocess.run([*tiny, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no user namespaces here: a small file system cannot be mounted")
    command = [*tiny, sys.executable, str(SCRIPT), str(tmp_path / "d")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    message, first, goes_on, again = run.stdout.splitlines()
    assert "No space left on device" in message and "every committed episode is intact" in message
    count, problems, unfinished = map(int, first.split())
    assert (count >= 3, problems, unfinished) == (True, 0, 0)
    assert goes_on == "True"
    assert again == "True 0 []"
