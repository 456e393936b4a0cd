from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from robot_rl.datasets import Dataset, DatasetError, Sample
from robot_rl.datasets.sampling import cache as cache_module
from robot_rl.datasets.sampling import memory
from robot_rl.datasets.sampling.cache import FrameCache, cache_folder, default_limit, frames_key
from robot_rl.datasets.sampling.frame_table import Access, FrameTable
from robot_rl.datasets.sampling.windows import Windows

from ..conftest import CAMERAS, PERIOD, SPEC, fill, picture, step

Record = Callable[..., int]
FRAME = 12 * 16 * 3


def wrist(episode: object) -> tuple[object, str]:
    """The pictures of an episode's camera and what identifies them."""
    key = frames_key(episode.attributes, "wrist")  # type: ignore[attr-defined]
    assert key is not None
    return episode.stream("wrist").values, key  # type: ignore[attr-defined]


def test_a_cache_file_is_the_decoded_frames(dataset: Dataset, record: Record, tmp_path: Path) -> None:
    record(5)
    frames, key = wrist(dataset[0])
    path = FrameCache(tmp_path / "c").find(frames, key)
    assert path is not None and path.read_bytes() == b"".join(picture(t).tobytes() for t in range(6))
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_windows_read_the_same_pictures_from_the_cache_as_decoded(dataset: Dataset, record: Record) -> None:
    record(6)
    record(9)
    kept, decoded = (Windows(dataset, ["wrist", "wrist_depth"], 3, 2, cache=c) for c in ("auto", None))
    files = list((dataset.path / ".robot_rl" / "cache").iterdir())
    assert len(files) == 4
    indices = np.array([14, 0, 7, 7, 5])
    a, b = kept.batch(indices), decoded.batch(indices)
    for name in ("wrist", "wrist_depth"):
        np.testing.assert_array_equal(a[name], b[name])
    assert a["wrist"][0, :, 5, 5, 0].tolist() == [6, 7, 8] and a["wrist"][1, :, 5, 5, 0].tolist() == [0, 0, 0]
    assert a["wrist_depth"].dtype == np.uint16 and a["wrist_depth"][0, :, 0, 0].tolist() == [1006, 1007, 1008]
    assert kept.pictures["wrist"].stored_raw and not decoded.pictures["wrist"].stored_raw


def test_pictures_stored_raw_need_no_cache_however_many_files_they_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robot_rl.datasets.store.arrays.FRAMES_PER_SHARD", 4)
    with Dataset.create(tmp_path / "raw", SPEC, CAMERAS, images="raw") as data:
        with data.new_episode() as writer:
            fill(writer, 9)
            writer.commit(True)
        windows = Windows(data, ["wrist"], 3, 1)
        assert windows.pictures["wrist"].stored_raw
        assert windows.batch(np.arange(9))["wrist"][:, :, 5, 5, 0].tolist() == [
            [max(0, t - 2), max(0, t - 1), t] for t in range(9)
        ]
    assert not (tmp_path / "raw" / ".robot_rl" / "cache").exists()


def test_a_slow_camera_shows_its_latest_picture(dataset: Dataset) -> None:
    with dataset.new_episode() as writer:
        for t in range(6):
            if t % 2 == 0:
                writer.add_sample(Sample("wrist", t * PERIOD, picture(t)))
            writer.add_step(step(t))
        writer.commit(True)
    assert Windows(dataset, ["wrist"], 1, 1).batch(np.arange(6))["wrist"][:, 0, 5, 5, 0].tolist() == [0, 0, 2, 2, 4, 4]


def test_a_cut_cache_file_is_built_anew(dataset: Dataset, record: Record, tmp_path: Path) -> None:
    record(5)
    frames, key = wrist(dataset[0])
    path = FrameCache(tmp_path).find(frames, key)
    assert path is not None
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert FrameCache(tmp_path).find(frames, key) == path and path.read_bytes() == whole


def test_what_a_killed_builder_left_is_taken_over(dataset: Dataset, record: Record, tmp_path: Path) -> None:
    record(5)
    frames, key = wrist(dataset[0])
    (tmp_path / f"{key}.part").write_bytes(b"torn" * 5000)
    path = FrameCache(tmp_path).find(frames, key)
    assert path is not None and path.stat().st_size == 6 * FRAME
    assert [p.name for p in tmp_path.iterdir() if p.suffix in (".part", ".frames")] == [path.name]


def test_other_pictures_have_another_key_and_other_labels_the_same(dataset: Dataset, record: Record) -> None:
    record(5, True)
    record(5, False)
    record(6)
    keys = [frames_key(e.attributes, "wrist") for e in dataset]
    assert keys[0] == keys[1] != keys[2]
    assert frames_key(dataset[0].attributes, "wrist_depth") != keys[0]


def test_the_cache_removes_what_was_used_longest_ago(dataset: Dataset, record: Record, tmp_path: Path) -> None:
    for steps in (4, 5, 6):
        record(steps)
    found = [wrist(e) for e in dataset]
    limit = 13 * FRAME  # the pictures of the last two episodes: 6 and 7
    paths = [FrameCache(tmp_path, limit).find(*f) for f in found[:2]]  # type: ignore[arg-type]
    for second, path in zip((20, 10), paths):
        os.utime(path, (second, second))  # type: ignore[arg-type]
    assert FrameCache(tmp_path, limit).find(*found[2]) is not None  # type: ignore[arg-type]
    assert [p.exists() for p in paths] == [True, False]  # type: ignore[union-attr]


def test_pictures_beyond_the_limit_are_decoded_when_read(
    dataset: Dataset, record: Record, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    record(4)
    record(5)
    windows = Windows(dataset, ["wrist"], 1, 1, cache=FrameCache(tmp_path / "c", limit=6 * FRAME))
    assert not windows.pictures["wrist"].stored_raw
    assert len(list((tmp_path / "c").iterdir())) == 1 and "do not fit" in caplog.text
    assert windows.batch(np.arange(9))["wrist"][:, 0, 5, 5, 0].tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 4]


def test_a_cache_cleared_while_it_is_used_costs_speed_and_nothing_else(
    dataset: Dataset, record: Record, tmp_path: Path
) -> None:
    record(4)
    windows = Windows(dataset, ["wrist"], 1, 1, cache=FrameCache(tmp_path / "c"))
    for path in (tmp_path / "c").iterdir():
        path.unlink()
    assert windows.batch(np.array([2]))["wrist"][0, 0, 5, 5, 0] == 2


def test_a_raw_file_replaced_since_is_an_error_not_another_picture(tmp_path: Path) -> None:
    with Dataset.create(tmp_path / "raw", SPEC, CAMERAS, images="raw") as data:
        with data.new_episode() as writer:
            fill(writer, 3)
            writer.commit(True)
        windows = Windows(data, ["wrist"], 1, 1)
        shard = next((data[0].folder / "streams" / "wrist" / "value").glob("c.*"))
        shard.write_bytes(bytes(shard.stat().st_size))
        with pytest.raises(DatasetError, match=r"c\.0\.0\.0\.0 has changed since"):
            windows.batch(np.array([0]))


@pytest.mark.parametrize("access", ["held", "mapped", "read"])
def test_pictures_held_mapped_or_read_are_the_same(
    access: Access, dataset: Dataset, record: Record, tmp_path: Path
) -> None:
    record(5)
    record(5)
    table = Windows(dataset, ["wrist"], 1, 1, cache=FrameCache(tmp_path / "c")).pictures["wrist"]
    table.access = access
    assert table[np.array([[9, 0], [1, 2], [5, 4]])][..., 5, 5, 0].tolist() == [[4, 0], [1, 2], [0, 4]]


@pytest.mark.parametrize(("memory_size", "access"), [(16, "held"), (15, "mapped"), (4, "mapped"), (3, "read")])
def test_the_size_of_the_data_against_that_of_memory_decides_how_pictures_are_read(
    memory_size: int, access: str, dataset: Dataset, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(5)
    monkeypatch.setattr(memory, "available", lambda: memory_size * 6 * FRAME)
    windows = Windows(dataset, ["wrist"], 1, 1)
    assert windows.pictures["wrist"].access == access
    assert windows.batch(np.array([3]))["wrist"][0, 0, 5, 5, 0] == 3


def test_rows_out_of_range_are_refused(dataset: Dataset, record: Record) -> None:
    record(4)
    windows = Windows(dataset, ["wrist"], 1, 1)
    table = windows.fields["wrist"]
    assert isinstance(table, FrameTable) and table.shape == (4, 12, 16, 3) and table.decoded_bytes == 4 * FRAME
    for rows in ([-1], [4]):
        with pytest.raises(IndexError, match="of a table of 4"):
            table[np.array(rows)]
    with pytest.raises(IndexError, match="windows 4 to 4 of 4"):
        windows.batch(np.array([4]))


def build(path: str, folder: str, barrier: object) -> None:
    """What each of several processes does at once."""
    frames, key = wrist(Dataset.open(path)[0])
    cache = FrameCache(Path(folder))
    barrier.wait()  # type: ignore[attr-defined]
    assert cache.find(frames, key) is not None  # type: ignore[arg-type]


def test_several_processes_build_one_file_at_once(dataset: Dataset, record: Record, tmp_path: Path) -> None:
    record(60)
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(3)
    args = (str(dataset.path), str(tmp_path / "c"), barrier)
    processes = [context.Process(target=build, args=args) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [p.exitcode for p in processes] == [0, 0, 0]
    (file,) = (tmp_path / "c").iterdir()
    assert file.read_bytes() == b"".join(picture(t).tobytes() for t in range(61))


def test_a_read_only_data_set_is_cached_in_the_users_cache(
    dataset: Dataset, record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(4)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(cache_module.os, "access", lambda path, mode: False)  # root may write everywhere
    assert cache_folder(dataset.path).parent == tmp_path / "home" / "robot_rl"
    Windows(dataset, ["wrist"], 1, 1)
    assert len(list((tmp_path / "home" / "robot_rl").glob("*/*.frames"))) == 1


def test_a_disk_that_cannot_be_written_is_no_reason_to_stop(
    dataset: Dataset, record: Record, caplog: pytest.LogCaptureFixture
) -> None:
    record(4)
    (dataset.path / ".robot_rl" / "cache").write_text("a file where the folder should be")
    windows = Windows(dataset, ["wrist"], 1, 1)
    assert windows.batch(np.array([3]))["wrist"][0, 0, 5, 5, 0] == 3
    assert "decoded each time" in caplog.text


def test_the_limit_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_limit(tmp_path / "not" / "yet") > 0
    monkeypatch.setenv("ROBOT_RL_CACHE_BYTES", "5000")
    assert default_limit(tmp_path) == 5000
    monkeypatch.setenv("ROBOT_RL_CACHE_BYTES", "5 GB")
    with pytest.raises(DatasetError, match="a whole number of bytes"):
        default_limit(tmp_path)
