from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import minari
import numpy as np
import pytest
from minari.data_collector.episode_buffer import EpisodeBuffer
from minari.dataset.minari_storage import MinariStorage

from robot_rl.datasets import Dataset, DatasetError
from robot_rl.datasets.convert import ConvertOptions, export_dataset, import_dataset


def test_the_round_trip_gives_every_step_and_all_it_saw_back(recording: Dataset, tmp_path: Path, check: Any) -> None:
    export_dataset(recording, tmp_path / "out", "minari")
    import_dataset(tmp_path / "out", tmp_path / "back", "minari")
    check.came_back(recording, Dataset.open(tmp_path / "back"), final=True)


def test_minari_itself_reads_what_was_written(recording: Dataset, tmp_path: Path) -> None:
    export_dataset(recording, tmp_path / "out", "minari")
    theirs = minari.MinariDataset(tmp_path / "out")
    assert theirs.total_episodes == 3 and theirs.total_steps == 20
    episode = theirs[2]
    np.testing.assert_array_equal(episode.actions, recording[2].steps["executed"])
    assert episode.observations["wrist"].shape == (13, 16, 16, 3)
    np.testing.assert_array_equal(episode.observations["wrist"][12], recording[2].stream("wrist").values[12])
    assert episode.truncations.tolist() == [False] * 11 + [True] and not episode.terminations.any()
    first = {name: column[0] for name, column in episode.observations.items()}
    assert theirs.observation_space.contains(first) and theirs.action_space.contains(episode.actions[0])


def foreign(path: Path) -> None:
    """Nested observations, an image that Minari would make a JPEG, discrete actions."""
    box = gymnasium.spaces.Box(-np.inf, np.inf, (3,), np.float32)
    picture = gymnasium.spaces.Box(0, 255, (40, 40, 3), np.uint8)
    space = gymnasium.spaces.Dict({"agent": gymnasium.spaces.Dict({"pos": box}), "camera": picture})
    path.mkdir()
    storage = MinariStorage.new(path, space, gymnasium.spaces.Discrete(4), jpeg_encoding=False)
    storage.update_metadata({"dataset_id": "toy/x-v0", "minari_version": minari.__version__})
    rng = np.random.default_rng(0)
    for length in (3, 5):
        observations = {
            "agent": {"pos": rng.normal(size=(length + 1, 3)).astype(np.float32)},
            "camera": rng.integers(0, 256, (length + 1, 40, 40, 3)).astype(np.uint8),
        }
        buffer = EpisodeBuffer(
            seed=7,
            observations=observations,
            actions=rng.integers(0, 4, length),
            rewards=rng.normal(size=length).astype(np.float32),
            terminations=np.arange(length) == length - 1,
            truncations=np.zeros(length, bool),
            infos={"distance": rng.normal(size=length + 1), "odd": np.zeros(2)},
        )
        storage.update_episodes([buffer])


def test_a_data_set_of_minari_comes_in_and_goes_out_again_equal(tmp_path: Path) -> None:
    foreign(tmp_path / "theirs")
    report = import_dataset(tmp_path / "theirs", tmp_path / "ours", "minari", ConvertOptions(rate=10.0))
    assert report.losses == ("infos/odd: not a number at every step",)
    ours = Dataset.open(tmp_path / "ours")
    assert [len(e) for e in ours] == [3, 5] and ours[0].attributes["seed"] == 7
    assert ours[1].steps["terminated"].tolist() == [False] * 4 + [True]
    export_dataset(ours, tmp_path / "again", "minari")
    a, b = minari.MinariDataset(tmp_path / "theirs"), minari.MinariDataset(tmp_path / "again")
    assert a.observation_space == b.observation_space and a.action_space == b.action_space
    for one, two in zip(a.iterate_episodes(), b.iterate_episodes()):
        np.testing.assert_array_equal(one.observations["agent"]["pos"], two.observations["agent"]["pos"])
        np.testing.assert_array_equal(one.observations["camera"], two.observations["camera"])
        np.testing.assert_array_equal(one.actions, two.actions)
        np.testing.assert_array_equal(one.rewards, two.rewards)
        np.testing.assert_array_equal(one.infos["distance"], two.infos["distance"])


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(DatasetError, match="not a Minari data set"):
        import_dataset(tmp_path / "x", tmp_path / "ours", "minari")
