"""Acting through the loop that robots run: what is stored is what was executed, seen and planned."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from robot_rl.datasets import Dataset, Source, Step
from robot_rl.datasets.sampling.selection import rac
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.acting import AgentExecutor, RowRecorder, no_notes, note_fields
from robot_rl.learn.online.demonstrations import add_episodes
from robot_rl.learn.online.features import Features
from robot_rl.learn.online.improvers.residual import ResidualActor
from robot_rl.learn.online.observe import Observer
from robot_rl.learn.online.replay import CHUNK_STEP, FAILURE, Replay
from robot_rl.learn.online.scale import ActionScale
from robot_rl.learn.online.selected import held_episodes
from robot_rl.learn.online.workcell import Workcell
from robot_rl.spec import Field, Layout


def play(cell: Workcell, point: SimpleNamespace, hand: Any = None) -> tuple[Replay, list[Step], object]:
    """One episode of a new residual that samples, with its replay and the loop's steps."""
    if hand is not None:
        cell = replace(cell, operator=hand, teleop=hand)
    base = point.base()
    observer = Observer(point.spec, played=base)
    actor = ResidualActor(Features(4), ActionScale(point.spec.action), (8,), 0.1)
    replay = Replay(100, {**observer.rows, **note_fields(actor)}, 2, n_step=3)
    executor = AgentExecutor(actor, observer, torch.device("cpu"), seed=0)
    executor.mode = "mode"
    steps: list[Step] = []
    recorder = RowRecorder(replay, executor, steps.append)
    cell.run(executor, 3, "deployment", recorder, episode_id="e")
    return replay, steps, base


def test_the_stored_action_is_the_humans_while_the_human_acts(cell: Workcell, point: SimpleNamespace) -> None:
    hand = point.takes_over(2, 4)
    replay, steps, _ = play(cell, point, hand)
    sources = [s.source for s in steps]
    assert Source.HUMAN in sources and Source.POLICY in sources
    for t, step in enumerate(steps):
        if step.source == Source.HUMAN and np.isfinite(step.human).all():
            np.testing.assert_allclose(replay.columns["action"][t], hand.action)
            assert not np.allclose(replay.observation["base_action"][t], hand.action)


def test_each_rows_observation_is_where_its_step_began_and_the_next_where_it_led(
    cell: Workcell, point: SimpleNamespace
) -> None:
    replay, steps, _ = play(cell, point, point.takes_over(2, 4))
    for t in range(len(steps)):
        before, after = replay.observation["state"][t, :2], replay.observation["state"][t + 1, :2]
        np.testing.assert_allclose(after, before + 0.1 * replay.columns["action"][t], atol=1e-6)


def test_base_chunks_are_played_to_their_end_and_void_after_an_intervention(
    cell: Workcell, point: SimpleNamespace
) -> None:
    replay, steps, _ = play(cell, point, point.takes_over(2, 4))
    base = point.base()

    def fresh(t: int) -> np.ndarray:
        state = replay.observation["state"][t]
        return base.predict({"position": state[None, :2], "goal": state[None, 2:]})[0]

    first_human = next(t for t, s in enumerate(steps) if s.source == Source.HUMAN)
    back = next(t for t in range(first_human, len(steps)) if steps[t].source == Source.POLICY)
    stored = replay.observation["base_action"]
    np.testing.assert_allclose(stored[1], stored[0])
    assert not np.allclose(stored[1], fresh(1), atol=1e-3)
    for t in range(first_human + 1, back + 1):
        np.testing.assert_allclose(stored[t], fresh(t), atol=1e-5)


def test_an_episode_ended_as_it_is_said_to_whatever_its_steps_say(point: SimpleNamespace) -> None:
    """Success for a moment is not success that is held, and a person may say otherwise."""
    replay, rows = Replay(100, {"state": ((1,), "float32")}, 2, n_step=1), deque([{"state": np.zeros(1)}] * 6)
    recorder = RowRecorder(replay, SimpleNamespace(rows=rows), lambda step: None)  # type: ignore[arg-type]
    recorder.begin(episode_id="e")
    for t in range(5):
        recorder.step(point.step(t, success=t == 2, truncated=t == 4))
    recorder.end(False)
    assert (replay.columns["outcome"][:6] == FAILURE).all() and replay.columns["success"][2]
    (episode,) = held_episodes(replay)
    assert not rac(episode).any()


def test_a_transition_holds_the_base_action_of_both_ends(cell: Workcell, point: SimpleNamespace) -> None:
    replay, steps, _ = play(cell, point)
    rows = np.arange(len(steps) - 3)
    out = replay.transitions(rows, 0.9)
    stored = replay.observation["base_action"]
    np.testing.assert_array_equal(out.observation["base_action"], stored[rows])
    np.testing.assert_array_equal(out.next_observation["base_action"], stored[rows + 3])


def test_demonstrations_are_taken_once_with_the_last_observation_and_the_bases_actions(
    point: SimpleNamespace, make_demonstrations: Callable[..., Dataset]
) -> None:
    episodes = make_demonstrations(2)
    observer = Observer(point.spec, played=point.base())
    actor = ResidualActor(Features(4), ActionScale(point.spec.action), (8,), 0.1)
    replay = Replay(100, {**observer.rows, **note_fields(actor)}, 2, n_step=1)
    assert add_episodes(replay, observer, episodes, lambda: no_notes(actor)) == 2
    assert add_episodes(replay, observer, episodes, lambda: no_notes(actor)) == 0
    assert (replay.observation[CHUNK_STEP][: len(replay)] == -1).all()
    assert len(replay) == sum(len(e) for e in episodes)
    first = episodes[0]
    np.testing.assert_allclose(replay.columns["action"][: len(first)], first.steps["executed"], rtol=1e-6)
    end = replay.observation["state"][len(first)]
    np.testing.assert_allclose(end[:2], first.stream("position").values[-1], rtol=1e-6)
    assert replay.transitions(np.array([len(first) - 1]), 0.9).returns.bootstrap[0] == 0.0


def test_a_privileged_field_is_seen_only_when_it_is_named(point: SimpleNamespace) -> None:
    fields = (*point.spec.observation.values(), Field("privileged_goal", (1,)))
    spec = replace(point.spec, observation=Layout(fields))
    assert tuple(Observer(spec).layout) == ("position", "goal")
    assert tuple(Observer(spec, ("privileged_goal",)).layout) == ("privileged_goal",)


def test_a_base_with_another_action_space_is_refused_by_the_field(point: SimpleNamespace) -> None:
    base = point.base()
    base.spec = replace(point.spec, action=Layout((Field("velocity", (3,), low=(-1,) * 3, high=(1,) * 3),)))
    with pytest.raises(TrainingError, match="action 'velocity': shape"):
        Observer(point.spec, played=base)


def test_an_unknown_observation_is_refused_with_the_nearest_name(point: SimpleNamespace) -> None:
    with pytest.raises(TrainingError, match="'positon'.*position"):
        Observer(point.spec, ("positon",))
