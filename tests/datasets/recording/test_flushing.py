from __future__ import annotations

import errno
import threading
from pathlib import Path

import pytest

from robot_rl.datasets import Dataset, DatasetError
from robot_rl.datasets.recording import flushing
from robot_rl.datasets.recording.flushing import EarlyFlush
from robot_rl.datasets.store import files

from ..conftest import fill


def test_a_slow_disk_delays_nobody_and_nothing_is_offered_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, seen = threading.Event(), []

    def slow(path: Path) -> None:
        seen.append(path.name)
        assert go.wait(10)

    monkeypatch.setattr(flushing, "fsync", slow)
    with EarlyFlush() as early:
        early.offer([tmp_path / "a"])
        early.offer([tmp_path / "b"])  # the disk is still busy with the first: returns at once
        go.set()
    assert seen == ["a"]


def test_a_failure_of_the_disk_is_raised_once_it_is_known(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), EarlyFlush() as early:
        early.offer([tmp_path / "missing"])


def test_an_episode_the_disk_failed_is_not_committed(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: Path) -> None:
        raise OSError(errno.EIO, "Input/output error", str(path))

    monkeypatch.setattr(flushing, "fsync", broken)
    monkeypatch.setattr("robot_rl.datasets.recording.writer.FLUSH_SECONDS", 0.0)
    writer = dataset.new_episode()
    with pytest.raises(DatasetError, match="Input/output error"):
        fill(writer, 200)
        writer.commit(True)
    assert len(dataset) == 0


def test_flushing_a_tree_reaches_every_file_and_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("x", "a/y", "a/b/z"):
        (tmp_path / name).touch()
    seen: list[str] = []
    monkeypatch.setattr(files, "fsync", lambda path: seen.append(str(path.relative_to(tmp_path))))
    files.fsync_tree(tmp_path)
    assert sorted(seen) == [".", "a", "a/b", "a/b/z", "a/y", "x"]


def test_a_failed_flush_of_a_tree_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        (tmp_path / name).touch()

    def broken(path: Path) -> None:
        if path.name == "b":
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(files, "fsync", broken)
    with pytest.raises(OSError, match="Input/output"):
        files.fsync_tree(tmp_path)
