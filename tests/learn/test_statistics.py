import numpy as np
import pytest

from robot_rl.learn.statistics import bootstrap_mean, compare, mcnemar_exact, wilson


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [  # worked by hand with z = 1.959964
        (0, 10, 0.0, 0.2775),
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, table I
        (15, 148, 0.0624, 0.1605),  # the same
        (1, 29, 0.0061, 0.1718),  # the same
    ],
)
def test_wilson_interval_has_the_published_values(successes, trials, low, high):
    result = wilson(successes, trials)
    assert result.low == pytest.approx(low, abs=5e-5)
    assert result.high == pytest.approx(high, abs=5e-5)


def test_wilson_interval_holds_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    draws = rng.binomial(50, 0.8, 4000)
    covered = [wilson(int(k), 50).low <= 0.8 <= wilson(int(k), 50).high for k in draws]
    assert 0.93 < np.mean(covered) < 0.97


def test_impossible_counts_are_refused():
    for successes, trials in [(0, 0), (3, 2), (-1, 2)]:
        with pytest.raises(ValueError, match="successes"):
            wilson(successes, trials)


def test_mcnemar_counts_the_tail_of_a_fair_coin():
    assert mcnemar_exact(0, 5) == pytest.approx(2 / 32)
    assert mcnemar_exact(1, 7) == pytest.approx(2 * (1 + 8) / 256)
    assert mcnemar_exact(3, 3) == 1.0
    assert mcnemar_exact(0, 0) == 1.0


def test_a_paired_comparison_counts_wins_and_losses():
    first = [True, True, False, False, False, False]
    second = [True, False, True, True, True, False]
    result = compare(first, second)
    assert (result.both, result.only_first, result.only_second, result.neither) == (1, 1, 3, 1)
    assert result.difference == pytest.approx(2 / 6)
    assert result.p_value == pytest.approx(2 * (1 + 4) / 16)
    assert result.low < result.difference < result.high


def test_the_interval_of_a_paired_difference_has_the_published_value():
    # Newcombe 1998b, table III, example (e = 36, f = 12, g = 2, h = 0): difference 0.2, 0.0569 to 0.3404
    first = [True] * 36 + [True] * 12 + [False] * 2
    second = [True] * 36 + [False] * 12 + [True] * 2
    result = compare(first, second)
    assert -result.difference == pytest.approx(0.2)
    assert -result.high == pytest.approx(0.0569, abs=5e-4)
    assert -result.low == pytest.approx(0.3404, abs=5e-4)


def test_unpaired_outcomes_are_refused():
    with pytest.raises(ValueError, match="2 outcomes against 1"):
        compare([True, False], [True])


def test_bootstrap_interval_is_near_the_normal_one_for_many_values():
    values = np.random.default_rng(1).normal(3.0, 2.0, 400)
    mean, low, high = bootstrap_mean(values)
    half = 1.96 * values.std() / 20
    assert mean == pytest.approx(values.mean())
    assert low == pytest.approx(mean - half, abs=0.02)
    assert high == pytest.approx(mean + half, abs=0.02)


@pytest.mark.parametrize(
    ("won", "words"), [(0, "(0 states won, 1 lost, 8 alike)"), (1, "(1 state won,"), (2, "(2 states won,")]
)
def test_a_comparison_counts_states_in_plain_words(won: int, words: str):
    first, second = [True] + [False] * 8 + [False] * won, [False] + [False] * 8 + [True] * won
    assert words in str(compare(first, second))
