from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from robot_rl.datasets import Dataset, DatasetError
from robot_rl.datasets.convert import ConvertOptions, export_dataset, import_dataset
from robot_rl.datasets.convert.lerobot_schema import combine, number_stats


def test_the_round_trip_with_png_gives_every_step_back(recording: Dataset, tmp_path: Path, check: Any) -> None:
    export_dataset(recording, tmp_path / "out", "lerobot")
    import_dataset(tmp_path / "out", tmp_path / "back", "lerobot")
    check.came_back(recording, Dataset.open(tmp_path / "back"), final=False)


@pytest.mark.parametrize("codec", ["av1", "h264"])
def test_video_keeps_the_numbers_exactly_and_the_pictures_nearly(
    codec: str, recording: Dataset, tmp_path: Path, check: Any
) -> None:
    report = export_dataset(recording, tmp_path / "out", "lerobot", ConvertOptions(pictures=codec, crf=20))
    assert any("front, wrist" in line and "lossy" in line for line in report.losses)
    import_dataset(tmp_path / "out", tmp_path / "back", "lerobot")
    for a, b in zip(recording, Dataset.open(tmp_path / "back")):
        check.steps(a, b)
        check.aligned(a, b, final=False, but=("front", "wrist"))
        for name in ("front", "wrist"):
            one, two = (e.aligned([name])[name].astype(float) for e in (a, b))
            error = np.abs(one - two).mean(axis=(1, 2, 3))
            shifted = np.abs(one[1:] - two[:-1]).mean(axis=(1, 2, 3))
            assert error.max() < 12  # of 255, colour at half resolution
            moved = np.abs(np.diff(one, axis=0)).mean(axis=(1, 2, 3)) > 0
            assert np.all(error[1:][moved] < shifted[moved])  # each is nearest to its own frame


def test_the_tables_are_those_of_version_3(recording: Dataset, tmp_path: Path) -> None:
    export_dataset(recording, tmp_path / "out", "lerobot")
    info = json.loads((tmp_path / "out/meta/info.json").read_text())
    assert (info["codebase_version"], info["total_frames"], info["total_episodes"], info["fps"]) == ("v3.0", 20, 3, 20)
    state = info["features"]["observation.state"]
    assert state["shape"] == [15] and state["names"][7:10] == ["joints.shoulder", "joints.elbow", "wrench.fx"]
    assert info["features"]["observation.counter"]["dtype"] == "int64"  # would lose digits among floats
    assert info["features"]["observation.images.front"]["dtype"] == "image"
    episodes = pq.read_table(tmp_path / "out/meta/episodes/chunk-000/file-000.parquet")
    assert episodes["dataset_from_index"].to_pylist() == [0, 7, 8]
    assert episodes["dataset_to_index"].to_pylist() == [7, 8, 20]
    frames = pq.read_table(tmp_path / "out/data/chunk-000/file-000.parquet")
    assert frames["index"].to_pylist() == list(range(20))
    assert frames["task_index"].to_pylist() == [0] * 8 + [1] * 12
    assert frames["timestamp"][9].as_py() == pytest.approx(0.05)
    np.testing.assert_array_equal(np.stack(frames["action"].to_numpy())[8:], recording[2].steps["executed"])


def test_files_are_closed_at_their_size_and_all_are_read(
    recording: Dataset, tmp_path: Path, check: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robot_rl.datasets.convert.lerobot_schema.DATA_MB", 0)
    monkeypatch.setattr("robot_rl.datasets.convert.lerobot_schema.VIDEO_MB", 0)
    export_dataset(recording, tmp_path / "out", "lerobot", ConvertOptions(pictures="h264"))
    assert len(list((tmp_path / "out/data").rglob("*.parquet"))) == 3
    assert len(list((tmp_path / "out/videos").rglob("*.mp4"))) > 2  # the encoder holds frames back
    import_dataset(tmp_path / "out", tmp_path / "back", "lerobot")
    for a, b in zip(recording, Dataset.open(tmp_path / "back")):
        check.steps(a, b)


def test_statistics_of_parts_combine_to_those_of_the_whole() -> None:
    x = np.random.default_rng(0).normal(size=(50, 3))
    whole, parts = number_stats(x), combine([number_stats(x[:13]), number_stats(x[13:])])
    for name in ("min", "max", "mean", "std", "count"):
        np.testing.assert_allclose(parts[name], whole[name], rtol=1e-12)


def make_foreign(folder: Path, **columns: pa.Array) -> None:
    """Leave nothing of ours in an export, and put other columns in place of some."""
    (folder / "meta/robot_rl.json").unlink()
    info = json.loads((folder / "meta/info.json").read_text())
    info["features"] = {name: f for name, f in info["features"].items() if not name.startswith("robot_rl.")}
    (folder / "meta/info.json").write_text(json.dumps(info))
    path = folder / "data/chunk-000/file-000.parquet"
    table = pq.read_table(path)
    table = table.select([name for name in table.column_names if not name.startswith("robot_rl.")])
    for name, column in columns.items():
        table = table.set_column(table.column_names.index(name), name, column)
    pq.write_table(table, path)


def test_a_done_at_every_end_is_a_termination_only_with_success(recording: Dataset, tmp_path: Path) -> None:
    export_dataset(recording, tmp_path / "out", "lerobot")
    done = np.zeros(20, bool)
    done[[6, 7, 19]] = True
    make_foreign(tmp_path / "out", **{"next.done": pa.array(done)})
    lost = import_dataset(tmp_path / "out", tmp_path / "back", "lerobot").losses
    assert [line for line in lost if line.startswith("next.done: in 2 of 3 episodes")]
    back = Dataset.open(tmp_path / "back")
    assert [bool(e.steps["terminated"][-1]) for e in back] == [True, False, False]
    assert [bool(e.steps["truncated"][-1]) for e in back] == [False, True, True]


@pytest.mark.parametrize("place", ["{secret}", "../secret.png", "images/../../secret.png"])
def test_a_picture_outside_of_the_folder_is_not_read(place: str, recording: Dataset, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    for folder, path in (("out", place.format(secret=secret)), ("linked", "images/0.png")):
        export_dataset(recording, tmp_path / folder, "lerobot")
        frames = tmp_path / folder / "data/chunk-000/file-000.parquet"
        table = pq.read_table(frames)
        at = table.column_names.index("observation.images.wrist")
        secret.write_bytes(table[at][0].as_py()["bytes"])
        pictures = pa.array([{"bytes": None, "path": path}] * 20, kind)
        pq.write_table(table.set_column(at, table.column_names[at], pictures), frames)
    with pytest.raises(DatasetError, match=r"the file of picture 0 is .*secret.png', which lies outside"):
        import_dataset(tmp_path / "out", tmp_path / "back", "lerobot")
    (tmp_path / "linked/images").mkdir()
    (tmp_path / "linked/images/0.png").symlink_to(secret)  # as in the cache of Hugging Face
    import_dataset(tmp_path / "linked", tmp_path / "back", "lerobot")


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("../out/data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet", "lies outside of this folder"),
        ("/tmp/file-{file_index:03d}.parquet", "lies outside of this folder"),
        ("{chunk_index.__class__.__mro__}", "with {chunk_index}, {file_index} in it"),
        ("data/{chunk_index:{file_index}}", "with {chunk_index}, {file_index} in it"),
        ("data/{episode}.parquet", "with {chunk_index}, {file_index} in it"),
        (None, "a path was expected"),
    ],
)
def test_a_template_names_files_of_the_folder_by_known_fields(
    template: str | None, says: str, recording: Dataset, tmp_path: Path
) -> None:
    export_dataset(recording, tmp_path / "out", "lerobot")
    info = tmp_path / "out/meta/info.json"
    info.write_text(json.dumps(json.loads(info.read_text()) | {"data_path": template}))
    with pytest.raises(DatasetError, match=re.escape(says)):
        import_dataset(tmp_path / "out", tmp_path / "back", "lerobot")


def test_a_damaged_video_is_named(recording: Dataset, tmp_path: Path) -> None:
    export_dataset(recording, tmp_path / "out", "lerobot", ConvertOptions(pictures="h264"))
    video = tmp_path / "out/videos/observation.images.wrist/chunk-000/file-000.mp4"
    video.write_bytes(video.read_bytes()[:200])
    with pytest.raises(DatasetError, match=r"wrist/chunk-000/file-000.mp4"):
        import_dataset(tmp_path / "out", tmp_path / "back", "lerobot")
    assert not (tmp_path / "back").exists()


def test_a_video_with_too_few_frames_is_refused(recording: Dataset, tmp_path: Path) -> None:
    export_dataset(recording, tmp_path / "out", "lerobot", ConvertOptions(pictures="h264"))
    entry = tmp_path / "out/meta/episodes/chunk-000/file-000.parquet"
    table = pq.read_table(entry)
    column = "videos/observation.images.wrist/from_timestamp"
    later = table.set_column(table.column_names.index(column), column, [[0.05, 0.4, 0.45]])
    pq.write_table(later, entry)
    with pytest.raises(DatasetError, match="ends after 11 of 12 frames"):
        import_dataset(tmp_path / "out", tmp_path / "back", "lerobot")


def test_an_older_version_is_refused_with_the_command_that_converts_it(recording: Dataset, tmp_path: Path) -> None:
    export_dataset(recording, tmp_path / "out", "lerobot")
    info = tmp_path / "out/meta/info.json"
    info.write_text(info.read_text().replace("v3.0", "v2.1"))
    with pytest.raises(DatasetError, match="convert_dataset_v21_to_v30"):
        import_dataset(tmp_path / "out", tmp_path / "back", "lerobot")
