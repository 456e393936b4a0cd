"""A held success key as the judge, late as a person is, and undo, in whole episodes of the real loop."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from robot_rl.datasets.record import Step
from robot_rl.hardware import config
from robot_rl.hardware.human import Operator
from robot_rl.hardware.robot import Reading
from robot_rl.hardware.teleop import Teleop
from robot_rl.runtime.arbiter import Arbiter
from robot_rl.runtime.episodes import EpisodeMachine, EpisodeRules
from robot_rl.runtime.keys import HeldKey, KeyJudge, UndoKey
from robot_rl.runtime.loop import EpisodeResult, run_episode

SETUP = config.load("sim_pegslot")
PERIOD = SETUP.spec.period_ns


Presser = Callable[..., Operator]


@pytest.fixture
def drives(presser: Presser) -> Presser:
    """Somebody who has the clutch in hand all the time, and these buttons at these looks."""
    return partial(presser, always="clutch")


class Rows:
    """What the recorder was given."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def step(self, step: Step) -> None:
        self.steps.append(step)

    def end(self, success: bool | None, **attributes: Any) -> int:
        return 0

    def begin(self, **attributes: Any) -> None: ...
    def sample(self, *sample: Any) -> None: ...
    def reading(self, reading: Reading) -> None: ...
    def discard(self) -> None: ...


def episode(operator: Any, judge: KeyJudge, rules: EpisodeRules) -> tuple[EpisodeResult, list[Step]]:
    rows, robot = Rows(), config.make(SETUP)
    result = run_episode(
        robot,
        Arbiter.from_config(SETUP),
        EpisodeMachine(rules),
        operator=operator,
        teleop=Teleop(SETUP.spec, SETUP.teleop),
        recorder=rows,
        judge=judge,
        seed=0,
    )
    return result, rows.steps


def labels(steps: list[Step]) -> list[tuple[float, bool]]:
    return [(s.reward, s.success) for s in steps]


HELD = dict.fromkeys(range(6, 20), "success")


def test_success_is_for_as_long_as_the_key_is_held_and_ends_when_that_was_long_enough(drives: Presser) -> None:
    key = HeldKey(drives(HELD))
    result, steps = episode(key, KeyJudge(key), EpisodeRules(max_steps=20, success_hold=3))
    # look 6 follows step 5 (counted from 0): steps 5, 6 and 7 led to states in which the key was down
    assert result.success and result.ending.terminated and not result.ending.marked
    assert labels(steps) == [(0.0, False)] * 5 + [(1.0, True)] * 3
    assert steps[-1].terminated


def test_a_late_key_labels_the_steps_that_were_seen_and_cuts_off_those_after(drives: Presser) -> None:
    key = HeldKey(drives(HELD))
    rules = EpisodeRules(max_steps=20, success_hold=3, latency=0.2, late_verdict=True)
    result, steps = episode(key, KeyJudge(key), rules)
    # looks 6, 7, 8 are at 0.6, 0.7, 0.8 s: what was seen at 0.4, 0.5, 0.6 s, while steps 4, 5 and 6 were under way
    assert labels(steps) == [(0.0, False)] * 4 + [(1.0, True)] * 3
    assert result.ending.marked and result.ending.steps == 7 and steps[-1].terminated
    assert result.reward == 3.0


def test_a_key_that_is_held_only_for_a_moment_leaves_its_labels_and_ends_nothing(drives: Presser) -> None:
    key = HeldKey(drives({4: "success", 5: "success"}))
    rules = EpisodeRules(max_steps=9, success_hold=3, latency=0.1, late_verdict=True)
    result, steps = episode(key, KeyJudge(key), rules)
    assert not result.success and result.ending.truncated and not result.ending.marked
    assert [t for t, (reward, success) in enumerate(labels(steps)) if reward and success] == [3, 4]


def test_a_key_still_held_from_the_episode_before_says_nothing_of_this_one(drives: Presser) -> None:
    key = HeldKey(drives(HELD, {0: "success", 1: "success", 2: "success", 5: "success"}))
    rules = EpisodeRules(max_steps=8, success_hold=1)
    assert episode(key, KeyJudge(key), rules)[0].ending.steps == 6
    result, steps = episode(key, KeyJudge(key), rules)
    assert result.success and len(steps) == 5, "let go once, the key counts again"


def test_where_only_marks_judge_the_task_says_nothing(drives: Presser) -> None:
    result, steps = episode(drives({4: "success"}), KeyJudge(), EpisodeRules(max_steps=9, latency=0.1))
    # the key went down at 0.4 s, for what was seen at 0.3 s: step 3
    assert result.success and result.ending.marked and labels(steps) == [(0.0, False)] * 3 + [(1.0, True)]
    result, _ = episode(drives({}), KeyJudge(), EpisodeRules(max_steps=9))
    assert not result.success and not result.ending.marked


@pytest.mark.parametrize(("script", "presses"), [({2: "undo", 3: "undo", 5: "undo"}, 2), ({}, 0)])
def test_each_press_of_undo_is_noticed_once(drives: Presser, script: dict[int, str], presses: int) -> None:
    seen: list[int] = []
    episode(UndoKey(drives(script), lambda: seen.append(1)), KeyJudge(), EpisodeRules(max_steps=8))
    assert len(seen) == presses
