"""Rows put together from what is overheard are those of the loop itself, in whatever order the parts arrive."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from robot_rl.datasets import Phase, Source
from robot_rl.hardware.robot import Outcome
from robot_rl.learn.online.acting import AgentExecutor, RowRecorder, note_fields
from robot_rl.learn.online.features import Features
from robot_rl.learn.online.improvers.residual import ResidualActor
from robot_rl.learn.online.observe import Observer
from robot_rl.learn.online.remote.gathering import Gathering
from robot_rl.learn.online.replay import CHUNK_STEP, Replay
from robot_rl.learn.online.scale import ActionScale
from robot_rl.learn.online.workcell import Workcell
from robot_rl.runtime.loop import EpisodeResult

Part = Callable[[Gathering], None]


@dataclass
class Overheard:
    """One episode as the loop stored it, and its parts as messages."""

    expected: Replay
    fresh: Callable[[], Replay]
    agent: ResidualActor
    rows: list[tuple[int, Part]]
    parts: list[tuple[int, Part]]
    start: int
    result: EpisodeResult

    @property
    def end(self) -> Part:
        ending = self.result.ending
        return lambda g: g.end(
            ending.end_stamp, success=self.result.success, terminated=ending.terminated, truncated=ending.truncated
        )

    @property
    def in_order(self) -> Iterator[Part]:
        """As they happen: what is seen, then what is decided and done, then what came of it."""
        return (part for _, part in sorted(self.rows + self.parts, key=lambda p: p[0]))


PERIOD = 100_000_000


@pytest.fixture
def overheard(cell: Workcell, point: SimpleNamespace) -> Overheard:
    """An episode of the point in which a human acts in steps 2 to 4."""
    observer = Observer(point.spec, played=point.base())
    agent = ResidualActor(Features(4), ActionScale(point.spec.action), (8,), 0.1)
    replay = Replay(100, {**observer.rows, **note_fields(agent)}, 2, n_step=3)
    executor = AgentExecutor(agent, observer, torch.device("cpu"), seed=0)
    executor.mode = "mode"
    rows: list[tuple[int, Part]] = []
    parts: list[tuple[int, Part]] = []
    robot, arbiter = cell.robot, cell.arbiter

    def noted(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(values: Any) -> Any:
            out = method(values)
            stamp, row = robot.clock.now(), dict(executor.rows[-1])
            rows.append((stamp, lambda g: g.observed(stamp, row)))
            return out

        return call

    executor.act, executor.observe = noted(executor.act), noted(executor.observe)  # type: ignore[method-assign]
    decide, send, outcome = arbiter.decide, robot.send, robot.outcome

    def decides(*arguments: Any) -> Any:
        decision = decide(*arguments)
        parts.append((decision.stamp, lambda g: g.decided(decision)))
        return decision

    def sends(action: np.ndarray) -> np.ndarray:
        sent, stamp = send(action), robot.clock.now()
        parts.append((stamp, lambda g: g.executed(stamp, sent)))
        return sent

    def judges() -> Outcome:
        verdict, stamp = outcome(), robot.clock.now()
        parts.append((stamp, lambda g: g.outcome(stamp, verdict)))
        return verdict

    arbiter.decide, robot.send, robot.outcome = decides, sends, judges  # type: ignore[method-assign]
    hand = point.takes_over(2, 4)
    recorder = RowRecorder(replay, executor, lambda step: None)
    result = replace(cell, operator=hand, teleop=hand).run(executor, 3, "deployment", recorder, episode_id="e")
    fields, size = replay.observation, replay.columns["action"].shape[1]
    shapes = {n: (v.shape[1:], str(v.dtype)) for n, v in fields.items()}
    return Overheard(replay, lambda: Replay(100, shapes, size, n_step=3), agent, rows, parts, rows[0][0], result)


def gathering(overheard: Overheard, replay: Replay, **options: Any) -> Gathering:
    return Gathering(replay, overheard.agent, PERIOD, expect_outcome=True, **options)


def require_same(mine: Replay, expected: Replay) -> None:
    count = expected.state()[1]["count"]
    assert mine.state()[1]["count"] == count > 10
    for name, column in expected.columns.items():
        np.testing.assert_array_equal(mine.columns[name][:count], column[:count], err_msg=name)
    for name, values in expected.observation.items():
        np.testing.assert_array_equal(mine.observation[name][:count], values[:count], err_msg=name)


def test_rows_that_are_overheard_are_those_that_the_loop_stored(overheard: Overheard) -> None:
    replay = overheard.fresh()
    one = gathering(overheard, replay)
    one.begin("e", overheard.start)
    for part in overheard.in_order:
        part(one)
    overheard.end(one)
    assert one.whole and one.steps == overheard.result.ending.steps
    require_same(replay, overheard.expected)
    sources = replay.columns["source"][: one.steps]
    assert (sources == Source.HUMAN).any() and (sources == Source.POLICY).any()
    assert (replay.observation[CHUNK_STEP][: one.steps][sources != Source.POLICY] == -1).all()


@pytest.mark.parametrize("seed", range(5))
def test_the_order_in_which_the_topics_deliver_does_not_matter(overheard: Overheard, seed: int) -> None:
    """Also before the begin event, and after the end event."""
    rng, replay = random.Random(seed), overheard.fresh()
    one = gathering(overheard, replay)
    begin: Part = lambda g: g.begin("e", overheard.start)  # noqa: E731
    begun = overheard.start + PERIOD * rng.uniform(0, 2)
    messages = [(begun, begin), (overheard.result.ending.end_stamp + 1.5 * PERIOD, overheard.end)]
    for topic in range(3):  # each delivers in order
        parts = overheard.parts[topic::3]
        arrivals = np.maximum.accumulate([stamp + rng.uniform(0, 4 * PERIOD) for stamp, _ in parts])
        messages += [(float(at), part) for at, (_, part) in zip(arrivals, parts)]
    messages += [(max(begun, stamp) + 1.0, part) for stamp, part in overheard.rows]
    for _, part in sorted(messages, key=lambda m: m[0]):
        part(one)
    assert one.whole
    require_same(replay, overheard.expected)


def test_rows_are_handed_on_while_the_episode_runs(overheard: Overheard) -> None:
    replay = overheard.fresh()
    one = gathering(overheard, replay, hold=2 * PERIOD)
    one.begin("e", overheard.start)
    handed = []
    for part in overheard.in_order:
        part(one)
        handed.append(one.steps)
    assert one.steps >= overheard.result.ending.steps - 3 and len(set(handed)) > 5


def test_a_step_without_an_observation_leaves_the_episode_to_the_data_set(overheard: Overheard) -> None:
    replay = overheard.fresh()
    one = gathering(overheard, replay)
    one.begin("e", overheard.start)
    lost = overheard.rows.pop(1)[0]
    for part in overheard.in_order:
        part(one)
    overheard.end(one)
    assert one.settled and not one.whole and one.steps == round((lost - overheard.start) / PERIOD)
    assert replay.current is not None


def test_an_end_that_comes_too_late_to_be_marked_leaves_the_episode_to_the_data_set(overheard: Overheard) -> None:
    replay = overheard.fresh()
    one = gathering(overheard, replay, hold=PERIOD)
    one.begin("e", overheard.start)
    for part in overheard.in_order:
        part(one)
    one.end(overheard.start + 3 * PERIOD, success=True, terminated=True, truncated=False)
    assert one.settled and not one.whole


def test_what_came_before_the_episode_is_no_part_of_it(overheard: Overheard) -> None:
    replay = overheard.fresh()
    one = gathering(overheard, replay)
    for stamp, part in overheard.parts:
        if stamp < overheard.start + 3 * PERIOD:
            part(one)
    one.begin("e", overheard.start + 3 * PERIOD)
    for stamp, part in sorted(overheard.rows + overheard.parts, key=lambda p: p[0]):
        if stamp >= overheard.start + 3 * PERIOD:
            part(one)
    overheard.end(one)
    assert one.whole and one.steps == overheard.result.ending.steps - 3
    np.testing.assert_array_equal(replay.columns["phase"][0], int(Phase.CORRECTION))


def test_the_last_observation_shows_what_the_last_step_led_to(overheard: Overheard) -> None:
    """In real time a reading may come just after the last command: it shows nothing yet."""
    replay = overheard.fresh()
    one = gathering(overheard, replay)
    one.begin("e", overheard.start)
    end = overheard.result.ending.end_stamp
    for stamp, part in sorted(overheard.rows + overheard.parts, key=lambda p: p[0]):
        if stamp <= end or part in [p for _, p in overheard.parts]:
            part(one)
    overheard.end(one)
    assert not one.settled and not one.wants(end + PERIOD // 10) and one.wants(end + PERIOD)
    overheard.rows[-1][1](one)
    assert one.whole
    require_same(replay, overheard.expected)
