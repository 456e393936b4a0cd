"""Reading windows under a memory limit, in a process of its own, and keeping the disk busy.

python benchmarks/support/limited.py DATASET [--blocks]      prints windows per wall-second and CPU-second
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from robot_rl.datasets import Dataset
from robot_rl.datasets.sampling.sampler import Sampler
from robot_rl.datasets.sampling.windows import Windows

CGROUP = Path("/sys/fs/cgroup")
_FRAMES = 300
_BUSY = """
import os, sys, time
block, rate, start, written = os.urandom(1 << 20), 100e6, time.time(), 0
with open(sys.argv[1], "wb", buffering=0) as file:
    while True:
        file.write(block)
        written += len(block)
        if file.tell() > 500e6:
            os.fsync(file.fileno())
            file.seek(0)
        time.sleep(max(0, written / rate - (time.time() - start)))
"""


@contextlib.contextmanager
def busy_disk(folder: Path) -> Iterator[None]:
    """Another process writes 100 MB/s meanwhile."""
    path = folder / "busy.bin"
    process = subprocess.Popen([sys.executable, "-c", _BUSY, path])
    try:
        yield
    finally:
        process.kill()
        process.wait()
        path.unlink(missing_ok=True)


def make_large(path: Path, megabytes: int) -> None:
    """A data set of that many megabytes of raw pictures."""
    from support import work

    rng = np.random.default_rng(0)
    block = rng.integers(0, 256, (_FRAMES, 2, work.SIZE, work.SIZE, 3), np.uint8)
    episodes = max(2, round(megabytes * 1e6 / block.nbytes))
    with work.create(path, "raw") as data:
        for e in range(episodes):
            with data.new_episode() as writer:
                for t in range(_FRAMES):
                    work.add_frame(writer, t, np.roll(block[t], e, axis=-2), np.zeros(14), np.zeros(7))
                writer.commit(True)


def run(command: list[str], megabytes: int | None) -> dict[str, float]:
    """The process's figures; in a memory cgroup of that size when one is given.

    Raises:
        PermissionError, FileNotFoundError: no cgroup can be made here.
    """
    if megabytes is None:
        return _parse(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    v1 = (CGROUP / "memory").is_dir()
    group = (CGROUP / "memory" if v1 else CGROUP) / f"robot_rl_bench_{os.getpid()}"
    group.mkdir()
    try:
        limit = group / ("memory.limit_in_bytes" if v1 else "memory.max")
        limit.write_text(str(megabytes * 1_000_000))
        enter = f'echo $$ > {group}/cgroup.procs && exec "$@"'
        return _parse(
            subprocess.run(["sh", "-c", enter, "sh", *command], check=True, capture_output=True, text=True).stdout
        )
    finally:
        group.rmdir()


def _parse(text: str) -> dict[str, float]:
    return {k: float(v) for k, v in json.loads(text).items()}


def main(path: str, blocks: bool) -> None:
    data = Dataset.open(path)
    for file in Path(path).rglob("c.*"):  # start from a disk nobody has read: what others left in memory is not ours
        with file.open("rb") as handle:
            os.posix_fadvise(handle.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    windows = Windows(data, ["state", "front", "wrist"], 2, 16)
    sampler = Sampler(len(windows), 64, block=256 if blocks else None)
    for _ in range(sampler.batches):  # as much into memory as there is room for
        windows.batch(next(sampler))
    wall, used = time.perf_counter(), time.process_time()
    for _ in range(sampler.batches):
        windows.batch(next(sampler))
    count = sampler.batches * 64
    print(json.dumps({"wall-s": count / (time.perf_counter() - wall), "CPU-s": count / (time.process_time() - used)}))


if __name__ == "__main__":
    main(sys.argv[1], "--blocks" in sys.argv[2:])
