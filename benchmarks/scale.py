"""Ten million frames in one data set, and half an hour in one episode.

The episodes' directories are empty and the journal is written as a recorder would have left it: what is measured
is opening, memory and the cost of one more episode, which read nothing else. Recording half an hour is not paced
but throttled to ten times real time.

    python benchmarks/scale.py [--frames 10000000] [--pairs 36000]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from support import work
from support.results import Row, median, rounded, save, versions

from robot_rl.datasets import Dataset
from robot_rl.datasets.store.index import Entry, episode_name

_OPEN = """
import sys, time
import robot_rl.datasets as d, robot_rl.datasets.dataset
def rss():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
before, start = rss(), time.perf_counter()
data = d.Dataset.open(sys.argv[1])
seconds = time.perf_counter() - start
print(seconds, rss() - before, len(data))
"""


def rss() -> int:
    """Resident memory of this process [bytes]."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def fill(data: Dataset, episodes: int) -> None:
    """Make the data set look as if it held so many episodes of 150 frames."""
    entries = data.journal.entries
    for number in range(len(entries), episodes):
        (data.path / "episodes" / episode_name(number)).mkdir()
        entries[number] = Entry(number, f"{number:032x}", work.FRAMES, True, "demonstration")
    data.journal.damage.append("filled for the benchmark")
    data.journal._next = episodes
    data.journal.rewrite()


def add_episodes(path: Path, count: int, frames: np.ndarray) -> tuple[float, float]:
    """Median wall and CPU time of beginning, filling and committing an episode [ms], the data set held open."""
    states, actions = work.numbers()
    wall, used = [], []
    with Dataset.open(path, "a") as data:
        for _ in range(count):
            start, begun = time.perf_counter(), time.process_time()
            with data.new_episode() as writer:
                for t in range(work.FRAMES):
                    work.add_frame(writer, t, frames[t], states[0, t], actions[0, t])
                writer.commit(True)
            wall.append((time.perf_counter() - start) * 1e3)
            used.append((time.process_time() - begun) * 1e3)
    return median(wall), median(used)


def scale(folder: Path, frames: int, repetitions: int) -> tuple[list[Row], list[dict[str, float]]]:
    """The curve from an empty data set to one of so many frames."""
    pictures = work.pictures(folder / "pictures.npy")[0]
    path = folder / "scale"
    work.create(path, "jpeg:90").close()
    add_episodes(path, 2, pictures)  # warm
    curve = []
    for episodes in sorted({2, *np.geomspace(1000, frames / work.FRAMES, 4).astype(int).tolist()}):
        with Dataset.open(path, "a") as data:
            if episodes > len(data):
                fill(data, episodes)
        runs = [_opened(path) for _ in range(repetitions)]
        wall, used = add_episodes(path, repetitions, pictures)
        point = {"episodes": episodes, "frames": episodes * work.FRAMES, "add_wall_ms": wall, "add_cpu_ms": used}
        curve.append(point | {"open_s": median([r[0] for r in runs]), "index_mb": median([r[1] / 1e6 for r in runs])})
        print(curve[-1], flush=True)
    first, last = curve[0], curve[-1]
    count = f"{last['frames'] / 1e6:.3g} million frames in {last['episodes']} episodes"
    rows = [
        Row("opening", last["open_s"], unit="s", target="< 1", note=count),
        Row("memory of the index", last["index_mb"], unit="MB", target="< 200", note="growth of resident memory"),
        Row("adding an episode", last["add_cpu_ms"], first["add_cpu_ms"],
            rounded(first["add_cpu_ms"] / last["add_cpu_ms"]), "CPU ms", "ratio about 1",
            "150 frames, recorded as fast as they come; peer: the empty data set"),
    ]  # fmt: skip
    return rows, curve


def _opened(path: Path) -> tuple[float, float]:
    out = subprocess.run([sys.executable, "-c", _OPEN, path], capture_output=True, text=True, check=True).stdout
    seconds, memory, _ = out.split()
    return float(seconds), float(memory)


def long_episode(folder: Path, pairs: int) -> Row:
    """Growth of resident memory over one episode, after its first tenth."""
    pictures = work.pictures(folder / "pictures.npy")[0]
    states, actions = work.numbers()
    seen = []
    with work.create(folder / "long", "jpeg:90") as data, data.new_episode() as writer:
        start = time.perf_counter()
        for t in range(pairs):
            work.add_frame(writer, t, pictures[t % work.FRAMES], states[0, t % 150], actions[0, t % 150])
            if t % max(1, pairs // 100) == 0:
                seen.append(rss())
            time.sleep(max(0.0, t / (10 * work.RATE) - (time.perf_counter() - start)))
        begin = time.perf_counter()
        writer.commit(True)
        commit = time.perf_counter() - begin
    tenth = len(seen) // 10
    growth = (np.mean(seen[-tenth:]) - np.mean(seen[tenth : 2 * tenth])) / 1e6
    length = f"{pairs} pairs of frames ({pairs / 1200:.0f} minutes at 20 Hz)"
    note = f"{length}, after the first tenth; at most {max(seen) / 1e6:.0f} MB, commit {commit:.2f} s"
    return Row(
        "growth of the recorder's memory over one long episode", rounded(growth), unit="MB", target="< 20", note=note
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=10_000_000)
    parser.add_argument("--pairs", type=int, default=36_000)
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="robot_rl_bench_") as folder:
        rows, curve = scale(Path(folder), options.frames, options.repetitions)
        rows.append(long_episode(Path(folder), options.pairs))
    save("scale", "one data set of ten million frames; one episode of half an hour", rows, curve=curve,
         versions=versions(["robot_rl", "numpy"]))  # fmt: skip


if __name__ == "__main__":
    main()
