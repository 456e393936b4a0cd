"""Steps are put together from parts in any order, each once, and only the last one ends the episode."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from robot_rl.control.safety import Safety
from robot_rl.datasets.record import Phase, Source
from robot_rl.hardware.robot import Outcome
from robot_rl.runtime.arbiter import Decision
from robot_rl.runtime.assembly import StepAssembler


def decision(stamp: int, action: float = 0.0) -> Decision:
    nothing = np.full(1, np.nan)
    return Decision(
        stamp=stamp,
        action=np.array([action]),
        source=Source.POLICY,
        phase=Phase.AUTONOMOUS,
        safety=Safety(0),
        proposed=np.array([action]),
        human=nothing,
        interrupted=False,
    )


def test_a_step_carries_what_was_executed_and_the_first_outcome_after_it() -> None:
    assembler = StepAssembler(expect_outcome=True)
    for t in (0, 10, 20):
        assembler.decided(decision(t, action=t))
        assembler.executed(t, np.array([t + 0.5]))
        assembler.outcome(t + 10, Outcome(reward=t, success=t == 20))
    assembler.end(20, success=True, terminated=True, truncated=False)
    steps = list(assembler.complete())
    assert [s.stamp for s in steps] == [0, 10, 20]
    assert [s.executed[0] for s in steps] == [0.5, 10.5, 20.5]
    assert [s.proposed[0] for s in steps] == [0, 10, 20]
    assert [s.reward for s in steps] == [0, 10, 20]
    assert [s.terminated for s in steps] == [False, False, True]
    assert assembler.done


def test_the_outcome_of_the_state_before_a_step_is_not_its_own() -> None:
    assembler = StepAssembler(expect_outcome=True)
    assembler.outcome(0, Outcome(reward=7.0))
    assembler.decided(decision(0))
    assembler.executed(0, np.zeros(1))
    assembler.end(0, success=False, terminated=False, truncated=True)
    assert list(assembler.complete()) == []
    assembler.outcome(10, Outcome(reward=1.0))
    (step,) = assembler.complete()
    assert step.reward == 1.0 and step.truncated and not step.terminated


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_the_order_in_which_the_parts_arrive_does_not_matter(order: tuple[int, ...]) -> None:
    assembler = StepAssembler(expect_outcome=True)
    parts = [
        lambda: assembler.decided(decision(0)),
        lambda: assembler.executed(0, np.ones(1)),
        lambda: assembler.outcome(10, Outcome(success=True)),
        lambda: assembler.end(0, success=False, terminated=False, truncated=False),
    ]
    steps = []
    for i in order:
        parts[i]()
        steps += list(assembler.complete())
    assert len(steps) == 1 and steps[0].success


def test_a_repeated_decision_makes_no_second_step() -> None:
    assembler = StepAssembler(expect_outcome=False)
    for _ in range(2):
        assembler.decided(decision(0))
        assembler.executed(0, np.zeros(1))
        list(assembler.complete())
    assembler.end(0, success=False, terminated=False, truncated=True)
    assert len(list(assembler.complete())) == 1


def test_a_decision_that_the_robot_refused_is_dropped_and_counted() -> None:
    assembler = StepAssembler(expect_outcome=False)
    assembler.decided(decision(0))
    assembler.decided(decision(10))
    assembler.executed(10, np.zeros(1))
    assembler.end(10, success=False, terminated=False, truncated=True)
    assert [s.stamp for s in assembler.complete()] == [10]
    assert assembler.dropped == 1


def test_steps_after_the_end_are_not_recorded() -> None:
    assembler = StepAssembler(expect_outcome=False)
    for t in (0, 10, 20):
        assembler.decided(decision(t))
        assembler.executed(t, np.zeros(1))
    assembler.end(10, success=False, terminated=False, truncated=True)
    assert [(s.stamp, s.truncated) for s in assembler.complete()] == [(0, False), (10, True)]


def test_an_end_that_is_heard_late_still_cuts_the_steps_after_it() -> None:
    assembler = StepAssembler(expect_outcome=False, hold=50)
    early = []
    for t in range(0, 100, 10):
        assembler.decided(decision(t))
        assembler.executed(t, np.zeros(1))
        early += list(assembler.complete())
    assert [s.stamp for s in early] == [0, 10, 20, 30]
    assembler.end(60, success=True, terminated=True, truncated=False)
    late = list(assembler.complete())
    assert [s.stamp for s in late] == [40, 50, 60]
    assert [(s.terminated, s.success) for s in late] == [(False, False), (False, False), (True, True)]


def test_without_its_end_the_last_step_is_kept_by_flush() -> None:
    assembler = StepAssembler(expect_outcome=False)
    assembler.decided(decision(0))
    assembler.executed(0, np.zeros(1))
    assert list(assembler.complete()) == []
    (step,) = assembler.flush()
    assert step.truncated
    assert list(assembler.flush()) == []


@pytest.mark.parametrize(("end", "kept"), [(None, [0, 10, 20]), (10, [0, 10])])
def test_steps_that_nobody_judged_any_more_are_kept_by_flush_as_no_success(end: int | None, kept: list[int]) -> None:
    """They were carried out: a judge that falls silent takes no part of a demonstration with it."""
    assembler = StepAssembler(expect_outcome=True)
    for t in (0, 10, 20):
        assembler.decided(decision(t))
        assembler.executed(t, np.zeros(1))
    assembler.decided(decision(30))  # nothing says that this one was
    assembler.outcome(5, Outcome(reward=1.0, success=True))
    if end is not None:
        assembler.end(end, success=False, terminated=False, truncated=True)
    steps = [*assembler.complete(), *assembler.flush()]
    assert [s.stamp for s in steps] == kept
    assert [(s.reward, s.success) for s in steps] == [(1.0, True), *[(0.0, False)] * (len(kept) - 1)]
    assert [s.truncated for s in steps] == [False] * (len(kept) - 1) + [True]
