"""An edit is whole or not at all, whenever its process is killed; so is undoing, and so is finishing either."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from robot_rl.datasets import Dataset, DatasetError
from robot_rl.datasets.edit.apply import apply, undo

SCRIPT = Path(__file__).with_name("crash_process.py")
Sound = Callable[[Dataset], bool]

_spec = importlib.util.spec_from_file_location("crash_process", SCRIPT)
assert _spec is not None and _spec.loader is not None
crash = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(crash)


def state(path: Path) -> dict[str, str]:
    """Every file that a reader sees; the ids given by chance, and what depends on them, are left out."""
    out = {}
    for file in sorted([path / "zarr.json", *(path / "episodes").rglob("*")]):
        if file.is_file():
            content = file.read_bytes()
            if file.name == "zarr.json":
                data = json.loads(content)
                data["attributes"] = {k: v for k, v in data["attributes"].items() if k not in ("id", "digest")}
                content = json.dumps(data).encode()
            out[str(file.relative_to(path))] = content.hex()
    return out


def die(path: Path, job: str, count: int) -> bool:
    """Fork, do the job and be killed before the `count`-th change; False if it was done before that."""
    child = os.fork()
    if child == 0:
        try:
            crash.main(str(path), job, count)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def every_moment(four: Dataset, job: str, tmp_path: Path, sound: Sound, *, stride: int = 1) -> None:
    """Kill the job before each of its changes to the disk; what opens afterwards is the state before or after."""
    four.close()
    states = [state(four.path)]
    done = tmp_path / "done"
    shutil.copytree(four.path, done)
    assert not die(done, job, 10**9)
    states.append(state(done))
    seen = set()
    for count in range(0, 10**6, stride):
        copy = tmp_path / "copy"
        shutil.copytree(four.path, copy)
        killed = die(copy, job, count)
        with Dataset.open(copy, "a" if count % 2 else "r") as after:
            found = state(copy)
            assert found in states, f"{job} killed before change {count}: neither before nor after"
            seen.add(states.index(found))
            assert sound(after)
        shutil.rmtree(copy)
        if not killed:
            break
    assert seen == {0, 1} or states[0] == states[1]
    assert count > 10


@pytest.mark.parametrize("job", ["delete", "relabel"])
def test_killed_before_any_change_to_the_disk_the_edit_is_whole_or_not_at_all(
    four: Dataset, job: str, tmp_path: Path, sound: Sound
) -> None:
    every_moment(four, job, tmp_path, sound)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("job", ["trim", "split", "rename"])
def test_killed_before_any_change_to_the_disk_long_edits_are_whole_or_not_at_all(
    four: Dataset, job: str, tmp_path: Path, sound: Sound
) -> None:
    every_moment(four, job, tmp_path, sound)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("job", list(crash.EDITS))
def test_killed_while_undoing_the_data_set_is_as_before_or_after(
    four: Dataset, job: str, tmp_path: Path, sound: Sound
) -> None:
    apply(four, crash.EDITS[job])
    every_moment(four, "undo", tmp_path, sound)


def test_killed_while_compacting_only_trash_is_lost(four: Dataset, tmp_path: Path, sound: Sound) -> None:
    apply(four, crash.EDITS["delete"])
    every_moment(four, "compact", tmp_path, sound)


def test_finishing_an_interrupted_edit_may_itself_be_killed(four: Dataset, tmp_path: Path, sound: Sound) -> None:
    """The first process dies with the edit decided, the second while it finishes it, at every moment."""
    four.close()
    count = next(c for c in range(1000) if _pending_after(four.path, tmp_path / f"c{c}", c))
    source = tmp_path / f"c{count}"
    for later in range(1000):
        copy = tmp_path / f"l{later}"
        shutil.copytree(source, copy)
        child = os.fork()
        if child == 0:
            try:
                crash.die_before(later)
                Dataset.open(copy, "a").close()
            finally:
                os._exit(0)
        status = os.waitpid(child, 0)[1]
        with Dataset.open(copy) as after:
            assert after.numbers == (1, 3)
            assert sound(after)
        shutil.rmtree(copy)
        if not os.WIFSIGNALED(status):
            break
    assert later > 4


def _pending_after(path: Path, copy: Path, count: int) -> bool:
    shutil.copytree(path, copy)
    die(copy, "delete", count)
    return (copy / ".robot_rl" / "pending.json").exists()


LOOP = """
import sys
import numpy as np
from robot_rl.datasets import Dataset, DatasetError
from robot_rl.datasets.edit.apply import apply, undo
from robot_rl.datasets.edit.divide import Split, Trim
from robot_rl.datasets.edit.relabel import Relabel
from robot_rl.datasets.edit.remove import Delete
from robot_rl.datasets.edit.rename import Rename
rng = np.random.default_rng(int(sys.argv[2]))
with Dataset.open(sys.argv[1], "a") as dataset:
    print("ready", flush=True)
    while True:
        first = dataset.numbers[0]
        for edit in (Relabel((first,), success="false"), Trim(first, 1, 3), Split(first, (1,)), Rename("joints", "q"),
                     Delete(dataset.numbers[-1:])):
            apply(dataset, edit)
            if rng.random() < 0.2:
                undo(dataset)
                apply(dataset, edit)
        for _ in range(5):
            undo(dataset)
"""


def killed_at_random(path: Path, delays: list[float], sound: Sound) -> None:
    for seed, delay in enumerate(delays):
        process = subprocess.Popen([sys.executable, "-c", LOOP, str(path), str(seed)], stdout=subprocess.PIPE)
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        with Dataset.open(path) as reader:
            assert sound(reader)
        with Dataset.open(path, "a") as dataset:
            while True:
                try:
                    undo(dataset)
                except DatasetError as error:
                    assert "no edit to undo" in str(error)
                    break
            assert sound(dataset)


def test_killed_at_random_moments_every_episode_verifies_and_all_can_be_undone(
    four: Dataset, content: Callable[[Path], dict[str, str]], sound: Sound
) -> None:
    before = content(four.path)
    four.close()
    killed_at_random(four.path, np.random.default_rng(0).uniform(0, 1.0, 3).tolist(), sound)
    assert content(four.path) == before


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_killed_at_a_hundred_random_moments(
    four: Dataset, content: Callable[[Path], dict[str, str]], sound: Sound
) -> None:
    before = content(four.path)
    four.close()
    killed_at_random(four.path, np.random.default_rng(1).uniform(0, 1.5, 100).tolist(), sound)
    assert content(four.path) == before
