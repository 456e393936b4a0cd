"""The data set beside LeRobot 0.4.4 and beside arrays in memory, on the same work, in alternating repetitions.

    python benchmarks/data.py --peer /path/to/venv-with-lerobot/bin/python      (or ROBOT_RL_PEER_PYTHON)

Without a peer's Python its side is left out. Figures are CPU seconds of processes, threads and children where
the metric says so; the other ones are wall time. Single frames and windows are drawn at random; the peer gives
float32 tensors, ours uint8 pictures, so that a row with the same conversion on our side stands beside them.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
from support import limited, work
from support.peer import Peer
from support.results import Row, median, rounded, save, versions

from robot_rl.datasets import Dataset
from robot_rl.datasets.sampling.windows import Windows
from robot_rl.datasets.store.codecs import ImageCodec

CODECS = ("zstd", "jpeg:95")
N_OBS, HORIZON, BATCH = 2, 16, 64


def cpu() -> float:
    """CPU seconds of this process, its threads and its children that ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def record(path: Path, images: str, pictures: np.ndarray, pace: float = 0.0, episodes: int = work.EPISODES) -> dict:
    """Record the work; CPU seconds, and for each step and episode how long the caller waited [s]."""
    states, actions = work.numbers()
    adds, commits = [], []
    start = cpu()
    with work.create(path, images) as data:
        for e in range(episodes):
            with data.new_episode() as writer:
                for t in range(work.FRAMES):
                    begin = time.perf_counter()
                    work.add_frame(writer, t, pictures[e, t], states[e, t], actions[e, t])
                    adds.append(time.perf_counter() - begin)
                    if pace:
                        time.sleep(max(0.0, pace - adds[-1]))
                begin = time.perf_counter()
                writer.commit(True)
                commits.append(time.perf_counter() - begin)
    return {"cpu": cpu() - start, "adds": adds, "commits": commits, "bytes": _bytes(path / "episodes")}


def recording(folder: Path, pictures: np.ndarray, peer: Peer | None) -> list[Row]:
    """Cost of a frame, the longest waits of the loop, and the end of an episode."""
    frames = work.EPISODES * work.FRAMES
    ours = {c: record(folder / c, c, pictures) for c in CODECS}
    theirs = {k: peer.ask("write", kind=k, episodes=work.EPISODES) for k in ("png", "av1")} if peer else {}
    rows = []
    for codec, kind in zip(CODECS, ("png", "av1")):
        mine, other = ours[codec]["cpu"] / frames * 1e3, None
        if theirs:
            other = theirs[kind]["cpu"] / frames * 1e3
        rows.append(
            Row(
                f"recording a frame, {codec} (peer: {kind})",
                rounded(mine),
                rounded(other) if other else None,
                rounded(other / mine) if other else None,
                "CPU ms",
                "ratio >= 5",
                f"{frames} frames of two cameras, commits included",
            )
        )
    with limited.busy_disk(folder):
        paced = record(folder / "paced", "zstd", pictures, pace=1 / work.RATE, episodes=4)
    p99 = float(np.quantile(paced["adds"], 0.99)) * 1e3
    other = float(np.quantile(theirs["png"]["adds"], 0.99)) * 1e3 if theirs else None
    ratio = rounded(other / p99) if other else None
    note = f"30 Hz while another process writes 100 MB/s; worst {max(paced['adds']) * 1e3:.1f} ms; peer: PNG, idle disk"
    rows.append(Row("adding a step, 99th percentile", rounded(p99), other and rounded(other), ratio, "ms", "< 5", note))
    commits = [c * 1e3 for c in paced["commits"]]
    other = float(np.median(theirs["png"]["saves"])) * 1e3 if theirs else None
    ratio = rounded(other / np.median(commits)) if other else None
    note = f"as above; worst {max(commits):.0f} ms; flushed to the disk; peer: PNG, idle disk, not flushed"
    name = "end of an episode of 150 frames"
    rows.append(Row(name, median(commits), other and rounded(other), ratio, "ms", "< 50", note))
    return rows


def reading(folder: Path, peer: Peer | None, repetitions: int) -> list[Row]:
    """Random windows and single frames a CPU-second."""
    data = Dataset.open(folder / "zstd")
    names = ["state", *work.CAMERAS]
    windows, singles = Windows(data, names, N_OBS, HORIZON), Windows(data, names, 1, 1)
    undecoded = Windows(data, names, N_OBS, HORIZON, cache=None)
    rng = np.random.default_rng(0)

    def ours(source: Windows, batches: int, convert: bool = False) -> float:
        start = cpu()
        for _ in range(batches):
            batch = source.sample(rng, BATCH)
            if convert:
                for name in work.CAMERAS:
                    np.multiply(batch[name], np.float32(1 / 255), dtype=np.float32)
        return batches * BATCH / (cpu() - start)

    sides: dict[str, tuple[Callable[[], float], str | None, bool]] = {
        "windows, 2 observations and 16 actions": (lambda: ours(windows, 100), "windows", True),
        "the same, converted to float32": (lambda: ours(windows, 20, True), "windows", True),
        "the same, each picture decoded (zstd, no cache)": (lambda: ours(undecoded, 10), "windows", True),
        "single frames": (lambda: ours(singles, 200), "frames", False),
    }
    rates: dict[str, list[float]] = {name: [] for name in sides}
    theirs: dict[str, list[float]] = {k: [] for k in ("windows png", "windows av1", "frames png", "frames av1")}
    for side, _, _ in sides.values():
        side()  # warm
    for r in range(repetitions + 1):
        for name, (side, _, _) in sides.items():
            rates[name].append(side())
        if peer:
            for key in theirs:
                what, kind = key.split()
                theirs[key].append(peer.ask("read", kind=kind, windows=what == "windows", count=100, seed=r))
    rows = []
    for name, (_, what, _) in sides.items():
        best = max((np.median(theirs[f"{what} {k}"][1:]), k) for k in ("png", "av1")) if peer else None
        target = "ratio >= 20" if name in ("windows, 2 observations and 16 actions", "single frames") else ""
        mine = float(np.median(rates[name][1:]))
        row = Row(name, rounded(mine), unit="per CPU-s", target=target)
        if best:
            note = f"peer's better side: {best[1]}"
            row = Row(name, rounded(mine), rounded(best[0]), rounded(mine / best[0]), "per CPU-s", target, note)
        rows.append(row)
    return rows + against_memory(windows, repetitions)


def against_memory(windows: Windows, repetitions: int) -> list[Row]:
    """The same windows from arrays held in memory: slices of a replay buffer stacked to a batch, and plain takes
    from one mapped file, which is the most that copying allows."""
    arrays = {n: t[np.arange(len(t))].copy() for n, t in windows.pictures.items()}
    rng = np.random.default_rng(0)

    def ours(indices: np.ndarray) -> Any:
        return windows.batch(indices)

    def buffer(indices: np.ndarray) -> Any:
        rows = windows.rows(indices)[0]
        samples = [{n: a[r[0] : r[-1] + 1] if r[0] < r[-1] else a[r] for n, a in arrays.items()} for r in rows]
        return {n: np.stack([s[n] for s in samples]) for n in arrays} | windows.numbers(indices)

    with tempfile.NamedTemporaryFile() as file:
        for a in arrays.values():
            a.tofile(file)
        file.flush()
        mapped = np.asarray(
            np.memmap(file.name, np.uint8, "r", shape=(len(arrays), *next(iter(arrays.values())).shape))
        )
        out = {n: np.empty((BATCH, N_OBS, *a.shape[1:]), np.uint8) for n, a in arrays.items()}

        def limit(indices: np.ndarray) -> Any:
            rows = windows.rows(indices)[0]
            for k, n in enumerate(arrays):
                np.take(mapped[k], rows, axis=0, out=out[n], mode="clip")

        rates: dict[Callable[[np.ndarray], Any], list[float]] = {ours: [], buffer: [], limit: []}
        for _ in range(repetitions + 1):
            for side, values in rates.items():
                start = cpu()
                for _ in range(60):
                    side(rng.integers(len(windows), size=BATCH))
                values.append(60 * BATCH / (cpu() - start))
    ratio = [a / b for a, b in zip(rates[ours][1:], rates[buffer][1:])]
    share = [a / b for a, b in zip(rates[ours][1:], rates[limit][1:])]
    note = "slices of arrays in memory, stacked to a batch, as diffusion_policy's sampler and collation do"
    return [
        Row("windows, against a replay buffer in memory", median(rates[ours][1:]), median(rates[buffer][1:]),
            median(ratio), "per CPU-s", "ratio >= 1", note),
        Row("windows, against one mapped file", median(rates[ours][1:]), median(rates[limit][1:]), median(share),
            "per CPU-s", "", "takes into memory used again, numbers left out; ours holds small data in memory"),
    ]  # fmt: skip


def sizes(folder: Path, pictures: np.ndarray, peer: Peer | None) -> list[Row]:
    """Bytes on disk against files of the same pictures, and against the peer's at equal PSNR."""
    rows = []
    files = sum(len(ImageCodec("jpeg", 95).encode(f)) for e in pictures for t in e for f in t)
    mine = _bytes(folder / "jpeg:95" / "episodes")
    note = "all files of all episodes against the JPEG files alone, quality 95"
    rows.append(Row("size against JPEG files", rounded(mine / 1e6), rounded(files / 1e6), rounded(files / mine), "MB",
                    "ours at most 1.3x", note))  # fmt: skip
    png = sum(len(cv2.imencode(".png", f)[1]) for e in pictures[:2] for t in e for f in t) * work.EPISODES / 2
    mine = _bytes(folder / "zstd" / "episodes")
    rows.append(
        Row("size lossless (zstd) against PNG", rounded(mine / 1e6), rounded(png / 1e6), rounded(png / mine), "MB")
    )
    if peer:
        error = peer.ask("mse", kind="av1", count=60)
        quality, psnr = _quality_for(error, pictures)
        path = folder / "equal"
        record(path, f"jpeg:{quality}", pictures)
        mine, other = _bytes(path / "episodes"), _bytes(folder / "lerobot_av1")
        note = f"AV1 {10 * np.log10(255**2 / error):.1f} dB, JPEG quality {quality} {psnr:.1f} dB"
        name = "size against AV1 at equal PSNR"
        rows.append(Row(name, rounded(mine / 1e6), rounded(other / 1e6), rounded(other / mine), "MB", "", note))
    return rows


def _quality_for(error: float, pictures: np.ndarray) -> tuple[int, float]:
    """The lowest JPEG quality whose mean squared error is at most `error`, and its PSNR [dB]."""
    sample = pictures[:, ::50].reshape(-1, *pictures.shape[3:])
    for quality in range(5, 101):
        codec = ImageCodec("jpeg", quality)
        decoded = (codec.decode(codec.encode(f), f.shape, "uint8") for f in sample)
        mine = float(np.mean([(f.astype(np.float32) - d) ** 2 for f, d in zip(sample, decoded)]))
        if mine <= error:
            break
    return quality, 10 * np.log10(255**2 / mine)


def larger_than_memory(folder: Path, megabytes: int) -> list[Row]:
    """Random windows of a raw data set under a memory limit of half its size, against the same without a limit."""
    path = folder / "large"
    limited.make_large(path, megabytes)
    rows = []
    for name, arguments in (("", []), (" in blocks", ["--blocks"])):
        command = [sys.executable, str(Path(limited.__file__)), str(path), *arguments]
        free = limited.run(command, None)
        try:
            tight = limited.run(command, megabytes // 2)
        except (PermissionError, FileNotFoundError) as error:
            rows.append(Row("data larger than memory", None, note=f"not measured: no memory cgroup ({error})"))
            break
        note = f"{megabytes} MB of raw pictures, at most {megabytes // 2} MB of memory with the page cache"
        for unit in ("wall-s", "CPU-s"):
            a, b = tight[unit], free[unit]
            rows.append(Row(f"larger than memory, shuffled{name}, against warm", rounded(a), rounded(b),
                            rounded(a / b), f"per {unit}", "ratio >= 0.5", note))  # fmt: skip
    return rows


def _bytes(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", default=os.environ.get("ROBOT_RL_PEER_PYTHON", ""))
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--large", type=int, default=2000, help="megabytes of the data set larger than memory")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="robot_rl_bench_") as temporary:
        folder = Path(temporary)
        pictures = work.pictures(folder / "pictures.npy")
        peer = Peer(options.peer, folder, folder / "pictures.npy") if options.peer else None
        try:
            found = peer.ask("versions") if peer else {}
            rows = recording(folder, pictures, peer)
            rows += reading(folder, peer, options.repetitions)
            rows += sizes(folder, pictures, peer)
        finally:
            if peer:
                peer.close()
        rows += larger_than_memory(folder, options.large)
    what = "10 episodes x 150 frames, two 128x128 cameras, state 14, action 7"
    if not options.peer:
        print("LeRobot was left out: name a Python that has it with --peer or ROBOT_RL_PEER_PYTHON", file=sys.stderr)
    save(
        "data",
        what,
        rows,
        peer=f"LeRobot {found['lerobot']}" if found else "absent",
        versions=versions(["robot_rl", "numpy", "zarr", "numcodecs", "opencv-python-headless"]) | found,
        repetitions=options.repetitions,
    )


if __name__ == "__main__":
    main()
