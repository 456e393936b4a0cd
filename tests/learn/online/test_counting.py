"""What a session counts and shows: steps, minutes, help, and how many updates there really were."""

from __future__ import annotations

from pathlib import Path

import pytest

from robot_rl.datasets.record import Source
from robot_rl.learn.online.curve import make_point
from robot_rl.learn.online.logbook import Logbook
from robot_rl.learn.online.tally import Tally


def test_a_point_is_at_robot_steps_minutes_and_human_steps() -> None:
    tally = Tally()
    for source in [Source.POLICY] * 900 + [Source.HUMAN] * 300:
        tally.step(source)
    point = make_point(tally, [(True, 30), (False, 40)], rate=10.0, updates=7, figures={})
    assert (point.robot_steps, point.human_steps, point.minutes) == (1200, 300, 2.0)
    assert (point.successes, point.trials, point.seconds_to_success) == (1, 2, 3.0)


def test_a_discarded_episode_counts_apart_from_successes_and_failures() -> None:
    tally = Tally()
    tally.episode(True)
    tally.discard()
    assert (tally.episodes, tally.recent, tally.begun) == (1, [True], 2)
    tally.rejudge(True, False, 0)
    assert tally.recent == [False] and Tally.from_dict(tally.to_dict()) == tally


def test_the_ratio_of_updates_to_steps_is_the_true_one(tmp_path: Path) -> None:
    """A learner that runs freely may fall behind, or run ahead; two updates a step asked for are not two done."""
    logbook, tally = Logbook(tmp_path), Tally()
    logbook.episode(tally, 0, {})
    tally.robot_steps = 40
    assert logbook.episode(tally, 60, {})["learner/utd"] == pytest.approx(1.5)
    tally.robot_steps = 50
    assert logbook.episode(tally, 65, {})["learner/utd"] == pytest.approx(0.5)
    logbook.close()
