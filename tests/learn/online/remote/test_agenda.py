"""Evaluations come at set intervals, trial by trial, each held-out state once."""

from __future__ import annotations

import pytest

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.remote.agenda import Agenda, Trial


def test_an_evaluation_is_due_whenever_the_interval_is_passed() -> None:
    agenda = Agenda((7, 8), 100, at_once=False)
    assert agenda.next(0, None) is None and agenda.next(99, None) is None
    assert agenda.next(130, None) == Trial(1, 2, 7)
    assert not agenda.add(True, 12)
    assert agenda.next(130, None) == Trial(2, 2, 8)
    assert agenda.next(130, None) == Trial(2, 2, 8)  # discarded: it comes again
    assert agenda.add(False, 30)
    assert agenda.results == [(True, 12), (False, 30)]
    assert agenda.next(190, 130) is None
    assert agenda.next(201, 130) == Trial(1, 2, 7)


def test_the_first_may_be_due_at_once_and_only_where_there_was_none() -> None:
    agenda = Agenda((7,), 100, at_once=True)
    assert agenda.next(0, 0) is None
    assert agenda.next(0, None) == Trial(1, 1, 7)


def test_without_states_nothing_is_evaluated_and_an_interval_of_nothing_is_refused() -> None:
    assert Agenda((), 100, at_once=True).next(500, None) is None
    with pytest.raises(TrainingError, match="every 0 robot steps"):
        Agenda((7,), 0, at_once=False)
