from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from robot_rl.datasets import Dataset, DatasetError
from robot_rl.datasets.convert import ConvertOptions, export_dataset, import_dataset


def test_the_round_trip_gives_every_step_and_all_it_saw_back(recording: Dataset, tmp_path: Path, check: Any) -> None:
    export_dataset(recording, tmp_path / "out.hdf5", "robomimic")
    import_dataset(tmp_path / "out.hdf5", tmp_path / "back", "robomimic")
    check.came_back(recording, Dataset.open(tmp_path / "back"), final=True)


def test_the_file_has_the_documented_schema(recording: Dataset, tmp_path: Path) -> None:
    export_dataset(recording, tmp_path / "out.hdf5", "robomimic")
    with h5py.File(tmp_path / "out.hdf5") as file:
        assert file["data"].attrs["total"] == 20
        assert json.loads(file["data"].attrs["env_args"])["env_name"] == "arm"
        demo = file["data/demo_2"]
        assert demo.attrs["num_samples"] == 12
        assert demo["actions"].shape == (12, 3) and demo["obs/wrist"].shape == (12, 16, 16, 3)
        np.testing.assert_array_equal(demo["next_obs/wrist"][:-1], demo["obs/wrist"][1:])
        np.testing.assert_array_equal(demo["next_obs/ee_pose"][4], demo["obs/ee_pose"][5])
        assert demo["dones"].shape == demo["rewards"].shape == (12,)
        assert [n.decode() for n in file["mask/train"]] == ["demo_0", "demo_2"]
        assert [n.decode() for n in file["mask/valid"]] == ["demo_1"]


def test_what_is_lost_is_counted(recording: Dataset, tmp_path: Path) -> None:
    lost = export_dataset(recording, tmp_path / "out.hdf5", "robomimic").losses
    # wrench: 5 samples a step, one kept; 8 + 2 + 13 rows of 40 + 10 + 65 samples
    assert "stream 'wrench': 92 of 115 samples lie between steps or outside them" in lost
    assert [line.split("'")[1] for line in lost if line.startswith("stream")] == ["wrench"]


def foreign_file(path: Path) -> None:
    pictures = np.arange(16, dtype=np.uint8)[:, None, None, None] * np.ones((8, 9, 3), np.uint8)
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        data.attrs["env_args"] = json.dumps({"env_name": "Lift", "type": 1, "env_kwargs": {"control_freq": 20}})
        for i in range(12):
            demo = data.create_group(f"demo_{i}")
            demo["actions"] = np.full((3, 7), i, np.float64)
            demo["rewards"], demo["dones"] = np.array([0, 0, 1.0]), np.array([0, 0, 1])
            demo["states"] = np.arange(12.0).reshape(3, 4)
            demo["obs/robot0_eef_pos"] = np.arange(9.0).reshape(3, 3)
            demo["obs/agentview_image"] = pictures[i : i + 3]
            demo["next_obs/robot0_eef_pos"] = np.arange(3.0, 12).reshape(3, 3)
            demo["next_obs/agentview_image"] = pictures[i + 1 : i + 4]
        file["mask/train"] = np.array([f"demo_{i}" for i in range(10)], dtype="S")
        file["mask/valid"] = np.array(["demo_10", "demo_11"], dtype="S")


def test_a_file_of_robomimic_comes_in_and_goes_out_again_equal(tmp_path: Path) -> None:
    foreign_file(tmp_path / "theirs.hdf5")
    import_dataset(tmp_path / "theirs.hdf5", tmp_path / "ours", "robomimic")
    ours = Dataset.open(tmp_path / "ours")
    assert ours.spec.rate == 20 and ours.spec.robot == "Lift" and len(ours) == 12
    assert ours[10].steps["executed"][0, 0] == 10 and ours[10].attributes["masks"] == ["valid"]  # not by the alphabet
    assert ours[2].steps["terminated"].tolist() == [False, False, True]
    export_dataset(ours, tmp_path / "again.hdf5", "robomimic")
    with h5py.File(tmp_path / "theirs.hdf5") as a, h5py.File(tmp_path / "again.hdf5") as b:
        assert json.loads(a["data"].attrs["env_args"]) == json.loads(b["data"].attrs["env_args"])

        def compare(name: str, item: object) -> None:
            if isinstance(item, h5py.Dataset):
                np.testing.assert_array_equal(item[()], b[name][()], err_msg=name)

        a.visititems(compare)


def test_a_file_without_demonstrations_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "empty.hdf5", "w") as file:
        file["x"] = 1
    with pytest.raises(DatasetError, match="no group 'data'"):
        import_dataset(tmp_path / "empty.hdf5", tmp_path / "ours", "robomimic")
    assert [p.name for p in tmp_path.iterdir()] == ["empty.hdf5"]


def test_the_validation_share_is_drawn_by_the_seed(recording: Dataset, tmp_path: Path) -> None:
    foreign_file(tmp_path / "theirs.hdf5")
    with h5py.File(tmp_path / "theirs.hdf5", "a") as file:
        del file["mask"]
    import_dataset(tmp_path / "theirs.hdf5", tmp_path / "ours", "robomimic")
    masks = []
    for i, seed in enumerate((0, 0, 1)):
        options = ConvertOptions(valid_share=0.25, seed=seed)
        export_dataset(Dataset.open(tmp_path / "ours"), tmp_path / f"{i}.hdf5", "robomimic", options)
        with h5py.File(tmp_path / f"{i}.hdf5") as file:
            masks.append(set(file["mask/valid"][:]))
            assert len(masks[-1]) == 3 and not masks[-1] & set(file["mask/train"][:])
    assert masks[0] == masks[1] != masks[2]


def test_demonstrations_without_a_mask_are_drawn_beside_those_that_have_one(tmp_path: Path) -> None:
    foreign_file(tmp_path / "theirs.hdf5")
    with h5py.File(tmp_path / "theirs.hdf5", "a") as file:
        del file["mask"]
        file["mask/valid"] = np.array(["demo_4"], dtype="S")
        file["mask/few"] = np.array(["demo_7"], dtype="S")
    import_dataset(tmp_path / "theirs.hdf5", tmp_path / "ours", "robomimic")
    export_dataset(Dataset.open(tmp_path / "ours"), tmp_path / "again.hdf5", "robomimic")
    with h5py.File(tmp_path / "again.hdf5") as file:
        train, valid, few = ([n.decode() for n in file[f"mask/{name}"]] for name in ("train", "valid", "few"))
    assert few == ["demo_7"] and len(train) == 9 and len(valid) == 2 and "demo_4" in valid
    assert sorted([*train, *valid, *few]) == sorted(f"demo_{i}" for i in range(12))


def test_a_demonstration_that_is_done_without_a_reward_was_cut_off(tmp_path: Path) -> None:
    foreign_file(tmp_path / "theirs.hdf5")
    with h5py.File(tmp_path / "theirs.hdf5", "a") as file:
        file["data/demo_3/rewards"][:] = 0
    lost = import_dataset(tmp_path / "theirs.hdf5", tmp_path / "ours", "robomimic").losses
    assert len(lost) == 1 and lost[0].startswith("dones: in 1 of 12 episodes")
    ours = Dataset.open(tmp_path / "ours")
    assert ours[3].steps["truncated"].tolist() == [False, False, True] and not ours[3].steps["terminated"].any()
    assert ours[4].steps["terminated"].tolist() == [False, False, True] and not ours[4].steps["truncated"].any()


def test_a_next_observation_that_is_not_the_next_is_reported(tmp_path: Path) -> None:
    foreign_file(tmp_path / "theirs.hdf5")
    with h5py.File(tmp_path / "theirs.hdf5", "a") as file:
        file["data/demo_3/next_obs/robot0_eef_pos"][0] = 99.0
    lost = import_dataset(tmp_path / "theirs.hdf5", tmp_path / "ours", "robomimic").losses
    assert len(lost) == 1 and "next_obs/robot0_eef_pos" in lost[0]
