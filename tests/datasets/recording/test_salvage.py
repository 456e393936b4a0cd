from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from robot_rl.datasets import Dataset, DatasetError
from robot_rl.datasets.check.episode_timing import timing_findings
from robot_rl.datasets.recording.salvage import drop, salvage
from robot_rl.datasets.store.verify import verify

from ..conftest import CAMERAS, SPEC, action, fill, picture
from .test_killed import record_and_kill


@pytest.fixture
def dead(tmp_path: Path) -> tuple[Dataset, Path]:
    """A data set with an episode of 9 steps whose process died: its folder as it was before the end."""
    dataset = Dataset.create(tmp_path / "d", SPEC, CAMERAS, images="jpeg")
    writer = dataset.new_episode(instruction="lift", seed=4)
    fill(writer, 9)
    writer._queue.close()  # what a kill leaves: everything flushed, nothing finished
    writer._thread.join()
    writer._files.flush()
    copy = writer.folder.with_name("0dead0")
    shutil.copytree(writer.folder, copy)
    writer.discard()
    return dataset, copy


def test_all_that_reached_the_disk_is_kept(dead: tuple[Dataset, Path]) -> None:
    dataset, folder = dead
    assert dataset.unfinished() == [folder]
    assert salvage(dataset, folder) == 0
    episode = dataset[0]
    assert (len(episode), episode.success, episode.attributes["seed"]) == (9, None, 4)
    assert episode.attributes["salvaged"] == "0dead0"
    np.testing.assert_array_equal(episode.steps["executed"], [action(t) for t in range(9)])
    assert np.abs(episode.stream("wrist").values[7].astype(int) - picture(7)).max() <= 12
    assert dataset.unfinished() == []
    assert list(verify(dataset)) == []


def test_torn_files_cost_their_torn_rows_only(dead: tuple[Dataset, Path]) -> None:
    dataset, folder = dead
    for name, cut in [
        ("steps/human/c.0.0", 3),
        ("streams/joints/value/c.0.0", 20),
        ("streams/wrist/value/c.0.0.0.0", 1),
    ]:
        os.truncate(folder / name, (folder / name).stat().st_size - cut)
    salvage(dataset, folder)
    episode = dataset[0]
    assert len(episode) == 8
    assert {n: len(episode.stream(n)) for n in ("pose", "joints", "wrist")} == {"pose": 9, "joints": 8, "wrist": 9}


def test_samples_of_steps_that_never_reached_the_disk_are_left_out(dead: tuple[Dataset, Path]) -> None:
    dataset, folder = dead
    file = folder / "steps/stamp/c.0"
    os.truncate(file, file.stat().st_size * 5 // 9)  # steps wait for word of the episode's end, samples do not
    salvage(dataset, folder)
    episode = dataset[0]
    assert len(episode) == 5
    where_it_led = episode.steps["stamp"][-1] + dataset.spec.period_ns
    for name in ("pose", "joints", "wrist"):
        assert episode.stream(name).stamps[-1] == where_it_led, name
    rates = dict.fromkeys(["steps", *episode.stream_names], dataset.spec.rate)
    assert not [f for f in timing_findings(episode, rates) if f.kind == "clock step"]


def test_what_holds_no_step_is_left_to_be_dropped(dead: tuple[Dataset, Path]) -> None:
    dataset, folder = dead
    os.truncate(folder / "steps/stamp/c.0", 0)
    assert salvage(dataset, folder) is None
    assert dataset.unfinished() == [folder]
    drop(dataset, folder)
    assert dataset.unfinished() == []
    with pytest.raises(DatasetError, match="not an unfinished episode"):
        drop(dataset, dataset.path / "episodes")


def test_salvaging_twice_keeps_one_copy(dead: tuple[Dataset, Path]) -> None:
    dataset, folder = dead
    shutil.copytree(folder, folder.with_name("backup"))
    salvage(dataset, folder)
    folder.with_name("backup").rename(folder)  # killed between the commit and the removal
    assert salvage(dataset, folder) == 0
    assert (len(dataset), dataset.unfinished()) == (1, [])


def test_a_folder_that_was_salvaged_before_other_episodes_is_not_kept_twice(dead: tuple[Dataset, Path]) -> None:
    dataset, folder = dead
    shutil.copytree(folder, folder.with_name("backup"))
    assert salvage(dataset, folder) == 0
    with dataset.new_episode() as writer:
        fill(writer, 3)
        writer.commit(True)
    folder.with_name("backup").rename(folder)  # the salvage was killed between the commit and the removal
    assert salvage(dataset, folder) == 0
    assert ([len(e) for e in dataset], dataset.unfinished()) == ([9, 3], [])


@pytest.mark.parametrize("first", ["original", "copy"])
def test_what_a_killed_salvage_had_copied_is_no_second_episode(dead: tuple[Dataset, Path], first: str) -> None:
    dataset, folder = dead
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy)
    file = copy / "zarr.json"
    file.write_text(file.read_text().replace('"instruction"', '"salvaged": "0dead0", "instruction"'))
    if first == "copy":
        assert salvage(dataset, copy) is None
        assert salvage(dataset, folder) == 0
    else:
        assert salvage(dataset, folder) == 0
    assert salvage(dataset, copy) == 0
    assert (len(dataset), dataset.unfinished()) == (1, [])


def test_a_killed_recorder_leaves_episodes_that_can_be_salvaged(dataset: Dataset) -> None:
    dataset.close()
    for delay in (0.05, 0.09, 0.13):
        record_and_kill(dataset.path, delay)
    with Dataset.open(dataset.path, "a") as again:
        for folder in again.unfinished():
            if salvage(again, folder) is None:
                drop(again, folder)
        assert again.unfinished() == []
        assert list(verify(again)) == []
