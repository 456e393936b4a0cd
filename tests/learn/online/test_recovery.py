"""An episode that was recorded and cannot be learnt from is left out and said, and the session goes on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from robot_rl.datasets import Dataset, Sample
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.relabelling import rewrite
from robot_rl.learn.online.replay import Replay
from robot_rl.learn.online.session import Session
from robot_rl.learn.online.workcell import Workcell


def record_damaged(dataset: Dataset, point: SimpleNamespace, name: str, steps: int = 4) -> None:
    """An episode of a session whose last measurement is not a number."""
    period = point.spec.period_ns
    with dataset.new_episode(episode_id=name, purpose="deployment", seed=0) as writer:
        for t in range(steps + 1):
            writer.add_sample(Sample("position", t * period, np.full(2, np.nan if t == steps else 0.1)))
            writer.add_sample(Sample("goal", t * period, np.zeros(2)))
            if t < steps:
                writer.add_step(point.step(t, truncated=t == steps - 1))
        writer.commit(False, end=steps * period)


def test_a_number_that_is_none_in_a_recorded_episode_does_not_end_its_session_for_good(
    cell: Workcell, point: SimpleNamespace, small_online: OnlineConfig, tmp_path: Path
) -> None:
    with Dataset.create(tmp_path / "episodes", point.spec) as dataset:
        first = Session(small_online, cell, directory=tmp_path, dataset=dataset)
        first.turn()
        record_damaged(dataset, point, "online-0-1")
        steps = first.tally.robot_steps
        for _ in range(2):  # nothing is saved before the next episode
            said: list[str] = []
            again = Session(small_online, cell, directory=tmp_path, dataset=dataset, say=said.append)
            assert len(said) == 1 and "nothing is learnt from episode 1:" in said[0] and "not finite" in said[0]
            assert (again.tally.episodes, again.tally.robot_steps) == (2, steps + 4)
            assert len(again.learner.replay) == steps and "online-0-1" in again.learner.replay
        again.turn()
        said.clear()
        once_more = Session(small_online, cell, directory=tmp_path, dataset=dataset, say=said.append)
        assert said == [] and once_more.tally.to_dict() == again.tally.to_dict() and once_more.recovered == 0


def test_an_episode_that_is_left_out_has_no_rows_not_even_those_of_the_try_to_take_it_in(
    point: SimpleNamespace,
) -> None:
    replay, seen = Replay(4, {"state": ((1,), "float32")}, 2, n_step=1), {"state": np.zeros(1, np.float32)}
    for name, finish in (("a", True), ("b", False)):
        replay.begin(name)
        for t in range(2):
            replay.add(seen, point.step(t), t)
        replay.finish(seen, False) if finish else replay.drop()
    assert (replay.columns["episode"] == 1).any(), "the ring has turned"
    replay.leave_out("b")
    assert "b" in replay and replay.finished == 2 and not replay.begin("b")
    before = {name: column.copy() for name, column in replay.columns.items()}
    steps = {n: np.ones(2) for n in ("reward", "success", "terminated", "truncated")}
    assert rewrite(replay, "b", steps, True) is False
    for name, column in replay.columns.items():
        np.testing.assert_array_equal(column, before[name])
    assert replay.begin("c")
