from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from robot_rl.datasets import Dataset, DatasetError, Phase, Sample, Source
from robot_rl.datasets.sampling.windows import Windows

from ..conftest import PERIOD, action, fill, picture, step

Record = Callable[..., int]


def record_phases(dataset: Dataset, phases: list[Phase], success: bool = True) -> None:
    """One episode of these phases, the policy acting in the autonomous ones."""
    with dataset.new_episode(purpose="deployment") as writer:
        for t, phase in enumerate(phases):
            writer.add_sample(Sample("joints", t * PERIOD, np.array([t, 0.0])))
            source = Source.POLICY if phase == Phase.AUTONOMOUS else Source.HUMAN
            writer.add_step(step(t, phase=phase, source=source))
        writer.commit(success)


def test_the_chunk_starts_at_the_newest_observation(dataset: Dataset, record: Record) -> None:
    record(6)
    windows = Windows(dataset, ["pose", "wrist"], n_obs=2, horizon=3)
    batch = windows.batch(np.array([2]))
    assert batch["pose"][0, :, 0].tolist() == [1, 2]
    np.testing.assert_array_equal(batch["wrist"][0], [picture(1), picture(2)])
    np.testing.assert_array_equal(batch["action"][0], [action(2), action(3), action(4)])
    assert batch["action_mask"][0].tolist() == [True, True, True]


def test_the_first_observation_is_repeated_at_the_start_and_the_last_action_at_the_end(
    dataset: Dataset, record: Record
) -> None:
    record(4)
    record(4)
    batch = Windows(dataset, ["joints"], n_obs=3, horizon=4).batch(np.array([0, 3, 4, 7]))
    assert batch["joints"][:, :, 0].tolist() == [[0, 0, 0], [1, 2, 3], [0, 0, 0], [1, 2, 3]]
    assert batch["action"][:, :, 0].tolist() == [[0, 1, 2, 3], [3, 3, 3, 3]] * 2
    assert batch["action_mask"].tolist() == [[True] * 4, [True, False, False, False]] * 2


def test_a_chunk_never_runs_across_an_excluded_step(dataset: Dataset) -> None:
    auto, fix = Phase.AUTONOMOUS, Phase.CORRECTION
    record_phases(dataset, [auto, fix, fix, auto, auto, fix], success=False)
    windows = Windows(dataset, ["joints"], n_obs=2, horizon=3, select="rac")
    batch = windows.batch(np.arange(len(windows)))
    assert batch["joints"][:, :, 0].tolist() == [[0, 1], [1, 2], [4, 5]]
    assert batch["action"][:, :, 0].tolist() == [[1, 2, 2], [2, 2, 2], [5, 5, 5]]
    assert batch["action_mask"].tolist() == [[True, True, False], [True, False, False], [True, False, False]]


def test_statistics_count_each_selected_step_once(dataset: Dataset) -> None:
    auto, fix = Phase.AUTONOMOUS, Phase.CORRECTION
    record_phases(dataset, [auto, fix, fix, fix, auto])
    stats = Windows(dataset, ["joints"], n_obs=5, horizon=9, select="rac").statistics()
    joints, actions = stats["joints"], stats["action"]
    assert (joints.count, joints.min[0], joints.max[0], joints.mean[0]) == (3, 1, 3, 2)
    assert joints.std[0] == pytest.approx(np.sqrt(2 / 3))
    assert actions.mean.tolist() == [2, 2.25, 2.5]
    assert (actions.q01[0], actions.q99[0]) == pytest.approx((1.02, 2.98))


def test_equal_seeds_draw_equal_windows(dataset: Dataset, record: Record) -> None:
    record(20)
    windows = Windows(dataset, ["pose"], n_obs=2, horizon=4)
    one, other = (windows.sample(np.random.default_rng(3), 16) for _ in range(2))
    assert one["action"].shape == (16, 4, 3) and one["pose"].shape == (16, 2, 7)
    np.testing.assert_array_equal(one["action"], other["action"])
    assert len(np.unique(one["action"][:, 0, 0])) > 5


def test_a_number_that_is_not_finite_is_named_with_episode_and_step(dataset: Dataset) -> None:
    with dataset.new_episode() as writer:
        fill(writer, 3)
        writer.add_sample(Sample("joints", 5 * PERIOD, np.array([0, np.nan])))
        writer.add_step(step(5))
        writer.commit(True)
    with pytest.raises(DatasetError, match="episode 0, step 3: 'joints' is not finite"):
        Windows(dataset, ["joints"], 1, 1)
    Windows(dataset, ["joints"], 1, 1, select=lambda e: np.arange(len(e)) < 3)


def test_nothing_selected_is_an_error(dataset: Dataset, record: Record) -> None:
    record(3, False)
    with pytest.raises(DatasetError, match="no step is selected"):
        Windows(dataset, ["pose"], 1, 1, select="successful")
    with pytest.raises(DatasetError, match="Did you mean 'successful'"):
        Windows(dataset, ["pose"], 1, 1, select="success")


def test_strides_skip_frames_of_observations_and_actions_apart(dataset: Dataset, record: Record) -> None:
    record(8)
    windows = Windows(dataset, ["joints", "wrist"], n_obs=3, horizon=3, obs_stride=2, action_stride=3)
    batch = windows.batch(np.array([5, 3]))
    assert batch["joints"][:, :, 0].tolist() == [[1, 3, 5], [0, 1, 3]]
    assert batch["wrist"][:, :, 5, 5, 0].tolist() == [[1, 3, 5], [0, 1, 3]]
    assert batch["observation_mask"].tolist() == [[True] * 3, [False, True, True]]
    assert batch["action"][:, :, 0].tolist() == [[5, 7, 7], [3, 6, 7]]
    assert batch["action_mask"].tolist() == [[True, False, False], [True, True, False]]


def test_windows_know_their_episode_and_its_facts(dataset: Dataset, record: Record) -> None:
    record(2, False, reward=0.5)
    record(3, False, phase=Phase.RESET)  # nothing of it is selected
    record(3, True, reward=1.0)
    windows = Windows(dataset, ["joints"], 1, 1)
    assert windows.episode_of.tolist() == [0, 0, 1, 1, 1]
    assert windows.episode_numbers.tolist() == [0, 0, 2, 2, 2]
    assert [(e.number, e.success, e.total_reward) for e in windows.episodes] == [(0, False, 1.0), (2, True, 3.0)]


def test_future_fields_are_those_seen_when_each_action_of_the_chunk_was_chosen(dataset: Dataset) -> None:
    auto, fix = Phase.AUTONOMOUS, Phase.CORRECTION
    record_phases(dataset, [fix, fix, fix, auto, fix], success=False)
    windows = Windows(dataset, ["joints"], n_obs=1, horizon=3, select="rac", future=["joints"])
    batch = windows.batch(np.arange(len(windows)))
    assert batch["future.joints"][:, :, 0].tolist() == [[0, 1, 2], [1, 2, 2], [2, 2, 2], [4, 4, 4]]
    np.testing.assert_array_equal(batch["future.joints"][:, 0], batch["joints"][:, 0])
    assert batch["action_mask"].sum(axis=1).tolist() == [3, 2, 1, 1]
    with pytest.raises(DatasetError, match="future field 'force' is not among the fields"):
        Windows(dataset, ["joints"], 1, 1, future=["force"])


def test_future_pictures_are_read_along_the_chunk(dataset: Dataset, record: Record) -> None:
    record(3)
    batch = Windows(dataset, ["wrist"], n_obs=1, horizon=2, future=["wrist"]).batch(np.array([1]))
    np.testing.assert_array_equal(batch["future.wrist"][0], [picture(1), picture(2)])


def test_of_an_episode_that_is_only_watched_no_action_is_looked_at(dataset: Dataset, record: Record) -> None:
    record(3)
    with dataset.new_episode() as writer:
        for t in range(2):
            writer.add_sample(Sample("joints", t * PERIOD, np.array([t, 0.0])))
            writer.add_step(step(t, phase=Phase.AUTONOMOUS, source=Source.POLICY))
        writer.commit(False)
    watched = [str(e.attributes["id"]) for e in dataset][1]
    windows = Windows(dataset, ["joints"], n_obs=1, horizon=2, select="rac", action_free=[watched])
    batch = windows.batch(np.arange(5))  # the rule alone would drop a policy's failure
    assert batch["action_known"].tolist() == [True] * 3 + [False] * 2
    assert batch["action_mask"][3:].tolist() == [[True, True], [True, False]]
    assert not batch["action"][3:].any() and batch["joints"][3:, 0, 0].tolist() == [0, 1]
    of_known = Windows([next(iter(dataset))], ["joints"], n_obs=1, horizon=2).statistics()["action"]
    assert windows.statistics()["action"].max.tolist() == of_known.max.tolist()
    assert "action_known" not in Windows(dataset, ["joints"], n_obs=1, horizon=2).batch(np.arange(2))


def test_an_episode_of_another_robot_is_refused_by_both_robots_and_what_differs(
    dataset: Dataset, record: Record
) -> None:
    record(4)
    record(4)
    first, second = dataset[0], dataset[1]
    second.spec = replace(second.spec, robot="hand", rate=10.0)
    words = rf" is of robot 'arm', episode 1 of {dataset.path} \(second\) of robot 'hand':\n  rate: 20 Hz against 10"
    with pytest.raises(DatasetError, match=words):
        Windows([first, second], ["joints"], n_obs=1, horizon=1)
    with pytest.raises(DatasetError, match=r"^episode 1, recorded on robot 'hand', has no stream 'jionts'\. Did you"):
        second.stream("jionts")
