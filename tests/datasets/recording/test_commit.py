"""Once an episode is in place, nothing that goes wrong tells of its loss or costs a later one."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from robot_rl.datasets import Dataset, DatasetError
from robot_rl.datasets import dataset as dataset_module
from robot_rl.datasets.recording.salvage import salvage
from robot_rl.datasets.store import index
from robot_rl.datasets.store.verify import verify

from ..conftest import fill

Record = Callable[..., int]


def once(function: Callable[..., Any], error: BaseException) -> Callable[..., Any]:
    """Raises `error` at its first call, and does its work from then on."""
    left = [error]

    def call(*args: Any, **kwargs: Any) -> Any:
        if left:
            raise left.pop()
        return function(*args, **kwargs)

    return call


def check_whole(dataset: Dataset, numbers: tuple[int, ...]) -> None:
    """These episodes and no others are there, now and when opened again."""
    assert dataset.numbers == numbers
    dataset.close()
    with Dataset.open(dataset.path, "a") as again:
        assert again.numbers == numbers and again.unfinished() == [] and list(verify(again)) == []
    assert Dataset.open(dataset.path).journal.damage == []


def test_a_folder_that_cannot_be_flushed_after_the_rename_costs_nothing(
    dataset: Dataset, record: Record, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = OSError(errno.EIO, "Input/output error")
    monkeypatch.setattr(dataset_module, "fsync", once(dataset_module.fsync, broken))
    assert [record(3), record(3)] == [0, 1]
    assert "episode 0 is in place, but a power cut may undo that" in caplog.text
    check_whole(dataset, (0, 1))


@pytest.mark.parametrize("what", ["open", "write", "ftruncate"])
def test_a_journal_that_cannot_be_written_is_completed_later(
    dataset: Dataset, record: Record, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    with monkeypatch.context() as patch:
        if what == "open":
            patch.setattr(dataset.journal, "_write", once(dataset.journal._write, full))
        else:
            patch.setattr(index.os, "write", lambda *_: 0)
        if what == "ftruncate":
            patch.setattr(index.os, "ftruncate", once(os.ftruncate, OSError(errno.EIO, "Input/output error")))
        assert record(3) == 0
    assert dataset.numbers == (0,) and dataset.journal.damage
    with monkeypatch.context() as patch:
        patch.setattr(index, "replace_atomically", once(index.replace_atomically, full))
        assert record(3) == 1
    assert record(3) == 2
    check_whole(dataset, (0, 1, 2))


def test_an_interruption_right_after_the_rename_costs_no_episode(
    dataset: Dataset, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset_module, "fsync", once(dataset_module.fsync, KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        record(3)
    assert record(4) == 1
    assert [len(e) for e in dataset] == [3, 4]
    check_whole(dataset, (0, 1))


def test_what_lies_in_the_way_is_stepped_over(dataset: Dataset, record: Record) -> None:
    (dataset.path / "episodes/000000").write_text("a file")
    (dataset.path / "episodes/000001").mkdir()
    assert record(3) == 2
    assert dataset.numbers == (2,)


def test_an_episode_that_cannot_be_put_in_place_is_left_to_be_salvaged(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = dataset.new_episode()
    fill(writer, 3)

    def in_the_way(source: Path, target: Path) -> None:
        raise OSError(errno.ENOTEMPTY, "Directory not empty", str(target))

    with monkeypatch.context() as patch:
        patch.setattr(dataset_module.os, "rename", in_the_way)
        with pytest.raises(DatasetError, match="The episode is whole in .* puts it in place"):
            writer.commit(True)
    assert not dataset.recording and dataset.unfinished() == [writer.folder]
    assert salvage(dataset, writer.folder) == 0
    assert (len(dataset[0]), dataset[0].success) == (3, True)
    check_whole(dataset, (0,))
