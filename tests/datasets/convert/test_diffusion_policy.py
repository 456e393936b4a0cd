from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from robot_rl.datasets import Dataset, DatasetError
from robot_rl.datasets.convert import ConvertOptions, export_dataset, import_dataset


@pytest.mark.parametrize("name", ["out.zarr", "out.zarr.zip"])
def test_the_round_trip_gives_every_step_back(name: str, recording: Dataset, tmp_path: Path, check: Any) -> None:
    export_dataset(recording, tmp_path / name, "diffusion-policy")
    import_dataset(tmp_path / name, tmp_path / "back", "diffusion-policy")
    check.came_back(recording, Dataset.open(tmp_path / "back"), final=False)


def test_what_its_own_reader_asks_for_holds(recording: Dataset, tmp_path: Path) -> None:
    """ReplayBuffer: arrays directly below `data` and `meta`, all of `data` as long as the last episode end."""
    export_dataset(recording, tmp_path / "out.zarr", "diffusion-policy")
    root = zarr.open_group(tmp_path / "out.zarr", mode="r", zarr_format=2)
    ends = root["meta/episode_ends"]
    assert ends[:].tolist() == [7, 8, 20] and ends.dtype == np.int64
    assert not list(root["data"].groups()) and [n for n, _ in root["meta"].arrays()] == ["episode_ends"]
    assert {a.shape[0] for _, a in root["data"].arrays()} == {20}
    assert root["data/action"].shape == (20, 3)
    np.testing.assert_array_equal(root["data/action"][8:], recording[2].steps["executed"])
    np.testing.assert_array_equal(root["data/wrist"][8], recording[2].stream("wrist").values[0])
    assert (tmp_path / "out.zarr/data/action/.zarray").is_file()


def test_the_final_observation_is_named_among_the_losses(recording: Dataset, tmp_path: Path) -> None:
    lost = export_dataset(recording, tmp_path / "out.zarr", "diffusion-policy").losses
    assert any("final observation of 3 of 3 episodes" in line for line in lost)
    assert any(line.startswith("stream 'wrench': 95 of 115 samples") for line in lost)  # 20 steps, one sample each


def foreign(path: Path) -> None:
    root = zarr.open_group(path, mode="w", zarr_format=2)
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (9, 6, 5, 3)).astype(np.float32)
    root.create_array("data/img", data=pictures)
    root.create_array("data/state", data=rng.normal(size=(9, 5)).astype(np.float32))
    root.create_array("data/action", data=rng.normal(size=(9, 2)).astype(np.float32))
    root.create_array("meta/episode_ends", data=np.array([4, 9]))


def test_a_published_buffer_comes_in_and_goes_out_with_equal_numbers(tmp_path: Path) -> None:
    foreign(tmp_path / "theirs.zarr")
    options = ConvertOptions(rate=10.0, robot="pusher")
    import_dataset(tmp_path / "theirs.zarr", tmp_path / "ours", "diffusion-policy", options)
    ours = Dataset.open(tmp_path / "ours")
    assert [len(e) for e in ours] == [4, 5] and ours.spec.robot == "pusher"
    assert ours[1].steps["stamp"].tolist() == [0, 100_000_000, 200_000_000, 300_000_000, 400_000_000]
    export_dataset(ours, tmp_path / "again.zarr", "diffusion-policy")
    a = zarr.open_group(tmp_path / "theirs.zarr", mode="r")
    b = zarr.open_group(tmp_path / "again.zarr", mode="r")
    for key in ("data/img", "data/state", "data/action", "meta/episode_ends"):
        np.testing.assert_array_equal(a[key][:], b[key][:])


def test_without_a_rate_the_import_is_refused(tmp_path: Path) -> None:
    foreign(tmp_path / "theirs.zarr")
    with pytest.raises(DatasetError, match="--rate"):
        import_dataset(tmp_path / "theirs.zarr", tmp_path / "ours", "diffusion-policy")


def test_arrays_shorter_than_the_episodes_are_refused(tmp_path: Path) -> None:
    foreign(tmp_path / "theirs.zarr")
    zarr.open_group(tmp_path / "theirs.zarr", mode="a")["data/state"].resize((8, 5))
    with pytest.raises(DatasetError, match="data/state has 8 rows"):
        import_dataset(tmp_path / "theirs.zarr", tmp_path / "ours", "diffusion-policy", ConvertOptions(rate=10.0))


def test_a_folder_that_is_no_replay_buffer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(DatasetError, match="not a replay buffer"):
        import_dataset(tmp_path / "x", tmp_path / "ours", "diffusion-policy")
