"""Whatever ends the writer thread, no episode is committed of which a part was not written."""

from __future__ import annotations

from typing import Any

import pytest

from robot_rl.datasets import Dataset, DatasetError
from robot_rl.datasets.recording import writer as writing
from robot_rl.datasets.recording.episode_files import EpisodeFiles

from ..conftest import fill, step


def fail_at(monkeypatch: pytest.MonkeyPatch, call: int, error: BaseException | None) -> None:
    """Let the `call`-th step be written fail with this error, or silently."""
    real, calls = EpisodeFiles.append_step, [0]

    def failing(self: EpisodeFiles, row: Any) -> None:
        calls[0] += 1
        if calls[0] != call:
            real(self, row)
        elif error is not None:
            raise error

    monkeypatch.setattr(EpisodeFiles, "append_step", failing)


@pytest.mark.parametrize("error", [MemoryError(), TypeError("a codec's"), SystemExit(1)])
def test_an_episode_whose_writer_thread_died_is_not_committed(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    fail_at(monkeypatch, 10, error)
    writer = dataset.new_episode()
    for t in range(10):
        writer.add_step(step(t))
    with pytest.raises(DatasetError, match=f"could not be written: {type(error).__name__}"):
        writer.commit(True)
    assert [p.name for p in (dataset.path / "episodes").iterdir()] == ["zarr.json"]
    assert len(dataset) == 0


def test_nobody_waits_for_a_writer_thread_that_died(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_at(monkeypatch, 1, MemoryError())
    monkeypatch.setattr(writing, "QUEUE_BYTES", 1 << 14)
    writer = dataset.new_episode()
    with pytest.raises(DatasetError, match="MemoryError"):
        fill(writer, 1000)
    writer.discard()


def test_an_episode_of_which_a_row_is_missing_is_not_committed(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_at(monkeypatch, 3, None)
    writer = dataset.new_episode()
    fill(writer, 5)
    with pytest.raises(DatasetError, match="holds 4 of 5 rows"):
        writer.commit(True)
    assert len(dataset) == 0 and dataset.unfinished() == []


def test_an_episode_that_is_left_is_unfinished_with_all_that_was_added(dataset: Dataset) -> None:
    writer = dataset.new_episode()
    fill(writer, 5)
    writer.leave()
    writer.discard()  # it is over: this does nothing
    dataset.close()
    with Dataset.open(dataset.path, "a") as again:
        assert again.unfinished() == [writer.folder]
        assert (writer.folder / "steps/reward/c.0").stat().st_size == 5 * 4
