"""Where episodes are kept: our folder and commit protocol against Icechunk (transactional Zarr), locally and on S3.

The work is that of benchmarks/data.py: episodes of 150 frames, two 128x128 cameras, state 14, action 7, pictures
as zstd frames in one shard, numbers uncompressed. Both write the same arrays. S3 is moto's server in a process of
its own on loopback, so its times say how many requests are made and not how fast a cloud is; requests are counted.
Kill safety: a recorder is killed with SIGKILL at random moments; then the store must open, and every episode that
was reported as committed must be there with the right content.

    python benchmarks/stores.py [--kills 20]
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from robot_rl.datasets import Dataset, Phase, Sample, Source, Step
from robot_rl.datasets.store.codecs import ImageCodec
from robot_rl.hardware.config import CameraConfig
from robot_rl.spec import Field, Layout, Spec

REQUEST = re.compile(r'"[^"]*?(PUT|GET|POST|HEAD|DELETE) /')
RESULT = Path(__file__).parent / "results" / "stores.json"
FRAMES, SIZE, STATE, ACTION = 150, 128, 14, 7
CAMERAS = ("front", "wrist")
SPEC = Spec("bench", 30.0, Layout((Field("state", (STATE,)),)), Layout((Field("u", (ACTION,)),)))
CONFIGS = {n: CameraConfig(n, "none", width=SIZE, height=SIZE, fps=30.0) for n in CAMERAS}
SETTLE = 0.5
"""Given to the writer thread before the end of an episode [s]: on a robot frames come at 30 Hz and none waits."""
COLUMNS = {"stamp": "int64", "reward": "float32", "success": "bool"}
"""Columns of the steps beside the actions; both sides write as many arrays as our steps table has."""

Numbers = dict[str, Any]
WriteEpisode = Callable[[int], float]
"""Records episode n; returns the seconds from its last frame until it is committed."""


def episode(number: int) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """State (T, 14), action (T, 7) and pictures (T, 128, 128, 3) by camera, all told by the number."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[:SIZE, :SIZE]
    t = np.arange(FRAMES)[:, None, None]
    pictures = {}
    for k, name in enumerate(CAMERAS):
        base = (x + y + 2 * t + 50 * k + number) % 256
        noise = rng.integers(0, 4, (FRAMES, SIZE, SIZE, 3))
        pictures[name] = (base[..., None] // 2 + noise).astype(np.uint8)
    return rng.normal(size=(FRAMES, STATE)), rng.normal(size=(FRAMES, ACTION)), pictures


class Ours:
    """robot_rl.Dataset in a folder or an object store."""

    name = "robot_rl"

    def __init__(self, place: str, *, create: bool) -> None:
        self.place = place
        self.dataset = Dataset.create(place, SPEC, CONFIGS) if create else Dataset.open(place, "a")

    def write(self, number: int, data: tuple[Any, Any, Any]) -> float:
        state, action, pictures = data
        with self.dataset.new_episode(seed=number) as writer:
            for t in range(FRAMES):
                writer.add_sample(Sample("state", t, state[t]))
                for name in CAMERAS:
                    writer.add_sample(Sample(name, t, pictures[name][t]))
                u = action[t]
                writer.add_step(Step(t, u, u, u, Source.HUMAN, Phase.DEMONSTRATION))
            time.sleep(SETTLE)
            start = time.perf_counter()
            writer.commit(True)
        return time.perf_counter() - start

    def close(self) -> None:
        self.dataset.close()

    def numbers(self) -> list[int]:
        return [int(e.attributes["seed"]) for e in Dataset.open(self.place)]

    def read(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        found = Dataset.open(self.place)[number]
        return found.steps["executed"], found.stream("front").values[:]

    def reader(self) -> Callable[[int, int], Any]:
        frames = [e.stream("front").values for e in Dataset.open(self.place)]
        return lambda e, t: frames[e][t]


class Ice:
    """The same arrays in an Icechunk repository, one commit an episode."""

    name = "icechunk"

    def __init__(self, place: str, *, create: bool) -> None:
        import icechunk

        if place.startswith("s3://"):
            bucket, _, prefix = place.removeprefix("s3://").partition("/")
            endpoint = os.environ["AWS_ENDPOINT_URL"]
            storage = icechunk.s3_storage(
                bucket=bucket,
                prefix=prefix,
                region="us-east-1",
                endpoint_url=endpoint,
                allow_http=True,
                from_env=True,
                force_path_style=True,
            )
        else:
            storage = icechunk.local_filesystem_storage(place)
        if create:
            self.repository = icechunk.Repository.create(storage)
            session = self.repository.writable_session("main")
            zarr.open_group(session.store, mode="a").create_group("episodes")
            session.commit("empty")
        else:
            self.repository = icechunk.Repository.open(storage)

    def write(self, number: int, data: tuple[Any, Any, Any]) -> float:
        state, action, pictures = data
        start = time.perf_counter()  # arrays of unknown length are written when the episode ends
        session = self.repository.writable_session("main")
        root = zarr.open_group(session.store, mode="a")
        group = root.create_group(f"episodes/{number:06d}", attributes={"seed": number, "steps": FRAMES})
        stamps = np.arange(FRAMES)
        for name in ("executed", "proposed", "human"):
            _rows(group, f"steps/{name}", action)
        for name, dtype in COLUMNS.items():
            _rows(group, f"steps/{name}", stamps.astype(dtype))
        for name in ("source", "phase", "safety", "terminated", "truncated"):
            _rows(group, f"steps/{name}", stamps.astype("uint8"))
        _rows(group, "streams/state/value", state)
        _rows(group, "streams/state/stamp", stamps)
        for name in CAMERAS:
            _pictures(group, f"streams/{name}/value", pictures[name])
            _rows(group, f"streams/{name}/stamp", stamps)
        session.commit(f"episode {number}")
        return time.perf_counter() - start

    def close(self) -> None:
        """Nothing is held open."""

    def numbers(self) -> list[int]:
        root = zarr.open_group(self.repository.readonly_session("main").store, mode="r")
        return sorted(int(g.attrs["seed"]) for _, g in root["episodes"].groups())

    def read(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        root = zarr.open_group(self.repository.readonly_session("main").store, mode="r")
        group = root[f"episodes/{number:06d}"]
        return group["steps/executed"][:], group["streams/front/value"][:]

    def reader(self) -> Callable[[int, int], Any]:
        root = zarr.open_group(self.repository.readonly_session("main").store, mode="r")
        arrays = [root[f"episodes/{n:06d}/streams/front/value"] for n in self.numbers()]
        return lambda e, t: arrays[e][t]


def _rows(group: Any, name: str, values: np.ndarray) -> None:
    group.create_array(name, data=values, chunks=values.shape, compressors=None)


def _pictures(group: Any, name: str, values: np.ndarray) -> None:
    codec = zarr.codecs.ZstdCodec(level=ImageCodec.parse("zstd").level)
    group.create_array(name, data=values, chunks=(1, *values.shape[1:]), shards=values.shape, compressors=[codec])


def files_and_bytes(folder: Path) -> tuple[int, int]:
    """How many files there are below a folder, and their bytes."""
    sizes = [p.stat().st_size for p in folder.rglob("*") if p.is_file()]
    return len(sizes), sum(sizes)


def local(kind: Any, episodes: int, reads: int) -> Numbers:
    """Write and read in a folder."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "store"
        store = kind(str(place), create=True)
        data = [episode(n) for n in range(episodes)]
        cpu = time.process_time()
        ends = [store.write(n, data[n]) for n in range(episodes)]
        cpu = (time.process_time() - cpu) / episodes
        store.close()
        count, size = files_and_bytes(place)
        read = store.reader()
        rng = np.random.default_rng(0)
        wanted = list(zip(rng.integers(episodes, size=reads), rng.integers(FRAMES, size=reads)))
        np.testing.assert_array_equal(read(1, 7), data[1][2]["front"][7])
        start = time.process_time()
        for e, t in wanted:
            read(int(e), int(t))
        return {
            "end_of_episode_ms": round(1e3 * statistics.median(ends[1:]), 1),
            "end_of_episode_ms_worst": round(1e3 * max(ends[1:]), 1),
            "cpu_s_per_episode": round(cpu, 3),
            "files_per_episode": round(count / episodes, 1),
            "mb_per_episode": round(size / episodes / 1e6, 3),
            "frames_per_cpu_second": round(reads / (time.process_time() - start)),
        }


def growth(kind: Any, marks: tuple[int, ...]) -> Numbers:
    """How long the end of an episode takes, and what it writes, once there are many: median of 5 after each mark."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "store"
        store = kind(str(place), create=True)
        small = tuple(a[:4] for a in episode(0)[:2])
        out: Numbers = {"episodes": list(marks), "end_of_episode_ms": [], "kb_written": []}
        number = 0
        for mark in marks:
            while number < mark - 5:
                _tiny(store, number, small)
                number += 1
            before, ends = files_and_bytes(place)[1], []
            for _ in range(5):
                ends.append(_tiny(store, number, small))
                number += 1
            out["end_of_episode_ms"].append(round(1e3 * statistics.median(ends), 1))
            out["kb_written"].append(round((files_and_bytes(place)[1] - before) / 5e3, 1))
        store.close()
        return out


def _tiny(store: Any, number: int, data: tuple[Any, ...]) -> float:
    """An episode of the full number of arrays and hardly any content."""
    global FRAMES, SETTLE
    frames, FRAMES, settle, SETTLE = FRAMES, 4, SETTLE, 0.0
    try:
        pictures = {n: np.zeros((4, SIZE, SIZE, 3), np.uint8) for n in CAMERAS}
        return float(store.write(number, (*data, pictures)))
    finally:
        FRAMES, SETTLE = frames, settle


@contextmanager
def s3_server() -> Iterator[Callable[[], dict[str, int]]]:
    """moto's server in a process of its own; yields a function that counts the requests since it was last asked."""
    import boto3

    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "requests"
        code = (
            "from moto.server import ThreadedMotoServer as S\nimport time\n"
            "s = S('127.0.0.1', 0)\ns.start()\nprint(s.get_host_and_port()[1], flush=True)\ntime.sleep(1e6)"
        )
        with log.open("wb") as errors:
            server = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=errors)
        try:
            assert server.stdout is not None
            lines = (line.decode().strip() for line in iter(server.stdout.readline, b""))
            port = next(line for line in lines if line.isdigit())
            for name, value in {
                "AWS_ACCESS_KEY_ID": "bench",
                "AWS_SECRET_ACCESS_KEY": "bench",
                "AWS_REGION": "us-east-1",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
                "ROBOT_RL_MIRROR": str(Path(folder) / "mirror"),
            }.items():
                os.environ[name] = value
            boto3.client("s3").create_bucket(Bucket="bench")
            seen = 0

            def requests() -> dict[str, int]:
                nonlocal seen
                time.sleep(0.2)
                lines = log.read_text(errors="replace").splitlines()
                verbs = [m[1] for line in lines[seen:] if (m := REQUEST.search(line))]
                seen = len(lines)
                return {v: verbs.count(v) for v in sorted(set(verbs))}

            yield requests
        finally:
            server.kill()
            server.wait()


def remote(kind: Any, episodes: int, requests: Callable[[], dict[str, int]]) -> Numbers:
    """Write to S3, and read from a machine that has nothing yet."""
    place = f"s3://bench/{kind.name}"
    store = kind(place, create=True)
    data = [episode(n) for n in range(episodes)]
    store.write(0, data[0])
    requests()
    ends = [store.write(n, data[n]) for n in range(1, episodes)]
    asked = requests()
    store.close()
    shutil.rmtree(os.environ["ROBOT_RL_MIRROR"], ignore_errors=True)
    requests()
    fresh = kind(place, create=False)
    start = time.perf_counter()
    found = [fresh.read(n) for n in range(episodes)]
    seconds = time.perf_counter() - start
    for (action, pictures), truth in zip(found, data):
        np.testing.assert_array_equal(action, truth[1])
        np.testing.assert_array_equal(pictures, truth[2]["front"])
    reading = requests()
    fresh.close()
    return {
        "end_of_episode_ms": round(1e3 * statistics.median(ends)),
        "requests_per_commit": {v: round(n / (episodes - 1), 1) for v, n in asked.items()},
        "first_read_ms_per_episode": round(1e3 * seconds / episodes),
        "requests_per_episode_read": {v: round(n / episodes, 1) for v, n in reading.items()},
    }


def kill_safety(kind: Any, kills: int) -> Numbers:
    """Kill a recorder again and again at random moments, and look at what is there."""
    numbers: list[int] = []
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        place = str(Path(folder) / "store")
        kind(place, create=True).close()
        said: set[int] = set()
        unreadable, wrong = 0, 0
        for _ in range(kills):
            command = [sys.executable, __file__, "--record", kind.name, place]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            assert process.stdout is not None
            while process.stdout.readline() != "recording\n":
                pass
            lines = []
            time.sleep(float(rng.uniform(0, 1.5)))
            process.send_signal(signal.SIGKILL)
            lines += process.communicate()[0].splitlines(keepends=True)
            said |= {int(x) for x in lines if x.endswith("\n") and x.strip().isdigit()}
            try:
                there = kind(place, create=False)
                numbers = there.numbers()
                there.close()
            except Exception as error:  # noqa: BLE001 (whatever goes wrong is what is counted)
                print(f"{kind.name}: {error}", file=sys.stderr)
                unreadable += 1
                continue
            wrong += len(said - set(numbers))
            for position, number in list(enumerate(numbers))[-2:]:
                action = there.read(position if kind is Ours else number)[0]
                wrong += not np.array_equal(action, episode(number)[1])
        leftover = files_and_bytes(Path(place))[1]
        return {
            "kills": kills,
            "episodes_committed": len(said),
            "could_not_be_opened": unreadable,
            "lost_or_wrong": wrong,
            "mb_on_disk_per_committed_episode": round(leftover / max(1, len(numbers)) / 1e6, 3),
        }


def record_forever(kind: Any, place: str) -> None:
    """Record until killed, saying which episodes are committed."""
    store = kind(place, create=False)
    number = max(store.numbers(), default=-1) + 1
    while True:
        data = episode(number)
        print("recording", flush=True)
        store.write(number, data)
        print(number, flush=True)
        number += 1


NOTES = """\
Both kept every committed episode through SIGKILL. Our own protocol was kept as the format for recording, for what \
was measured: (1) a commit writes the same whether the data set holds 10 episodes or 250, while an Icechunk snapshot \
lists every array, so that a commit writes more with every episode; (2) frames are read about ten times as fast per \
CPU second, because they are found and decoded without zarr (which Icechunk needs) and can be mapped; (3) an episode \
costs half the CPU; (4) what a killed recorder had written can be salvaged, while chunks without a commit belong to \
nothing; (5) Icechunk itself warns that its local storage is unsafe for concurrent commits. The end of an episode is \
not a like-for-like time: ours streams while recording and only finishes then, Icechunk gets its arrays whole at the \
end. In favour of Icechunk: branches, tags, time travel, transactions over edits in an object store (where ours only \
adds), fewer requests for a commit, and far fewer to read part of an episode, since ours has an object for each \
array. Times on S3 are those of a test server on the same machine and say nothing of a cloud.\
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--record", nargs=2, metavar=("KIND", "PLACE"))
    arguments = parser.parse_args()
    kinds = {"robot_rl": Ours, "icechunk": Ice}
    if arguments.record:
        record_forever(kinds[arguments.record[0]], arguments.record[1])
    result: Numbers = {"what": __doc__.split("\n\n")[1].replace("\n", " ") if __doc__ else ""}
    result["local"] = {n: local(k, episodes=8, reads=400) for n, k in kinds.items()}
    result["growth"] = {n: growth(k, (10, 100, 250)) for n, k in kinds.items()}
    with s3_server() as requests:
        result["s3"] = {n: remote(k, 4, requests) for n, k in kinds.items()}
    result["kill_safety"] = {n: kill_safety(k, arguments.kills) for n, k in kinds.items()}
    packages = ("robot_rl", "icechunk", "zarr", "obstore", "moto", "numpy")
    result["notes"] = NOTES
    result["versions"] = {p: importlib.metadata.version(p) for p in packages} | {"python": platform.python_version()}
    result["machine"] = {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps({k: result[k] for k in ("local", "growth", "s3", "kill_safety")}, indent=1))


if __name__ == "__main__":
    main()
