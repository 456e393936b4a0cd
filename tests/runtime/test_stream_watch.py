"""Which samples belong to an episode, and which streams are missed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from robot_rl.hardware import config
from robot_rl.runtime.backlog import MOST, SPAN, Backlog
from robot_rl.runtime.stream_watch import StreamWatch

SECOND = 1_000_000_000
ROBOT = config.load("sim_crazyflie")
CAMERAS = {"front": replace(ROBOT.cameras["front"], fps=10.0)}
"""Slower than the robot's 50 Hz."""
PERIOD = ROBOT.spec.period_ns


def watch(*, lockstep: bool = False) -> StreamWatch:
    made = StreamWatch(ROBOT.spec, CAMERAS, lockstep=lockstep)
    made.begin(10 * SECOND)
    return made


def vectors(made: StreamWatch) -> list[str]:
    return sorted(made.names - {"front"})


def test_what_runs_free_owes_the_first_step_the_sample_before_it() -> None:
    free, lockstep = watch(), watch(lockstep=True)
    assert free.take("front", 10 * SECOND - 150_000_000), "one and a half of its periods"
    assert not free.take("front", 10 * SECOND - 150_000_000), "once"
    assert not watch().take("front", 10 * SECOND - 150_000_001)
    assert free.earliest == 10 * SECOND - 150_000_000
    assert not lockstep.take("front", 10 * SECOND - 1) and lockstep.take("front", 10 * SECOND)
    assert lockstep.earliest == 10 * SECOND


def test_a_camera_with_depth_owes_both_its_pictures() -> None:
    made = StreamWatch(ROBOT.spec, {"wrist": replace(CAMERAS["front"], name="wrist", depth=True)}, lockstep=False)
    made.begin(10 * SECOND)
    others = made.names - {"wrist_depth"}
    assert others == {*ROBOT.spec.observation, "wrist"}
    assert made.take("wrist_depth", 10 * SECOND - 10_000_000)
    assert made.waiting_for(10 * SECOND) == sorted(made.names)
    for name in others:
        made.take(name, 12 * SECOND)
    assert made.silent(12 * SECOND) == ["wrist_depth"]
    made.end(11 * SECOND)
    assert made.late == ["wrist_depth"] and not made.complete
    made.take("wrist_depth", 12 * SECOND)
    assert made.complete


def test_an_episode_is_complete_once_every_stream_shows_the_state_after_its_last_step() -> None:
    made = watch()
    end = 11 * SECOND
    for name in vectors(made):
        assert made.take(name, end)
    assert not made.complete, "it is not over"
    made.end(end)
    assert made.late == sorted(made.names)
    for name in vectors(made):
        assert made.take(name, end + PERIOD)
        assert not made.take(name, end + 2 * PERIOD), "the final state is enough"
    assert made.late == ["front"]
    assert made.take("front", end - 100_000_000 + PERIOD) and not made.complete
    assert made.take("front", end - 100_000_000 + PERIOD + 1) and made.complete, "a slow camera has nothing newer"


def test_the_streams_that_have_not_been_heard_since_the_robot_stands_are_waited_for() -> None:
    made = watch(lockstep=True)
    for name in made.names:
        made.idle(name, 5)
    assert made.waiting_for(5) == [] and made.waiting_for(6) == sorted(made.names)


@pytest.mark.parametrize("lockstep", [False, True])
def test_a_stream_that_falls_silent_is_missed_for_the_rest_of_the_episode(lockstep: bool) -> None:
    made = watch(lockstep=lockstep)
    assert made.silent(11 * SECOND) == [], "they have had a second"
    for name in vectors(made):
        made.take(name, 11 * SECOND)
    assert made.silent(11 * SECOND + 1) == ([] if lockstep else ["front"])
    made.take("front", 11 * SECOND)
    assert made.silent(11 * SECOND + 1) == []
    assert made.missed == (set() if lockstep else {"front"})
    made.begin(20 * SECOND)
    assert not made.missed and made.heard == 0


def test_what_came_before_an_episode_was_declared_is_replayed_in_order_once() -> None:
    backlog, seen = Backlog(), []
    for stamp in (0, SPAN, SPAN + 1, SPAN + 2):
        backlog.keep(stamp, lambda s=stamp: seen.append(s), forget=True)  # type: ignore[misc]
    backlog.replay(0)
    assert seen == [SPAN, SPAN + 1, SPAN + 2], "the first was too old to be kept"
    backlog.replay(0)
    assert len(seen) == 3
    for stamp in (0, 2 * SPAN, 3 * SPAN):
        backlog.keep(stamp, lambda s=stamp: seen.append(s), forget=False)  # type: ignore[misc]
    backlog.replay(SPAN)
    assert seen[3:] == [2 * SPAN, 3 * SPAN]
    for stamp in range(MOST + 1):
        backlog.keep(stamp, lambda s=stamp: seen.append(s), forget=False)  # type: ignore[misc]
    backlog.replay(0)
    assert len(seen) == 5 + MOST
