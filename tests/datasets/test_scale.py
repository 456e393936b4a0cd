from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from robot_rl.datasets import Dataset
from robot_rl.datasets.store.index import Entry, episode_name

from .conftest import CAMERAS, SPEC, fill

EPISODES = 6_667  # a million frames in episodes of 150


def large(path: Path) -> None:
    """A data set whose journal names a million frames."""
    with Dataset.create(path, SPEC, CAMERAS) as data:
        for n in range(EPISODES):
            (path / "episodes" / episode_name(n)).mkdir()
            data.journal.append(Entry(n, f"{n:032x}", 150, True, "demonstration"))


def test_a_million_frames_open_in_a_tenth_of_a_second_and_ten_megabytes(tmp_path: Path) -> None:
    large(tmp_path / "large")
    seconds = []
    for _ in range(5):
        start = time.process_time()
        data = Dataset.open(tmp_path / "large")
        seconds.append(time.process_time() - start)
    tracemalloc.start()
    again = Dataset.open(tmp_path / "large")
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(data) == len(again) == EPISODES
    assert min(seconds) < 0.1 and used < 10e6


def test_adding_an_episode_to_a_million_frames_reads_and_writes_no_more_than_to_none(tmp_path: Path) -> None:
    large(tmp_path / "large")

    def journal_growth(path: Path) -> tuple[int, int]:
        with Dataset.open(path, "a") as data:
            before = (path / ".robot_rl" / "journal.jsonl").stat()
            with data.new_episode() as writer:
                fill(writer, 3)
                number = writer.commit(True)
            after = (path / ".robot_rl" / "journal.jsonl").stat()
            assert (path / "episodes" / episode_name(number)).is_dir()
            assert before.st_ino == after.st_ino  # appended to, not written anew
            return after.st_size - before.st_size, number

    Dataset.create(tmp_path / "empty", SPEC, CAMERAS).close()
    (few, first), (many, last) = journal_growth(tmp_path / "empty"), journal_growth(tmp_path / "large")
    assert (first, last) == (0, EPISODES)
    assert many - few == len(str(EPISODES)) - 1


def test_memory_does_not_grow_with_the_length_of_an_episode(dataset: Dataset, record: Callable[..., int]) -> None:
    record(10)
    peaks = []
    for steps in (300, 3000):
        with dataset.new_episode() as writer:
            tracemalloc.start()
            fill(writer, steps)
            writer._queue.close()  # what waits to be written is bounded, and not what is measured here
            writer._thread.join()
            peaks.append(tracemalloc.get_traced_memory()[0])
            tracemalloc.stop()
    assert peaks[1] < peaks[0] + 500_000  # ten times the frames (2 MB of pictures decoded): places of frames alone
