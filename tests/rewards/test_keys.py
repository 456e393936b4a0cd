"""Which step a key concerns."""

from __future__ import annotations

import numpy as np
import pytest

from robot_rl.rewards.errors import RewardError
from robot_rl.rewards.keys import Key, Mark, held_labels, resolve, step_meant

STAMPS = np.arange(10) * 100_000_000  # [ns], 10 Hz
MS = 1_000_000


def test_the_key_concerns_the_step_seen_a_latency_earlier() -> None:
    assert step_meant(STAMPS, 750 * MS, 0.0) == 7
    assert step_meant(STAMPS, 750 * MS, 0.4) == 3
    assert step_meant(STAMPS, 100 * MS, 0.4) == 0
    assert step_meant(STAMPS, 5000 * MS, 0.4) == 9


def test_undo_takes_back_the_newest_mark_and_the_one_before_counts() -> None:
    keys = [Key(500 * MS, "success"), Key(700 * MS, "failure"), Key(800 * MS, "undo")]
    assert resolve(keys, STAMPS, 0.2) == Mark("success", 3)
    assert resolve([*keys, Key(850 * MS, "undo")], STAMPS, 0.2) is None


def test_who_marks_again_has_changed_their_mind() -> None:
    assert resolve([Key(500 * MS, "success"), Key(900 * MS, "failure")], STAMPS, 0.0) == Mark("failure", 9)


def test_an_undo_with_nothing_to_undo_leaves_what_follows() -> None:
    assert resolve([Key(100 * MS, "undo"), Key(500 * MS, "success")], STAMPS, 0.0) == Mark("success", 5)


def test_a_held_key_labels_what_was_seen_while_it_was_held_less_the_latency() -> None:
    labels = held_labels([(500 * MS, 700 * MS)], STAMPS, 0.2)
    assert np.flatnonzero(labels).tolist() == [3, 4]


def test_a_latency_below_zero_is_refused() -> None:
    with pytest.raises(RewardError, match="latency"):
        step_meant(STAMPS, 0, -0.1)
