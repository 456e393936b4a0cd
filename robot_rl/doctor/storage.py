"""Is the disk that recordings go to fast enough, and is there room?"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

from robot_rl import workspace
from robot_rl.doctor.check import Finding

_BLOCK = 4 << 20
_BLOCKS = 16
CAMERA_MB_S = 2 * 640 * 480 * 3 * 30 / 1e6
"""Two raw 640x480 colour cameras at 30 Hz: what the disk must take without falling behind."""


def check_disk(folder: Path | None = None) -> list[Finding]:
    """Write speed with fsync, latency of a small fsync, and free space, where data sets go."""
    folder = folder or workspace.root()
    try:
        speed, latency = _measure(folder)
    except OSError as error:
        remedy = f"make {folder} writable, or set ROBOT_RL_WORKSPACE to a folder that is"
        return [Finding("disk", "fail", f"cannot write to {folder}: {error.strerror}", remedy)]
    free = shutil.disk_usage(folder).free / 1e9
    figures = {"write_MB_s": speed, "fsync_ms": latency, "free_GB": free}
    detail = f"{folder}: {speed:.0f} MB/s, fsync {latency:.1f} ms, {free:.0f} GB free"
    if speed < CAMERA_MB_S:
        remedy = f"two raw 640x480 cameras make {CAMERA_MB_S:.0f} MB/s: set ROBOT_RL_WORKSPACE to a faster disk"
        return [Finding("disk", "warn", detail, remedy, figures)]
    if free < 5:
        return [Finding("disk", "warn", detail, "free some space, or set ROBOT_RL_WORKSPACE to another disk", figures)]
    return [Finding("disk", "pass", detail, figures=figures)]


def _measure(folder: Path) -> tuple[float, float]:
    """Sequential write speed, data on the disk [MB/s], and the median latency of a small fsync [ms]."""
    block = os.urandom(_BLOCK)
    with tempfile.TemporaryFile(dir=folder) as file:
        start = time.monotonic()
        for _ in range(_BLOCKS):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
        speed = _BLOCK * _BLOCKS / (time.monotonic() - start) / 1e6
        latencies = []
        for _ in range(11):
            file.write(b"x")
            file.flush()
            start = time.monotonic()
            os.fsync(file.fileno())
            latencies.append(time.monotonic() - start)
    return speed, sorted(latencies)[len(latencies) // 2] * 1e3
