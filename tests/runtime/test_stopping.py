"""Stop rules, cycle times and turns of practice, each on a handful of episodes written by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from robot_rl.datasets.record import Source
from robot_rl.runtime.cycle_time import CycleTimes
from robot_rl.runtime.episodes import Ending
from robot_rl.runtime.loop import EpisodeResult
from robot_rl.runtime.practice import Practice, Turn
from robot_rl.runtime.stopping import AskedToStop, FirstOf, StepLimit, Streak, TimeLimit, untouched
from robot_rl.runtime.ticks import TickStatistics

TIMING = TickStatistics(0, 0.0, 0.0, 0.0, 0.0, 0)


def episode(result="success", *, steps=10, interventions=0, human=0, terminated=None, purpose="deployment"):
    over = result == "success" if terminated is None else terminated
    ending = Ending(result, over, not over, 0, steps, interventions)
    sources = {Source.POLICY: steps - human, Source.HUMAN: human}
    return EpisodeResult(0, purpose, ending, None, 0.0, sources, {}, TIMING)


GOOD, BAD = episode(), episode("failure")


def test_a_success_is_untouched_only_where_no_human_acted():
    assert untouched(GOOD)
    assert not untouched(BAD)
    assert not untouched(episode(interventions=1))
    assert not untouched(episode(human=3))


def test_a_streak_ends_the_session_and_anything_else_begins_it_anew():
    rule = Streak(3)
    given = [GOOD, GOOD, BAD, GOOD, GOOD, episode(interventions=1), GOOD, GOOD]
    assert [rule.add(r) for r in given] == [None] * 8
    assert rule.add(episode("discarded")) is None and rule.run == 2
    assert rule.add(episode(purpose="demonstration")) is None and rule.run == 2
    assert rule.add(GOOD) == "3 untouched successes in a row"


def test_a_streak_that_is_waited_for_comes_to_a_policy_below_its_bound():
    bound = 0.05 ** (1 / 30)
    assert bound == pytest.approx(0.905, abs=5e-4)
    rng = np.random.default_rng(0)

    def stops(chance):
        rule = Streak(30)
        for good in rng.random(1000) < chance:
            rule.count(bool(good))
            if rule.reason:
                return True
        return False

    assert np.mean([stops(0.85) for _ in range(400)]) == pytest.approx(0.686, abs=0.07)  # three deviations


def test_steps_and_time_are_counted_over_all_episodes():
    rule = StepLimit(25)
    assert [rule.add(r) for r in (GOOD, episode("discarded"))] == [None, None]
    assert rule.add(BAD) == "30 robot steps, of 25 allowed"
    times = iter([100.0, 159.0, 160.0])
    rule = TimeLimit(60.0, lambda: next(times))
    assert rule.add(GOOD) is None
    assert rule.add(GOOD) == "60 s have passed, of 60 allowed"


def test_the_first_reason_counts_and_every_rule_hears_every_episode():
    streak, asked = Streak(2), AskedToStop()
    rule = FirstOf([StepLimit(1000), streak, asked])
    assert rule.add(GOOD) is None
    asked.ask("lunch")
    assert rule.add(BAD) == "lunch"
    assert streak.run == 0


@pytest.mark.parametrize(
    "make", [lambda: Streak(0), lambda: StepLimit(0), lambda: TimeLimit(0.0), lambda: TimeLimit(math.nan)]
)
def test_a_rule_that_could_never_hold_or_always_does_is_refused(make):
    with pytest.raises(ValueError, match="must be"):
        make()


def test_cycle_times_are_of_successes_and_production_counts_failures_and_resets():
    times = CycleTimes(0.1, window=4)
    assert math.isnan(times.statistics().median) and math.isnan(times.statistics().per_hour)
    times.add(episode(steps=1000))  # forgotten: the window holds four
    for steps, result, reset in (
        (20, "success", 1.0),
        (40, "success", 0.0),
        (60, "failure", 2.0),
        (30, "success", 0.0),
    ):
        times.add(episode(result, steps=steps), reset)
    statistics = times.statistics()
    assert (statistics.episodes, statistics.successes) == (4, 3)
    assert statistics.median == pytest.approx(3.0)
    assert statistics.p90 == pytest.approx(3.8)  # of 2, 3, 4 s: 0.8 of the way from the second to the third
    assert statistics.per_success == pytest.approx((2 + 4 + 6 + 3 + 1 + 2) / 3)
    assert statistics.per_hour == pytest.approx(600.0)


def test_success_hands_over_and_time_outs_are_tried_again_a_few_times():
    practice = Practice(["insert", "return"], tries=2)
    turns = [practice.add(r) for r in (GOOD, BAD, BAD, GOOD, GOOD)]
    assert turns == [Turn(1, False), Turn(1, False), Turn(0, False), Turn(1, False), Turn(0, False)]
    assert (practice.turns, practice.successes, practice.resets) == ([2, 3], [2, 1], 0)


def test_a_reset_is_asked_for_when_both_are_stuck_or_something_is_lost():
    practice = Practice(["insert", "return"], tries=2)
    assert [practice.add(BAD).reset for _ in range(4)] == [False, False, False, True]
    assert practice.goal == 0
    practice.add(GOOD)
    assert practice.add(episode("failure", terminated=True)) == Turn(0, True)
    assert practice.resets == 2
    assert practice.add(episode("discarded")) == Turn(0, False)
    assert sum(practice.turns) == 6
    with pytest.raises(ValueError, match="two goals"):
        Practice(["insert"])
