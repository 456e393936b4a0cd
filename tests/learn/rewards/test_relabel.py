"""A label given later rewrites reward, success and mask, cuts what came after, and can be undone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from robot_rl.datasets import Dataset
from robot_rl.datasets.edit.apply import apply, undo
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.store.verify import verify
from robot_rl.learn.rewards.relabel import Label, RewardRelabel, columns


def test_success_is_rewarded_once_and_terminates() -> None:
    got = columns(Label("success", 2), reward=2.0)
    assert got["reward"].tolist() == [0, 0, 2]
    assert got["success"].tolist() == got["terminated"].tolist() == [False, False, True]
    assert not got["truncated"].any()


def test_a_timeout_truncates_and_a_failure_terminates() -> None:
    late, broken = columns(Label("timeout", 1)), columns(Label("failure", 1))
    assert late["truncated"].tolist() == broken["terminated"].tolist() == [False, True]
    assert not (late["terminated"].any() or broken["truncated"].any())
    assert not (late["reward"].any() or broken["reward"].any() or late["success"].any() or broken["success"].any())


def test_steps_after_the_success_are_cut_off_and_those_before_are_what_they_were(pushes: Callable[..., Path]) -> None:
    with Dataset.open(pushes(2), "a") as data:
        before = data.episode(0)
        executed, top = before.steps["executed"][:6].copy(), before.aligned(["top"], final=True)["top"][:7]
        identity = before.attributes["id"]
        apply(data, RewardRelabel({0: Label("success", 5)}, "human"))
        after = data.episode(0)
        assert len(after) == 6 and after.success is True and after.attributes["id"] == identity
        assert after.steps["success"].tolist() == after.steps["terminated"].tolist() == [False] * 5 + [True]
        assert after.steps["reward"].tolist() == [0, 0, 0, 0, 0, 1] and not after.steps["truncated"].any()
        assert np.array_equal(after.steps["executed"], executed)
        assert np.array_equal(after.aligned(["top"], final=True)["top"], top)
        assert not list(verify(data))


def test_a_false_success_becomes_a_failure_cut_off_by_the_clock_and_undo_brings_it_back(
    pushes: Callable[..., Path],
) -> None:
    with Dataset.open(pushes(2), "a") as data:
        old = data.episode(1)
        assert old.success and old.steps["reward"].any()
        rewards, attributes = old.steps["reward"].copy(), old.attributes
        apply(data, RewardRelabel({1: Label("timeout", len(old) - 1)}, "human"))
        new = data.episode(1)
        assert new.success is False and len(new) == len(old)
        assert not (new.steps["reward"].any() or new.steps["success"].any() or new.steps["terminated"].any())
        assert np.flatnonzero(new.steps["truncated"]).tolist() == [len(new) - 1]
        assert new.attributes["reward_label"]["was"] == {"success": True, "steps": len(old)}
        assert not list(verify(data))
        undo(data)
        assert data.episode(1).attributes == attributes
        assert np.array_equal(data.episode(1).steps["reward"], rewards)


def test_a_step_that_is_not_there_is_refused_and_nothing_is_changed(pushes: Callable[..., Path]) -> None:
    with Dataset.open(pushes(1), "a") as data:
        with pytest.raises(DatasetError, match="episode 0 has steps"):
            apply(data, RewardRelabel({0: Label("success", 500)}, "human"))
        assert not list(verify(data))
