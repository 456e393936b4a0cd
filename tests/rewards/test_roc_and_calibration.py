"""ROC, temperature and reliability against values worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from robot_rl.rewards.calibration import calibration_error, log_loss, reliability, sigmoid, temperature
from robot_rl.rewards.errors import RewardError
from robot_rl.rewards.roc import roc


def test_the_area_is_the_share_of_pairs_in_the_right_order() -> None:
    scores, labels = np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])
    curve = roc(scores, labels)  # of the 4 pairs only (0.35, 0.4) is the wrong way round
    assert curve.area == pytest.approx(0.75)
    assert curve.false_positives.tolist() == [0, 0, 0.5, 0.5, 1]
    assert curve.true_positives.tolist() == [0, 0.5, 0.5, 1, 1]


def test_ties_count_half() -> None:
    assert roc(np.array([0.5, 0.5]), np.array([True, False])).area == pytest.approx(0.5)


def test_a_curve_needs_both_classes() -> None:
    with pytest.raises(RewardError, match="2 positives of 2"):
        roc(np.array([0.1, 0.2]), np.array([True, True]))


def test_the_temperature_of_logits_that_are_three_times_too_sure_is_three() -> None:
    rng = np.random.default_rng(0)
    honest = rng.normal(0.0, 2.0, 20_000)
    labels = rng.random(20_000) < sigmoid(honest)
    found = temperature(3.0 * honest, labels)
    assert found == pytest.approx(3.0, rel=0.06)
    assert log_loss(3.0 * honest / found, labels) < log_loss(3.0 * honest, labels)


def test_log_loss_of_even_odds_is_log_two() -> None:
    assert log_loss(np.zeros(4), np.array([True, False, True, True])) == pytest.approx(np.log(2))


def test_reliability_groups_by_what_was_said() -> None:
    said, true = np.array([0.05, 0.05, 0.95, 0.95]), np.array([False, True, True, True])
    low, high = reliability(said, true)
    assert (low.pictures, low.said, low.true) == (2, pytest.approx(0.05), 0.5)
    assert (high.pictures, high.true) == (2, 1.0)
    assert calibration_error((low, high)) == pytest.approx((0.45 + 0.05) / 2)
