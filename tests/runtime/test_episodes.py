from __future__ import annotations

import numpy as np
import pytest

from robot_rl.control.safety import Safety
from robot_rl.datasets.record import Phase, Source
from robot_rl.hardware.robot import Outcome
from robot_rl.runtime.arbiter import Decision
from robot_rl.runtime.episodes import EpisodeError, EpisodeMachine, EpisodeRules

MS = 1_000_000
NONE = np.full(1, np.nan)


def decision(stamp: int, phase: Phase = Phase.AUTONOMOUS, safety: Safety = Safety(0)) -> Decision:
    return Decision(stamp, np.zeros(1), Source.POLICY, phase, safety, NONE, NONE)


def running(**rules) -> EpisodeMachine:
    machine = EpisodeMachine(EpisodeRules(**rules))
    machine.reset()
    machine.begin("a", 3, "deployment", 1000 * MS)
    return machine


def play(machine: EpisodeMachine, *outcomes: Outcome, phases: list[Phase] | None = None):
    """Steps of 50 ms; returns the ending, and at which step (counted from 1) it came."""
    for i, outcome in enumerate(outcomes):
        stamp = (1000 + 50 * i) * MS
        ending = machine.step(stamp, outcome, decision(stamp, phases[i] if phases else Phase.AUTONOMOUS))
        if ending:
            return ending, i + 1
    return None, len(outcomes)


ON, OFF = Outcome(success=True), Outcome()


def test_an_episode_goes_from_idle_through_running_to_idle():
    machine = EpisodeMachine(EpisodeRules(max_steps=1))
    states = [machine.state]
    machine.reset()
    states.append(machine.state)
    machine.begin("a", 0, "demonstration", 0)
    states.append(machine.state)
    assert machine.step(0, OFF, decision(0)) is not None
    states.append(machine.state)
    machine.saved()
    assert [*states, machine.state] == ["idle", "resetting", "running", "saving", "idle"]


def test_success_counts_only_when_held():
    ending, step = play(running(success_hold=3), ON, ON, OFF, ON, ON, ON, ON)
    assert step == 6
    assert (ending.result, ending.terminated, ending.truncated) == ("success", True, False)
    assert ending.steps == 6 and ending.end_stamp == 1250 * MS


def test_the_time_limit_truncates_and_never_terminates():
    ending, step = play(running(max_steps=4, success_hold=3), OFF, OFF, ON, ON, ON)
    assert step == 4
    assert (ending.result, ending.terminated, ending.truncated) == ("failure", False, True)


def test_success_held_at_the_time_limit_is_a_success():
    ending, _ = play(running(max_steps=3, success_hold=2), OFF, ON, ON)
    assert (ending.result, ending.terminated, ending.truncated) == ("success", True, False)


def test_a_lost_object_terminates_as_a_failure():
    ending, step = play(running(), OFF, Outcome(terminated=True))
    assert step == 2 and (ending.result, ending.terminated) == ("failure", True)


def test_without_a_limit_or_a_judge_an_episode_goes_on():
    machine = running()
    assert all(machine.step(1000 * MS + i, None, decision(1000 * MS + i)) is None for i in range(1000))


A, R, C = Phase.AUTONOMOUS, Phase.RECOVERY, Phase.CORRECTION


def test_interventions_are_counted_by_take_over_not_by_step():
    ending, _ = play(running(max_steps=8), *[OFF] * 8, phases=[A, R, R, C, A, C, C, A])
    assert ending.interventions == 2


def test_an_episode_may_end_when_the_human_hands_back():
    ending, step = play(running(end_after_intervention=True), *[OFF] * 8, phases=[A, R, C, C, A, A, A, A])
    assert step == 5 and (ending.result, ending.truncated) == ("failure", True)


def test_an_emergency_stop_cuts_the_episode_off():
    machine = running()
    ending = machine.step(1000 * MS, ON, decision(1000 * MS, safety=Safety.ESTOP | Safety.BOUND))
    assert ending.result == "success"  # held for the one step asked for before the stop counts
    machine = running()
    ending = machine.step(1000 * MS, OFF, decision(1000 * MS, safety=Safety.ESTOP | Safety.BOUND))
    assert (ending.result, ending.terminated, ending.truncated) == ("failure", False, True)


@pytest.mark.parametrize(
    ("button", "result", "terminated"),
    [("success", "success", True), ("failure", "failure", True), ("discard", "discarded", False)],
)
def test_the_human_marks_an_episode(button, result, terminated):
    machine = running()
    play(machine, *[OFF] * 5)
    ending = machine.press(button)
    assert (ending.result, ending.terminated, ending.truncated) == (result, terminated, not terminated)
    assert ending.steps == 5 and ending.end_stamp == 1200 * MS


def test_a_mark_is_set_as_much_earlier_as_a_human_is_late():
    # steps begin at 1000, 1050, ... 1450 ms; pressed at 1480, meant for 1280: the step from 1250 is the last
    machine = running(latency=0.2)
    play(machine, *[OFF] * 10)
    ending = machine.press("success", 1480 * MS)
    assert ending.end_stamp == 1250 * MS and ending.steps == 6


def test_a_mark_of_a_moment_before_the_episode_is_not_of_it():
    """A key pressed just after an episode is of what was seen at its end, not of the next one's first step."""
    machine = running(latency=0.1)  # begins at 1000 ms
    play(machine, OFF, OFF)
    assert machine.press("success", 1090 * MS) is None and machine.press("failure", 1099 * MS) is None
    assert machine.state == "running"
    ending = machine.press("success", 1100 * MS)
    assert ending.end_stamp == 1000 * MS and ending.steps == 1
    machine = running(latency=0.1)
    play(machine, OFF)
    assert machine.press("discard", 1090 * MS).result == "discarded"


def test_an_intervention_after_the_marked_moment_does_not_count():
    machine = running(latency=0.1)
    play(machine, OFF, OFF, OFF, phases=[A, A, C])
    assert machine.press("success", 1120 * MS).interventions == 0


def test_success_before_the_first_step_is_not_a_mark_but_discard_is():
    machine = running()
    assert machine.press("success") is None and machine.state == "running"
    assert machine.press("discard").steps == 0


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda m: m.saved(), "is running; allowed now: step, press, abort"),
        (lambda m: m.reset(), "is running"),
        (lambda m: m.begin("b", 0, "free", 0), "cannot begin"),
        (lambda m: m.press("start"), "does not mark an episode"),
        (lambda m: m.step(999 * MS, None, decision(0)), "does not follow"),
    ],
)
def test_what_the_state_does_not_allow_says_what_it_does(act, message):
    with pytest.raises(EpisodeError, match=message):
        act(running())


def test_two_steps_cannot_begin_at_once():
    machine = running()
    machine.step(1000 * MS, OFF, decision(0))
    with pytest.raises(EpisodeError, match="does not follow"):
        machine.step(1000 * MS, OFF, decision(0))


def test_steps_are_refused_while_saving():
    machine = running(max_steps=1)
    machine.step(1000 * MS, OFF, decision(0))
    with pytest.raises(EpisodeError, match="is saving; allowed now: saved, abort"):
        machine.step(1050 * MS, OFF, decision(0))


def test_giving_up_is_allowed_in_every_state():
    machine = running()
    machine.abort()
    assert machine.state == "idle"
    machine.reset()


@pytest.mark.parametrize("bad", [{"max_steps": 0}, {"success_hold": 0}, {"latency": -0.1}, {"latency": float("nan")}])
def test_rules_that_make_no_sense_are_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        EpisodeRules(**bad)


def test_a_success_is_still_heard_of_after_the_time_limit_that_it_came_before():
    # six steps from 1000 to 1250 ms; pressed at 1310, meant for 1210: the step from 1200 was under way
    machine = running(max_steps=6, latency=0.1)
    assert play(machine, *[OFF] * 7) == (None, 7)
    ending = machine.press("success", 1310 * MS)
    assert (ending.result, ending.terminated, ending.steps, ending.end_stamp) == ("success", True, 5, 1200 * MS)


def test_an_episode_ends_with_its_time_limit_once_nobody_can_speak_of_it_any_more():
    # a verdict of the task, or a human's handing back, after the limit changes nothing
    phases = [A] * 6 + [C, A]
    ending, step = play(running(max_steps=6, latency=0.1), *[OFF] * 6, ON, ON, phases=phases)
    assert step == 8 and (ending.result, ending.terminated, ending.truncated) == ("failure", False, True)
    assert ending.steps == 6 and ending.end_stamp == 1250 * MS and ending.interventions == 0


def test_an_emergency_stop_after_the_time_limit_ends_at_once():
    machine = running(max_steps=2, latency=10.0)
    assert play(machine, OFF, OFF) == (None, 2)
    ending = machine.step(1100 * MS, OFF, decision(1100 * MS, safety=Safety.ESTOP))
    assert (ending.result, ending.truncated, ending.steps) == ("failure", True, 2)


def test_a_late_verdict_beyond_the_time_limit_is_of_a_state_before_it():
    machine = running(max_steps=4, latency=0.1, late_verdict=True)
    assert play(machine, *[OFF] * 5) == (None, 5)
    ending = machine.step(1250 * MS, ON, decision(1250 * MS), now=1300 * MS)
    assert (ending.result, ending.steps, ending.end_stamp) == ("success", 4, 1150 * MS)


def test_a_mark_never_lengthens_an_episode_beyond_its_time_limit():
    machine = running(max_steps=4, latency=0.1)
    play(machine, *[OFF] * 5)
    assert machine.press("failure", 1390 * MS).steps == 4
