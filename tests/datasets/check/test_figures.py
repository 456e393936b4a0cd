from __future__ import annotations

import numpy as np
import pytest

from robot_rl.datasets.check.commands import changed, derivative, lag
from robot_rl.datasets.check.numbers import Channels, not_finite
from robot_rl.datasets.check.operators import similar_radius, speed_modes, speed_ratio, two_modes
from robot_rl.datasets.check.pictures import clipped_share, motion, runs_of_equal

PERIOD = 50_000_000


def test_runs_of_equal_items_are_found_with_their_length() -> None:
    assert runs_of_equal([1, 1, 2, 3, 3, 3]) == [(0, 2), (3, 3)]
    assert runs_of_equal([1, 2, 3]) == []
    assert runs_of_equal([]) == []
    assert runs_of_equal([b"a", b"a"]) == [(0, 2)]


def test_motion_is_the_largest_range_of_any_number_between_two_moments() -> None:
    values = np.array([[0.0, 0.0], [0.1, 0.0], [0.3, -0.5], [9.0, 9.0]])
    assert motion(np.arange(4), values, 0, 2) == pytest.approx(0.5)
    assert motion(np.arange(4), values, 0, 0) == 0.0


def test_black_and_white_pixels_are_told_from_dark_and_bright_ones() -> None:
    picture = np.full((2, 2, 3), 7, np.uint8)
    picture[0, 0] = 0
    picture[0, 1] = 255
    picture[1, 0] = 0, 0, 1
    assert clipped_share(picture) == (0.25, 0.25)
    assert clipped_share(np.array([[0, 65535], [0, 900]], np.uint16)) == (0.5, 0.25)


def test_extremes_and_how_often_they_are_met_are_kept_over_episodes() -> None:
    channels = Channels(3)
    ramp = np.arange(20.0)
    channels.add(np.stack([ramp, np.minimum(ramp, 15), np.full(20, 2.0)], axis=1))
    channels.add(np.stack([ramp + 1, np.minimum(ramp, 15), np.full(20, 2.0)], axis=1))
    assert channels.count == 40
    np.testing.assert_array_equal(channels.high, [20, 15, 2])
    np.testing.assert_array_equal(channels.constant, [False, False, True])
    np.testing.assert_allclose(channels.at_an_end, [1 / 40, 10 / 40, 0.0])


def test_a_switch_is_not_saturated_and_rows_that_are_not_finite_do_not_count() -> None:
    channels = Channels(1)
    channels.add(np.array([[0.0], [1.0], [np.nan], [1.0]]))
    assert channels.count == 3
    assert channels.at_an_end[0] == 0.0
    assert not_finite(np.array([[0.0, 1.0], [np.inf, 0.0], [0.0, np.nan]])).tolist() == [1, 2]


def test_a_request_counts_as_changed_by_more_than_a_thousandth_of_the_span() -> None:
    executed = np.zeros((4, 2))
    asked = np.array([[0.0, 0.0], [0.0, 0.0015], [0.0, 0.0025], [np.nan, np.nan]])
    assert changed(asked, executed, np.array([2.0, 2.0])).tolist() == [False, False, True, False]


def test_differences_over_time_lie_half_way_and_skip_repeated_stamps() -> None:
    stamps, rates = derivative(np.array([0, 2, 2, 4], np.int64) * 10**9, np.array([[0.0], [1.0], [7.0], [4.0]]))
    assert stamps.tolist() == [10**9, 3 * 10**9]
    np.testing.assert_allclose(rates, [[0.5], [1.5]])


@pytest.mark.parametrize("delay", [0.0, 0.04, 0.13, 0.3, -0.1])
def test_the_lag_of_a_delayed_velocity_is_found_to_within_a_tenth_of_a_period(delay: float) -> None:
    rng = np.random.default_rng(0)
    t = np.arange(200) * PERIOD
    command = np.repeat(rng.normal(size=(40, 3)), 5, axis=0)  # changes every 0.25 s
    fine = np.arange(0, 200 * PERIOD, PERIOD // 10)
    held = command[np.clip(((fine - round(delay * 1e9)) // PERIOD), 0, 199)]
    found = lag(t, command, fine, held, PERIOD * 1e-9)
    assert found is not None
    assert found.seconds == pytest.approx(delay, abs=0.005)
    assert found.correlation > 0.95


def test_a_robot_that_stands_still_has_no_lag() -> None:
    t = np.arange(50) * PERIOD
    assert lag(t, np.ones((50, 2)), t, np.zeros((50, 2)), 0.05) is None
    assert lag(t[:5], np.ones((5, 2)), t, np.zeros((50, 2)), 0.05) is None


def demonstrations(pace: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """States along a line, log-speeds around each episode's pace with 10 % noise, and episode numbers."""
    rng = np.random.default_rng(1)
    states, logs, episodes = [], [], []
    for k, speed in enumerate(pace):
        states.append(rng.uniform(-1, 1, (60, 2)) * [1, 0.05])
        logs.append(np.log(speed) + 0.1 * rng.normal(size=60))
        episodes.append(np.full(60, k))
    return np.concatenate(states), np.concatenate(logs), np.concatenate(episodes)


def test_an_operator_twice_as_fast_is_measured_as_such() -> None:
    states, logs, episodes = demonstrations((0.1, 0.1, 0.2, 0.2))
    first, second = episodes < 2, episodes >= 2
    ratio, matches = speed_ratio(
        (states[first], logs[first]), (states[second], logs[second]), similar_radius(states, episodes)
    )
    assert ratio == pytest.approx(2.0, rel=0.05)
    assert matches > 100


def test_two_paces_are_two_modes_and_one_pace_is_one() -> None:
    modes = speed_modes(*demonstrations((0.1, 0.3) * 4))
    assert modes is not None and modes.distinct
    assert modes.ratio == pytest.approx(3.0, rel=0.25)
    assert modes.minor > 0.3
    one = speed_modes(*demonstrations((0.2,) * 8))
    assert one is not None and not one.distinct


def test_two_gaussians_far_apart_are_recovered() -> None:
    rng = np.random.default_rng(2)
    modes = two_modes(np.concatenate([rng.normal(0, 0.1, 300), rng.normal(1, 0.1, 100)]))
    assert modes.ratio == pytest.approx(np.e, rel=0.05)
    assert modes.minor == pytest.approx(0.25, abs=0.02)
    assert modes.separation == pytest.approx(np.sqrt(2) / np.hypot(0.1, 0.1), rel=0.1)
