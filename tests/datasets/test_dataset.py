from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr

import robot_rl.datasets.store.zarr_codec  # noqa: F401  (makes zarr read our pictures)
from robot_rl.datasets import Dataset, DatasetError, Phase, Sample, Source
from robot_rl.hardware.camera import Intrinsics
from robot_rl.spec import Field, Layout

from .conftest import CAMERAS, PERIOD, SPEC, action, fill, picture, step

Record = Callable[..., int]


def test_what_was_recorded_is_read_back_after_reopening(dataset: Dataset, record: Record) -> None:
    assert (record(5, True), record(3, None)) == (0, 1)
    dataset.close()
    again = Dataset.open(dataset.path)
    assert (len(again), again.identity) == (2, dataset.identity)
    first, second = again
    assert (len(first), first.success, second.success) == (5, True, None)
    np.testing.assert_array_equal(first.steps["executed"], [action(t) for t in range(5)])
    assert np.isnan(first.steps["proposed"]).all()
    assert first.steps["source"].tolist() == [Source.HUMAN] * 5
    stream = first.stream("wrist")
    np.testing.assert_array_equal(stream.stamps, np.arange(6) * PERIOD)
    np.testing.assert_array_equal(stream.values[3], picture(3))
    np.testing.assert_array_equal(
        first.stream("wrist_depth").values[:], np.arange(1000, 1006)[:, None, None] * np.ones((1, 12, 16))
    )


def test_zarr_reads_every_array_as_we_do(dataset: Dataset, record: Record) -> None:
    record(4)
    group = zarr.open_group(dataset.path, mode="r")
    assert group.attrs["spec"]["robot"] == "arm"
    stored = group["episodes/000000"]
    assert stored.attrs["instruction"] == "lift"
    episode = dataset[0]
    for column in episode.steps:
        array = stored[f"steps/{column}"]
        assert array.dtype == episode.steps[column].dtype
        np.testing.assert_array_equal(array[:], episode.steps[column])
    for name in episode.stream_names:
        np.testing.assert_array_equal(stored[f"streams/{name}/value"][:], episode.stream(name).values[:])
        np.testing.assert_array_equal(stored[f"streams/{name}/stamp"][:], episode.stream(name).stamps)


@pytest.mark.parametrize("images", ["raw", "zstd", "png", {"wrist": "jpeg:90"}])
def test_zarr_reads_pictures_of_every_codec(tmp_path: Path, images: str | dict[str, str]) -> None:
    dataset = Dataset.create(tmp_path / "d", SPEC, CAMERAS, images=images)
    with dataset.new_episode() as writer:
        fill(writer, 4)
        writer.commit(True)
    stored = zarr.open_array(dataset.path / "episodes/000000/streams/wrist/value", mode="r")
    np.testing.assert_array_equal(stored[:], dataset[0].stream("wrist").values[:])
    error = np.abs(stored[2].astype(int) - picture(2)).max()
    assert error <= (12 if isinstance(images, dict) else 0)


def test_long_streams_roll_over_to_further_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robot_rl.datasets.store.arrays.ROW_CHUNK_BYTES", 100)
    monkeypatch.setattr("robot_rl.datasets.store.arrays.FRAMES_PER_SHARD", 4)
    dataset = Dataset.create(tmp_path / "d", SPEC, CAMERAS)
    with dataset.new_episode() as writer:
        fill(writer, 30)
        writer.commit(True)
    episode = dataset[0]
    assert (episode.folder / "steps/executed/c.7.0").exists() and (
        episode.folder / "streams/wrist/value/c.7.0.0.0"
    ).exists()
    np.testing.assert_array_equal(episode.steps["executed"], [action(t) for t in range(30)])
    np.testing.assert_array_equal(episode.stream("wrist").values[5:9], [picture(t) for t in range(5, 9)])
    stored = zarr.open_group(episode.folder, mode="r")
    np.testing.assert_array_equal(stored["steps/executed"][:], episode.steps["executed"])
    np.testing.assert_array_equal(stored["streams/wrist/value"][:], [picture(t) for t in range(31)])


def test_alignment_takes_the_latest_sample_at_or_before_each_step(dataset: Dataset) -> None:
    with dataset.new_episode() as writer:
        for t in range(4):
            writer.add_step(step(t))
        for stamp, value in [(-10, 0), (PERIOD, 1), (PERIOD + 1, 2), (3 * PERIOD - 1, 3), (3 * PERIOD + 7, 4)]:
            writer.add_sample(Sample("joints", stamp, np.array([value, 0.0])))
        writer.commit(None)
    episode = dataset[0]
    assert episode.aligned(["joints"])["joints"][:, 0].tolist() == [0, 1, 2, 3]
    assert episode.aligned(["joints"], final=True)["joints"][:, 0].tolist() == [0, 1, 2, 3, 4]


def test_a_silent_stream_is_refused_by_name_when_it_is_asked_for(dataset: Dataset) -> None:
    with dataset.new_episode() as writer:
        writer.add_step(step(0))
        writer.commit(None)
    with pytest.raises(DatasetError, match="no sample of 'wrist'"):
        dataset[0].aligned(["wrist"])


def test_an_exception_discards_the_episode(dataset: Dataset, record: Record) -> None:
    record(2)
    with pytest.raises(ZeroDivisionError), dataset.new_episode() as writer:
        fill(writer, 3)
        1 / 0  # noqa: B018
    assert len(Dataset.open(dataset.path)) == 1
    assert dataset.unfinished() == []


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (step(0), "not after"),
        (step(1, executed=np.array([0.0, np.nan, 0.0])), "not finite"),
        (step(1, human=np.zeros(2)), r"'human' has shape \(2,\)"),
    ],
)
def test_a_step_that_does_not_fit_is_refused(dataset: Dataset, bad: object, message: str) -> None:
    with dataset.new_episode() as writer:
        writer.add_step(step(0))
        with pytest.raises(DatasetError, match=message):
            writer.add_step(bad)  # type: ignore[arg-type]
        writer.add_step(step(1))
        writer.commit(True)
    assert len(dataset[0]) == 2


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (Sample("pos", 5, np.zeros(7)), "Did you mean 'pose'"),
        (Sample("joints", 5, np.zeros(3)), r"got shape \(3,\)"),
        (Sample("joints", 3, np.zeros(2)), "before the last one"),
        (Sample("wrist", 5, np.zeros((12, 16, 3))), "float64 pictures"),
    ],
)
def test_a_sample_that_does_not_fit_is_refused(dataset: Dataset, sample: Sample, message: str) -> None:
    with dataset.new_episode() as writer:
        writer.add_sample(Sample("joints", 4, np.zeros(2)))
        with pytest.raises(DatasetError, match=message):
            writer.add_sample(sample)
        writer.discard()


def test_values_are_copied_when_they_are_added(dataset: Dataset) -> None:
    buffer, frame = np.zeros(2), np.zeros((12, 16, 3), np.uint8)
    with dataset.new_episode() as writer:
        for t in range(20):
            buffer[:], frame[:] = t, t
            writer.add_sample(Sample("joints", t * PERIOD, buffer))
            writer.add_sample(Sample("wrist", t * PERIOD, frame))
            writer.add_step(step(t))
        writer.commit(True)
    np.testing.assert_array_equal(dataset[0].stream("joints").values[:, 0], np.arange(20))
    np.testing.assert_array_equal(dataset[0].stream("wrist").values[:][:, 0, 0, 0], np.arange(20))


def test_a_second_writer_is_told_who_writes(dataset: Dataset) -> None:
    with pytest.raises(DatasetError, match=r"is being written by process \d+"):
        Dataset.open(dataset.path, "a")
    dataset.close()
    Dataset.open(dataset.path, "a").close()


def test_a_reader_sees_what_a_writer_commits(dataset: Dataset, record: Record) -> None:
    reader = Dataset.open(dataset.path)
    record(2)
    assert len(reader) == 0
    reader.refresh()
    assert len(reader) == 1


def test_opening_with_another_spec_names_every_difference(dataset: Dataset, record: Record) -> None:
    record(2)
    dataset.close()
    changed = replace(SPEC, action=Layout((Field("twist", (2,), unit="mm/s", low=(-1, -1), high=(1, 1)),)))
    cameras = {"wrist": replace(CAMERAS["wrist"], width=32)}
    with pytest.raises(DatasetError) as error:
        Dataset.open_or_create(dataset.path, changed, cameras)
    for text in ("unit m/s against mm/s", "action 'gripper': only in the first", "camera 'wrist': width 16 against 32"):
        assert text in str(error.value)
    Dataset.open_or_create(dataset.path, SPEC, CAMERAS).close()


OTHER = replace(SPEC, robot="other", rate=10.0)


def test_a_data_set_that_never_had_an_episode_takes_the_spec_and_cameras_of_the_next_recording(tmp_path: Path) -> None:
    Dataset.create(tmp_path / "data", SPEC, CAMERAS, title="pegs").close()
    with Dataset.open_or_create(tmp_path / "data", OTHER) as dataset:
        assert (dataset.spec, dataset.cameras, set(dataset.codecs)) == (OTHER, {}, set())
        assert set(dataset.fields) == {"pose", "joints"}
    read = Dataset.open(tmp_path / "data")
    assert (read.spec, read.cameras, read.attributes["title"]) == (OTHER, {}, "pegs")


@pytest.mark.parametrize("what", ["an episode", "a deleted one", "one under way", "one left by a crash", "an edit"])
def test_a_data_set_with_anything_to_lose_keeps_its_description(dataset: Dataset, record: Record, what: str) -> None:
    if what in ("an episode", "a deleted one"):
        record(2)
    if what == "a deleted one":
        dataset.journal.remove(0)
        (dataset.path / "episodes/000000").rename(dataset.path.parent / "elsewhere")
    if what == "one left by a crash":
        (dataset.path / ".robot_rl/incoming/abc").mkdir()
    if what == "an edit":
        (dataset.path / ".robot_rl/edits").mkdir()
    if what == "one under way":
        dataset.new_episode()
        with pytest.raises(DatasetError, match="keeps its description"):
            dataset.describe_anew(dataset.attributes)
        return
    dataset.close()
    before = (dataset.path / "zarr.json").read_bytes()
    with pytest.raises(DatasetError, match="does not fit"):
        Dataset.open_or_create(dataset.path, OTHER)
    assert (dataset.path / "zarr.json").read_bytes() == before


def test_a_folder_that_is_no_data_set_is_refused_in_words_of_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/a.txt").touch()
    with pytest.raises(DatasetError, match=r"notes exists already, a folder that is no data set: choose another name$"):
        Dataset.open_or_create(tmp_path / "notes", SPEC)


def test_foreign_and_missing_stores_are_refused(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="Did you mean 'data'"):
        Dataset.open(tmp_path / "dat")
    zarr.create_group(tmp_path / "foreign", zarr_format=3)
    with pytest.raises(DatasetError, match="another kind"):
        Dataset.open(tmp_path / "foreign")
    meta = dataset.path / "zarr.json"
    meta.write_text(meta.read_text().replace('"format": 1', '"format": 99'))
    with pytest.raises(DatasetError, match="format 99"):
        Dataset.open(dataset.path)
    with pytest.raises(DatasetError, match="exists already"):
        Dataset.create(dataset.path, SPEC)


def test_intrinsics_are_kept_with_the_cameras(dataset: Dataset) -> None:
    dataset.set_intrinsics("wrist", Intrinsics(16, 12, 20.0, 20.0, 8.0, 6.0))
    camera = Dataset.open(dataset.path).attributes["cameras"]["wrist"]
    assert camera["intrinsics"]["fx"] == 20.0
    assert camera["codec"] == {"wrist": "zstd:1", "wrist_depth": "zstd:1"}


def test_attributes_say_who_what_when(dataset: Dataset) -> None:
    with dataset.new_episode(instruction="lift the cube", operator="ada", seed=7, purpose="deployment") as writer:
        fill(writer, 2, phase=Phase.AUTONOMOUS, source=Source.POLICY)
        writer.commit(False, policy="sha:1234", end=3 * PERIOD)
    attributes = json.loads((dataset[0].folder / "zarr.json").read_text())["attributes"]
    expected = {"number": 0, "operator": "ada", "seed": 7, "purpose": "deployment", "success": False, "robot": "arm"}
    expected |= {"steps": 2, "policy": "sha:1234", "instruction": "lift the cube"}
    assert {k: attributes[k] for k in expected} == expected
    assert dataset[0].end == 3 * PERIOD
    with pytest.raises(DatasetError, match="Did you mean 'deployment'"):
        dataset.new_episode(purpose="deploy")
    with pytest.raises(DatasetError, match="plain JSON"):
        dataset.new_episode(seed=np.arange(3))
