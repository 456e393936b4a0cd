"""Decisions and verdicts arrive apart, in any order, and each state is judged by whose word counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from robot_rl.control.safety import Safety
from robot_rl.datasets.record import Phase, Source
from robot_rl.hardware.robot import Outcome
from robot_rl.runtime.arbiter import Decision
from robot_rl.runtime.episodes import Ending, EpisodeRules
from robot_rl.runtime.judged_episode import JudgedEpisode

SUCCESS = Outcome(reward=1.0, success=True)
SECOND = 1_000_000_000


def decision(stamp: int, source: Source = Source.POLICY) -> Decision:
    nothing = np.zeros(1)
    return Decision(stamp, nothing, source, Phase.AUTONOMOUS, Safety(0), nothing, nothing)


def running(
    keys: str = "mark", *, judged: bool = True, near: int = 0, **rules: float
) -> tuple[JudgedEpisode, list[tuple[int, bool]]]:
    said: list[tuple[int, bool]] = []
    episode = JudgedEpisode(
        EpisodeRules(**rules),  # type: ignore[arg-type]
        lambda stamp, outcome: said.append((stamp, outcome.success)),
        judged=judged,
        near=near,
    )
    episode.keys = keys  # type: ignore[assignment]
    episode.machine.reset()
    episode.begin("e", 0, "deployment", 10)
    return episode, said


def test_a_step_waits_for_the_verdict_on_the_state_it_led_to() -> None:
    episode, said = running()
    assert episode.decided(decision(9)) is None, "of the episode before"
    assert episode.outcome(10, SUCCESS) is None, "the start state is nobody's doing"
    assert episode.decided(decision(10, Source.HUMAN)) is None
    ending = episode.outcome(11, SUCCESS)
    assert ending is not None and (ending.result, ending.steps, ending.end_stamp) == ("success", 1, 10)
    assert episode.human_steps == 1 and said == []
    assert episode.outcome(12, SUCCESS) is None and episode.decided(decision(11)) is None, "it is over"


def test_where_nobody_judges_every_decision_is_a_step() -> None:
    episode, _ = running(judged=False, max_steps=2)
    assert episode.decided(decision(10)) is None and episode.decided(decision(10)) is None
    ending = episode.decided(decision(11))
    assert ending is not None and (ending.result, ending.truncated, ending.steps) == ("failure", True, 2)


def test_an_episode_that_is_cut_off_unmarked_is_judged_by_nobody_unless_somebody_judges_its_states() -> None:
    for keys, judged in (("mark", False), ("mark", True), ("hold", False)):
        episode, _ = running(keys, judged=judged)
        cut_off = Ending("failure", terminated=False, truncated=True, end_stamp=10, steps=1, interventions=0)
        states = episode.states_judged
        assert states == cut_off.judged(states=states) == (judged or keys == "hold")
        marked = replace(cut_off, marked=True, terminated=True)
        assert marked.judged(states=states) and marked.judged_unmarked(states=states) == states
        by_rule = replace(cut_off, terminated=True)
        assert by_rule.judged_unmarked(states=states), "a rule ended it, such as too large a force"


def test_what_a_human_did_after_the_last_step_does_not_count() -> None:
    episode, _ = running(judged=False, max_steps=2, latency=3e-9)
    for stamp in (10, 11, 12, 13):
        assert episode.decided(decision(stamp, Source.HUMAN)) is None
    ending = episode.decided(decision(14, Source.HUMAN))
    assert ending is not None and (ending.steps, ending.end_stamp, episode.human_steps) == (2, 11, 2)
    marked, _ = running(judged=False, latency=3e-9)
    for stamp in (10, 11, 12, 13):
        marked.decided(decision(stamp, Source.HUMAN))
    ending = marked.press("failure")
    assert ending is not None and (ending.steps, ending.end_stamp, marked.human_steps) == (1, 10, 1)


def test_a_held_key_is_said_of_each_state_and_the_task_is_not_asked() -> None:
    episode, said = running("hold", latency=1.0)
    assert episode.judge == "keys"
    episode.decided(decision(10))
    assert episode.outcome(11, SUCCESS) is None
    episode.state(11)
    assert episode.key(SECOND, True) is None, "the person has not yet seen it"
    ending = episode.key(SECOND + 11, True)
    assert said == [(11, True)]
    assert ending is not None and (ending.result, ending.marked, ending.steps) == ("success", True, 1)


def test_a_silent_device_gives_no_success_and_deciding_keys_none_by_themselves() -> None:
    held, said = running("hold", latency=1.0)
    held.decided(decision(10))
    held.state(11)
    assert held.silent() is None and said == [(11, False)] and held.machine.steps == 1
    decide, told = running("decide")
    decide.decided(decision(10))
    assert decide.state(11) is None and told == [(11, False)] and decide.machine.steps == 1
    assert decide.key(12, True) is None and decide.silent() is None and len(told) == 1
    ending = decide.press("success")
    assert ending is not None and ending.result == "success"


def classified(**rules: Any) -> tuple[JudgedEpisode, list[tuple[int, bool]]]:
    episode, said = running(**rules)
    episode.classified = True
    return episode, said


def test_a_classifier_s_word_counts_and_the_task_s_does_not() -> None:
    episode, said = classified(max_steps=9)
    assert episode.judge == "classifier"
    episode.decided(decision(10))
    episode.state(10)
    episode.state(11)
    assert episode.outcome(11, SUCCESS) is None and said == []
    assert episode.classify(10, Outcome()) is None
    ending = episode.classify(11, SUCCESS)
    assert ending is not None and (ending.result, ending.steps, ending.marked) == ("success", 1, False)
    assert said == [(10, False), (11, True)]


def test_a_verdict_may_be_heard_before_its_state() -> None:
    episode, said = classified()
    episode.decided(decision(10))
    assert episode.classify(10, Outcome()) is None and episode.classify(11, Outcome()) is None
    episode.state(10)
    episode.state(11)
    assert said == [(10, False), (11, False)] and episode.machine.steps == 1
    assert episode.silent() is None and said == [(10, False), (11, False)], "nothing is left to be judged"


def test_states_that_the_classifier_passes_over_or_falls_silent_on_are_no_successes() -> None:
    episode, said = classified(max_steps=3)
    for stamp in (10, 11, 12):
        episode.decided(decision(stamp))
    for stamp in (10, 11, 12):
        episode.state(stamp)
    assert episode.classify(12, Outcome()) is None
    assert said == [(10, False), (11, False), (12, False)] and episode.machine.steps == 2
    episode.state(13)
    ending = episode.silent()
    assert ending is not None and (ending.result, ending.truncated, ending.steps) == ("failure", True, 3)
    assert said[-1] == (13, False)


def test_nothing_is_said_after_the_end() -> None:
    episode, said = classified(max_steps=2)
    for stamp in range(10, 16):
        episode.decided(decision(stamp))
        episode.state(stamp)
    ending = episode.silent()
    assert ending is not None and ending.steps == 2 and said == [(10, False), (11, False), (12, False)]
    assert episode.silent() is None and episode.classify(15, SUCCESS) is None and len(said) == 3


def test_a_person_s_mark_is_of_the_state_they_see_and_not_of_the_last_that_was_classified() -> None:
    episode, said = classified()
    for stamp in (10, 11, 12):
        episode.decided(decision(stamp))
        episode.state(stamp)
    episode.state(13)
    ending = episode.press("success")
    assert ending is not None and (ending.result, ending.steps, ending.end_stamp) == ("success", 3, 12)
    assert said[-1] == (13, False) and episode.unclassified is None


def test_a_verdict_is_of_the_state_that_is_near_though_its_stamp_differs() -> None:
    episode, said = classified(near=5)
    episode.decided(decision(10))
    for stamp in (10, 20):
        episode.state(stamp)
    assert episode.classify(11, Outcome()) is None and episode.unclassified == 20
    ending = episode.classify(21, SUCCESS)
    assert ending is not None and ending.steps == 1 and said == [(10, False), (20, True)]


def test_held_keys_judge_before_a_classifier_and_the_next_episode_may_be_the_task_s_again() -> None:
    episode, _ = classified()
    episode.keys = "hold"
    assert episode.judge == "keys"
    episode.keys, episode.classified = "mark", False
    assert episode.judge == "robot"
    episode.decided(decision(10))
    assert episode.classify(11, SUCCESS) is None
    ending = episode.outcome(11, SUCCESS)
    assert ending is not None and ending.result == "success"
