"""The replay against hand-worked returns, ends, views and saves; each silent fault would change one of these."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from robot_rl.datasets.record import Phase, Source, Step
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online import labels
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.improvers.rlpd import RlpdConfig
from robot_rl.learn.online.replay import CHUNK_STEP, Replay, ReplayError
from robot_rl.learn.online.returns import n_step_returns
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.sampling import Sampling

FIELDS = {"state": ((1,), "float32"), "front": ((2, 2, 3), "uint8")}


def observation(value: float) -> dict[str, Any]:
    return {"state": np.array([value], np.float32), "front": np.full((2, 2, 3), int(value) % 256, np.uint8)}


def fill(replay: Replay, name: str, steps: Iterable[Step], first: float = 0.0) -> None:
    """An episode whose observation is `first` plus the step's number."""
    assert replay.begin(name)
    t = -1
    for t, step in enumerate(steps):
        replay.add(observation(first + t), step, t)
    replay.finish(observation(first + t + 1))


FOR = {Source.POLICY: Phase.AUTONOMOUS, Source.REWIND: Phase.RECOVERY, Source.HUMAN: Phase.CORRECTION}
"""What a step is for, in a deployment that is helped."""


def rows_of(replay: Replay, view: str = "all") -> list[tuple[int, int]]:
    """(episode, step) of the rows in a view, in order."""
    rows = replay.views[view].rows
    return sorted(zip(replay.columns["episode"][rows].tolist(), replay.columns["step"][rows].tolist(), strict=True))


def test_returns_sum_what_was_executed_and_bootstrap_with_that_many_steps() -> None:
    reward = np.array([[1.0, 2.0, 4.0]] * 4)
    ended = np.array([[False, False, False], [False, True, False], [True, False, True], [False, True, True]])
    terminated = np.array([[False, False, False], [False, False, True], [True, False, False], [False, True, False]])
    out = n_step_returns(reward, ended, terminated, 0.5)
    np.testing.assert_allclose(out.reward, [3.0, 2.0, 1.0, 2.0])
    np.testing.assert_array_equal(out.length, [3, 2, 1, 2])
    np.testing.assert_allclose(out.bootstrap, [0.125, 0.25, 0.0, 0.0])
    np.testing.assert_array_equal(out.mask, [[1, 1, 1], [1, 1, 0], [1, 0, 0], [1, 1, 0]])


def test_a_reward_after_the_end_never_counts_even_if_not_finite() -> None:
    out = n_step_returns(np.array([[1.0, np.nan]]), np.array([[True, False]]), np.array([[False, False]]), 0.9)
    assert out.reward[0] == 1.0


@pytest.mark.parametrize(("ending", "bootstrap"), [("terminated", 0.0), ("truncated", 0.25), (None, 0.25)])
def test_truncation_bootstraps_from_the_last_observation_and_termination_does_not(
    point: SimpleNamespace, ending: str | None, bootstrap: float
) -> None:
    replay = Replay(10, FIELDS, 2, n_step=3)
    last = {ending: True} if ending else {}
    fill(replay, "a", [point.step(0, reward=1.0), point.step(1, reward=1.0), point.step(2, reward=2.0, **last)], 10)
    fill(replay, "b", [point.step(0, reward=100.0)], 50)
    out = replay.transitions(np.array([1]), 0.5)
    assert out.returns.reward[0] == 1.0 + 0.5 * 2.0
    assert out.returns.bootstrap[0] == bootstrap
    assert out.observation["state"][0, 0] == 11.0
    assert out.next_observation["state"][0, 0] == 13.0
    assert out.next_observation["front"][0, 0, 0, 0] == 13
    np.testing.assert_allclose(out.action[0, :2, 0], [0.1, 0.2], atol=1e-6)


def test_a_step_can_be_drawn_only_once_what_follows_it_is_in(point: SimpleNamespace) -> None:
    replay = Replay(10, FIELDS, 2, n_step=2)
    replay.begin("a")
    sizes = []
    for t in range(4):
        replay.add(observation(t), point.step(t), t)
        sizes.append(len(replay))
    assert sizes == [0, 0, 1, 2]
    replay.finish(observation(4))
    assert rows_of(replay) == [(0, 0), (0, 1), (0, 2), (0, 3)]


def test_interventions_are_in_both_views_and_demonstrations_in_one(point: SimpleNamespace) -> None:
    replay = Replay(20, FIELDS, 2, n_step=1)
    fill(replay, "demo", [point.step(0, source=Source.HUMAN, phase=Phase.DEMONSTRATION)])
    fill(replay, "run", [point.step(0), point.step(1, source=Source.HUMAN, phase=Phase.CORRECTION), point.step(2)])
    assert rows_of(replay, "demonstrations") == [(0, 0), (1, 1)]
    assert rows_of(replay, "online") == [(1, 0), (1, 1), (1, 2)]
    assert replay.transitions(np.array([3]), 0.9).human.tolist() == [True]


def test_every_draw_holds_its_share_of_demonstrations(point: SimpleNamespace) -> None:
    replay = Replay(50, FIELDS, 2, n_step=1)
    fill(replay, "demo", [point.step(0, source=Source.HUMAN, phase=Phase.DEMONSTRATION)])
    fill(replay, "run", [point.step(t) for t in range(30)])
    rng = np.random.default_rng(0)
    for _ in range(20):
        rows = replay.draw(rng, 10, {"demonstrations": 0.5, "online": 0.5})
        assert (replay.columns["episode"][rows] == 0).sum() == 5


def test_an_empty_view_leaves_its_share_to_the_others_and_an_empty_replay_says_so(point: SimpleNamespace) -> None:
    replay = Replay(10, FIELDS, 2, n_step=1)
    with pytest.raises(ReplayError, match="nothing to draw"):
        replay.draw(np.random.default_rng(0), 4, {"demonstrations": 0.5, "online": 0.5})
    fill(replay, "run", [point.step(0)])
    assert len(replay.draw(np.random.default_rng(0), 4, {"demonstrations": 0.5, "online": 0.5})) == 4


def test_an_episode_that_is_in_already_is_not_taken_again(point: SimpleNamespace) -> None:
    replay = Replay(10, FIELDS, 2, n_step=1)
    fill(replay, "a", [point.step(0)])
    assert not replay.begin("a")
    assert "a" in replay and len(replay) == 1


def test_steps_out_of_order_are_refused_with_the_one_that_is_missing(point: SimpleNamespace) -> None:
    replay = Replay(10, FIELDS, 2, n_step=1)
    replay.begin("a")
    replay.add(observation(0), point.step(0), 0)
    with pytest.raises(ReplayError, match="step 1 is the next"):
        replay.add(observation(2), point.step(2), 2)
    with pytest.raises(ReplayError, match="step 1 is the next"):
        replay.add(observation(0), point.step(0), 0)


@pytest.mark.parametrize("bad", ["state", "executed", "reward", "last"])
def test_numbers_that_are_not_finite_are_refused_by_episode_and_step(point: SimpleNamespace, bad: str) -> None:
    replay = Replay(10, FIELDS, 2, n_step=1)
    replay.begin("run-7")
    replay.add(observation(0), point.step(0), 0)
    seen = observation(1) | ({"state": np.array([np.nan], np.float32)} if bad in ("state", "last") else {})
    if bad == "last":
        with pytest.raises(ReplayError, match="'run-7', its last observation"):
            replay.finish(seen)
        return
    changes = {"executed": np.array([np.inf, 0.0])} if bad == "executed" else {}
    changes |= {"reward": np.nan} if bad == "reward" else {}
    with pytest.raises(ReplayError, match="'run-7', step 1"):
        replay.add(seen, point.step(1, **changes), 1)


def test_overwritten_steps_leave_every_view_and_no_window_mixes_episodes(point: SimpleNamespace) -> None:
    replay = Replay(9, FIELDS, 2, n_step=2)
    for e in range(7):
        fill(replay, str(e), [point.step(t, reward=1.0) for t in range(3)], first=10.0 * e)
        rows = replay.views["all"].rows
        out = replay.transitions(rows, 1.0)
        episode, step = replay.columns["episode"][rows], replay.columns["step"][rows]
        np.testing.assert_allclose(out.observation["state"][:, 0], 10 * episode + step)
        np.testing.assert_allclose(out.next_observation["state"][:, 0], 10 * episode + np.minimum(step + 2, 3))
        np.testing.assert_allclose(out.returns.reward, np.minimum(2, 3 - step))
    assert rows_of(replay) == [(5, 0), (5, 1), (5, 2), (6, 0), (6, 1), (6, 2)]


def test_a_dropped_episode_is_gone_and_may_come_again(point: SimpleNamespace) -> None:
    replay = Replay(10, FIELDS, 2, n_step=1)
    fill(replay, "a", [point.step(0)])
    replay.begin("b")
    for t in range(3):
        replay.add(observation(t), point.step(t), t)
    replay.drop()
    assert rows_of(replay) == [(0, 0)] and "b" not in replay
    fill(replay, "b", [point.step(0)])
    assert rows_of(replay) == [(0, 0), (1, 0)]


def test_steps_of_a_reset_are_never_drawn_and_no_return_runs_across_them(point: SimpleNamespace) -> None:
    replay = Replay(10, FIELDS, 2, n_step=3)
    steps = [point.step(t, reward=1.0, phase=Phase.RESET if t == 2 else Phase.AUTONOMOUS) for t in range(4)]
    fill(replay, "a", steps)
    assert rows_of(replay) == [(0, 0), (0, 1), (0, 3)]
    out = replay.transitions(np.array([0]), 1.0)
    assert out.returns.reward[0] == 2.0 and out.returns.bootstrap[0] == 1.0
    assert out.next_observation["state"][0, 0] == 2.0


def test_a_saved_replay_draws_and_grows_as_the_one_it_was(point: SimpleNamespace) -> None:
    one, two = Replay(12, FIELDS, 2, n_step=2), Replay(12, FIELDS, 2, n_step=2)
    for e in range(5):
        fill(one, str(e), [point.step(t, reward=t) for t in range(4)])
    arrays, document = one.state()
    two.restore({k: v.copy() for k, v in arrays.items()}, document)
    for replay in (one, two):
        fill(replay, "next", [point.step(0)])
    a, b = (r.draw(np.random.default_rng(3), 64, {"online": 1.0}) for r in (one, two))
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(
        one.transitions(a, 0.9).observation["front"], two.transitions(b, 0.9).observation["front"]
    )
    assert not two.begin("3")
    with pytest.raises(ReplayError, match="n_step 2, this one 1"):
        Replay(12, FIELDS, 2, n_step=1).restore(arrays, document)
    arrays.pop("column.reward")
    with pytest.raises(ReplayError, match=r"no column\.reward.*another version"):
        two.restore(arrays, document)


def test_rlif_punishes_only_the_policys_step_that_a_take_over_follows(point: SimpleNamespace) -> None:
    replay = Replay(20, FIELDS, 2, n_step=1)
    sources = [Source.POLICY, Source.POLICY, Source.REWIND, Source.HUMAN, Source.HUMAN, Source.POLICY]
    fill(replay, "a", [point.step(t, source=s, phase=FOR[s], reward=5.0) for t, s in enumerate(sources)])
    fill(replay, "b", [point.step(0, source=Source.HUMAN, phase=Phase.CORRECTION)])
    rewards = replay.transitions(np.arange(6), 0.9, labels.rlif).returns.reward
    np.testing.assert_array_equal(rewards, [0, -1, 0, 0, 0, 0])


def test_rlif_does_not_take_an_overwritten_human_step_for_a_take_over(point: SimpleNamespace) -> None:
    replay = Replay(5, FIELDS, 2, n_step=1)
    fill(replay, "a", [point.step(t, source=Source.HUMAN, phase=Phase.CORRECTION) for t in range(2)])
    fill(replay, "b", [point.step(0)])
    fill(replay, "c", [point.step(0)])
    assert replay.columns["episode"][0] == 2
    assert replay.transitions(np.array([0]), 0.9, labels.rlif).returns.reward[0] == 0.0


def test_rlif_is_a_view_that_leaves_the_task_reward_in_place(point: SimpleNamespace) -> None:
    replay = Replay(20, FIELDS, 2, n_step=1)
    fill(replay, "a", [point.step(0, reward=5.0), point.step(1, source=Source.HUMAN, phase=Phase.CORRECTION)])
    assert replay.transitions(np.array([0]), 0.9, labels.rlif).returns.reward[0] == -1.0
    assert replay.transitions(np.array([0]), 0.9, labels.task).returns.reward[0] == 5.0


def test_a_return_ends_where_a_human_takes_over_and_keeps_its_bootstrap(point: SimpleNamespace) -> None:
    """Two human steps would otherwise be credited to the policy that waits for them."""
    replay = Replay(20, FIELDS, 2, n_step=3)
    sources = [Source.POLICY, Source.POLICY, Source.HUMAN, Source.HUMAN, Source.POLICY, Source.POLICY, Source.REWIND]
    fill(replay, "a", [point.step(t, source=s, phase=FOR[s], reward=1.0) for t, s in enumerate(sources)])
    out = replay.transitions(np.arange(7), 0.5).returns
    np.testing.assert_array_equal(out.length, [2, 1, 3, 3, 2, 1, 1])  # the human's go on into the policy's
    np.testing.assert_allclose(out.bootstrap, 0.5**out.length)
    np.testing.assert_allclose(out.reward, [1.5, 1.0, 1.75, 1.75, 1.5, 1.0, 1.0])
    rewards = replay.transitions(np.arange(2), 0.5, labels.rlif).returns.reward
    np.testing.assert_allclose(rewards, [-0.5, -1.0])  # the step before it still pays for it


def test_help_costs_once_and_leaves_success_in_place(point: SimpleNamespace) -> None:
    replay = Replay(20, FIELDS, 2, n_step=1)
    sources = [Source.POLICY, Source.REWIND, Source.HUMAN, Source.HUMAN, Source.POLICY]
    over = [{"terminated": t == 4, "success": t == 4} for t in range(5)]
    fill(replay, "a", [point.step(t, source=s, phase=FOR[s], **over[t]) for t, s in enumerate(sources)])
    label = Sampling(0.5, "success", help_cost=0.25).label(0.9)
    rewards = replay.transitions(np.arange(5), 0.9, label).returns.reward
    np.testing.assert_array_equal(rewards, [-0.25, 0, 0, 0, 1])
    with pytest.raises(TrainingError, match="help_cost is -1"):
        OnlineConfig(help_cost=-1.0)
    with pytest.raises(TrainingError, match="value_range"):
        OnlineConfig(RlpdConfig(sac=SacConfig(bins=51)), help_cost=0.5)


def test_a_robot_that_backs_off_from_a_force_has_not_been_taken_over(point: SimpleNamespace) -> None:
    replay = Replay(20, FIELDS, 2, n_step=3)
    sources = [Source.POLICY, Source.REWIND, Source.POLICY, Source.NONE, Source.HUMAN]
    phases = [Phase.AUTONOMOUS] * 3 + [Phase.CORRECTION] * 2  # the first command of the human was refused
    fill(replay, "a", [point.step(t, source=s, phase=p) for t, (s, p) in enumerate(zip(sources, phases))])
    out = replay.transitions(np.arange(3), 1.0, labels.rlif).returns
    np.testing.assert_array_equal(out.reward, [-1, -1, -1])
    np.testing.assert_array_equal(out.length, [3, 2, 1])


def test_success_pays_once_and_only_where_it_ends_the_episode(point: SimpleNamespace) -> None:
    replay = Replay(20, FIELDS, 2, n_step=1)
    fill(replay, "a", [point.step(0, success=True), point.step(1, success=True, terminated=True)])
    np.testing.assert_array_equal(replay.transitions(np.arange(2), 0.9, labels.success).returns.reward, [0, 1])


def test_a_history_ends_with_its_row_and_does_not_reach_into_the_episode_before(point: SimpleNamespace) -> None:
    replay = Replay(50, {"x": ((1,), "float32")}, 2, n_step=1, histories={"past": ("x", 3)})
    for episode in range(2):
        replay.begin(f"e{episode}")
        for t in range(4):
            replay.add({"x": np.array([10.0 * episode + t])}, point.step(t), t)
        replay.finish({"x": np.array([10.0 * episode + 4])})
    seen = replay.seen(np.array([3, 5, 6, 7]))
    np.testing.assert_array_equal(seen["past"][..., 0], [[1, 2, 3], [10, 10, 10], [10, 10, 11], [10, 11, 12]])
    np.testing.assert_array_equal(seen["x"][:, 0], [3, 10, 11, 12])


def test_a_history_stops_at_what_has_been_overwritten(point: SimpleNamespace) -> None:
    replay = Replay(6, {"x": ((1,), "float32")}, 2, n_step=1, histories={"past": ("x", 3)})
    for episode in range(2):
        replay.begin(f"e{episode}")
        for t in range(3):
            replay.add({"x": np.array([10.0 * episode + t])}, point.step(t), t)
        replay.finish({"x": np.array([10.0 * episode + 3])})
    # rows 0 and 1 hold steps 2 and 3 of the second episode, rows 2 and 3 the rest of the first
    np.testing.assert_array_equal(replay.seen(np.array([3]))["past"][0, :, 0], [2, 2, 3])
    np.testing.assert_array_equal(replay.seen(np.array([0]))["past"][0, :, 0], [10, 11, 12])


def test_a_hundred_thousand_steps_with_two_cameras_fit_into_12_gb() -> None:
    pictures = {f"image/{n}": ((128, 128, 3), "uint8") for n in ("front", "wrist")}
    replay = Replay(100, {"state": ((20,), "float32"), **pictures}, 7, 3)
    tables = [*replay.observation.values(), *replay.columns.values()]
    assert sum(v.nbytes for v in tables) / 100 * 100_000 < 12e9


def test_an_episode_begun_within_another_is_refused_for_rows_must_follow_each_other() -> None:
    replay = Replay(20, {"state": ((1,), "float32")}, 2, 1)
    replay.begin("a")
    with pytest.raises(ReplayError, match="'a' is not finished"):
        replay.begin("b")


def test_an_answers_transition_ends_where_somebody_stepped_in_and_keeps_its_bootstrap(point: SimpleNamespace) -> None:
    replay = Replay(20, {"state": ((1,), "float32"), CHUNK_STEP: ((), "int16")}, 2, n_step=3)
    assert replay.begin("a")
    for t, chunk_step in enumerate((0, 1, -1, -1, 0, 1, 2, 0)):
        seen = {"state": np.zeros(1, np.float32), CHUNK_STEP: np.array(chunk_step, np.int16)}
        replay.add(seen, point.step(t, reward=1.0), t)
    replay.finish({"state": np.zeros(1, np.float32), CHUNK_STEP: np.array(-1, np.int16)})
    assert sorted(replay.views["decisions"].rows) == [0, 4, 7]
    out = replay.transitions(np.array([0, 4, 7]), 0.5, answers=True).returns
    np.testing.assert_array_equal(out.length, [2, 3, 1])
    np.testing.assert_allclose(out.reward, [1.5, 1.75, 1.0])
    np.testing.assert_allclose(out.bootstrap, [0.25, 0.125, 0.5])
