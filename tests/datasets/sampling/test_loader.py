from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from robot_rl.datasets import Dataset, DatasetError
from robot_rl.datasets.sampling.loader import Loader
from robot_rl.datasets.sampling.sampler import Sampler
from robot_rl.datasets.sampling.windows import Windows

Record = Callable[..., int]


@pytest.fixture
def windows(dataset: Dataset, record: Record) -> Windows:
    record(7)
    record(8)
    return Windows(dataset, ["pose", "wrist", "wrist_depth"], n_obs=2, horizon=3)


def copies(loader: Loader, count: int) -> list[dict[str, np.ndarray]]:
    return [{n: v.copy() for n, v in loader.next_batch().items()} for _ in range(count)]


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[n], b[n]) for n in a)


def test_batches_are_the_same_whatever_the_number_of_workers_and_resume_in_mid_epoch(windows: Windows) -> None:
    expected = copies(Loader(windows, Sampler(15, 4, seed=1)), 8)
    assert expected[0]["wrist"].shape == (4, 2, 12, 16, 3) and expected[0]["action"].shape == (4, 3, 3)
    for workers in (1, 2):
        with Loader(windows, Sampler(15, 4, seed=1), workers=workers) as loader:
            assert all(same(a, b) for a, b in zip(expected, copies(loader, 5), strict=False))
            state = loader.state_dict()
            assert (state["epoch"], state["batch"]) == (1, 2)  # what was read ahead does not count
            assert same(copies(loader, 1)[0], expected[5])
            loader.load_state_dict(state)
            assert all(same(a, b) for a, b in zip(expected[5:], copies(loader, 3), strict=True))


def test_an_iteration_is_an_epoch_and_a_short_last_batch_is_cut(windows: Windows) -> None:
    with Loader(windows, Sampler(15, 4, order="sequential", drop_last=False), workers=1) as loader:
        for _ in range(2):
            batches = list(loader)
            assert [len(b["wrist"]) for b in batches] == [len(b["pose"]) for b in batches] == [4, 4, 4, 3]
            seen = np.concatenate([b["wrist"][:, -1, 5, 5, 0] for b in batches])
            assert seen.tolist() == [*range(7), *range(8)]
        assert len(loader) == 4 and loader.sampler.epoch == 2


def test_a_batch_stays_as_it_is_while_anybody_keeps_it(windows: Windows) -> None:
    expected = copies(Loader(windows, Sampler(15, 3, seed=2)), 20)
    with Loader(windows, Sampler(15, 3, seed=2), workers=1, prefetch=2) as loader:
        kept = [loader.next_batch() for _ in range(20)]  # far more than there are slots
        assert all(same(a, b) for a, b in zip(expected, kept, strict=True))
        view = kept[0]["wrist"][1]
        del kept
        again = [loader.next_batch() for _ in range(10)]
        assert np.array_equal(view, expected[0]["wrist"][1]) and len(again) == 10


def test_workers_are_spawned_and_import_no_torch(windows: Windows) -> None:
    with Loader(windows, Sampler(15, 4), workers=1) as loader:
        loader.next_batch()
        assert loader._pool is not None
        process = Path("/proc") / str(loader._pool._processes[0].pid)
        assert b"multiprocessing.spawn" in (process / "cmdline").read_bytes()
        assert "libtorch" not in (process / "maps").read_text()


def test_damage_found_by_a_worker_is_raised_here(dataset: Dataset, windows: Windows) -> None:
    undecoded = Windows(dataset, ["wrist"], 1, 1, cache=None)
    shard = next((dataset[0].folder / "streams" / "wrist" / "value").glob("c.*"))
    shard.write_bytes(b"\0" * shard.stat().st_size)
    with Loader(undecoded, Sampler(15, 4, order="sequential"), workers=1) as loader:
        with pytest.raises(DatasetError, match=r"index of its frames is damaged|cannot be decoded"):
            loader.next_batch()
        assert loader.state_dict()["batch"] == 0


def test_a_killed_worker_is_an_error_that_says_so(windows: Windows) -> None:
    with Loader(windows, Sampler(15, 4), workers=1, prefetch=1) as loader:
        loader.next_batch()
        assert loader._pool is not None
        loader._pool._processes[0].kill()
        with pytest.raises(DatasetError, match="loader-0 ended with code -9"):
            for _ in range(3):
                loader.next_batch()


SCRIPT = """
import sys
from robot_rl.datasets import Dataset
from robot_rl.datasets.sampling.loader import Loader
from robot_rl.datasets.sampling.sampler import Sampler
from robot_rl.datasets.sampling.windows import Windows

if __name__ == "__main__":
    windows = Windows(Dataset.open(sys.argv[1]), ["wrist"], 1, 1)
    loader = Loader(windows, Sampler(len(windows), 4), workers=2)
    loader.next_batch()
    print(*(p.pid for p in loader._pool._processes), flush=True)
    sys.stdin.read()
"""


def test_workers_end_when_their_parent_is_killed(dataset: Dataset, windows: Windows, tmp_path: Path) -> None:
    script = tmp_path / "trains.py"
    script.write_text(SCRIPT)
    parent = subprocess.Popen(
        [sys.executable, script, dataset.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pids = [int(p) for p in parent.stdout.readline().split()]
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 10
    while (alive := [p for p in pids if _runs(p)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(pids) == 2 and not alive


def test_arguments_out_of_range_are_refused(windows: Windows) -> None:
    with pytest.raises(DatasetError, match="is for 14 windows, there are 15"):
        Loader(windows, Sampler(14, 2))
    with pytest.raises(DatasetError, match="workers=-1"):
        Loader(windows, Sampler(15, 2), workers=-1)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
