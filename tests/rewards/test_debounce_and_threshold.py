"""k of n, false successes per episode, and the threshold chosen for them: against values worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from robot_rl.rewards.debounce import Debounce, Rule, debounced
from robot_rl.rewards.errors import RewardError
from robot_rl.rewards.threshold import Track, choose, episodes_needed, measure, verdict


def track(scores: list[float], success: str = "") -> Track:
    flags = success or "." * len(scores)
    return Track(np.array(scores), np.array([f == "S" for f in flags]))


def test_success_is_said_from_the_second_of_three_on() -> None:
    above = np.array([1, 0, 1, 1, 0, 0, 1, 0, 0], dtype=bool)
    assert debounced(above, Rule(2, 3)).tolist() == [0, 0, 1, 1, 1, 0, 0, 0, 0]


def test_one_picture_at_a_time_says_the_same_as_all_at_once() -> None:
    above = np.random.default_rng(0).random(200) < 0.5
    live = Debounce(Rule(3, 5))
    assert [live.step(bool(a)) for a in above] == debounced(above, Rule(3, 5)).tolist()


def test_what_an_episode_ended_with_does_not_count_in_the_next() -> None:
    live = Debounce(Rule(2, 3))
    live.step(True)
    live.reset()
    assert live.step(True) is False


def test_a_verdict_counts_the_first_moment_only() -> None:
    early = track([0.9, 0.9, 0.1, 0.9, 0.9], "...SS")
    assert verdict(early, 0.5, Rule(1, 1)).false
    right = verdict(early, 0.5, Rule(3, 4))
    assert (right.said, right.false, right.delay) == (3, False, 0)


def test_one_false_picture_in_a_hundred_is_a_false_success_in_every_episode() -> None:
    scores = [0.1] * 50 + [0.9] + [0.1] * 49
    episodes = [track(scores)] * 10
    assert measure(episodes, 0.5, Rule(1, 1)).false_successes.rate == 1.0
    assert measure(episodes, 0.5, Rule(2, 3)).false_successes.rate == 0.0


def test_the_threshold_keeps_the_target_and_detects_most() -> None:
    wins = [track([0.1, 0.7, 0.8], ".SS")] * 4
    failures = [track([0.2, 0.2, 0.2])] * 3 + [track([0.2, 0.6, 0.2])]
    strict = choose([*wins, *failures], 0.0, Rule(1, 1))
    assert 0.6 < strict.threshold <= 0.8
    assert (strict.false_successes.successes, strict.false_successes.trials) == (0, 8)
    assert strict.detections is not None and strict.detections.successes == 4
    loose = choose([*wins, *failures], 1 / 8, Rule(1, 1))
    assert loose.false_successes.successes <= 1


def test_a_target_that_only_silence_keeps_detects_nothing_and_says_so() -> None:
    point = choose([track([0.9, 0.9], ".S"), track([1.0, 1.0])], 0.0, Rule(1, 1))
    assert point.detections is not None and point.detections.successes == 0
    assert point.false_successes.successes == 0


def test_fifty_nine_clean_episodes_show_less_than_five_percent() -> None:
    assert episodes_needed(0.05) == 59  # 0.95^59 = 0.0485, 0.95^58 = 0.0510


@pytest.mark.parametrize(("k", "n"), [(0, 3), (4, 3)])
def test_a_rule_that_cannot_be_met_is_refused(k: int, n: int) -> None:
    with pytest.raises(RewardError, match="1 <= k <= n"):
        Rule(k, n)


def test_a_score_that_is_not_finite_is_refused() -> None:
    with pytest.raises(RewardError, match="finite"):
        track([0.1, float("nan")])
