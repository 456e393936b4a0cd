"""Two directions practise in turn on one robot, each with a replay and successes of its own; resumed after a kill."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from robot_rl.datasets import Dataset
from robot_rl.hardware import config as hardware_config
from robot_rl.hardware.config import ConfigError
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.improvers.residual import ResidualConfig
from robot_rl.learn.online.practising import PracticeSession
from robot_rl.learn.online.recipe import Recipe
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.session import Session
from robot_rl.learn.online.workcell import recipe_workcell, workcell
from robot_rl.sim.operators.pickinsert import wanted

GOALS = {"insert": 0, "return": 1}
SETUP = hardware_config.load("sim_pickinsert")
DIRECTIONS = {"directions": {name: {"goal": goal} for name, goal in GOALS.items()}}
CONFIG = OnlineConfig(
    ResidualConfig(SacConfig(critics=2, hidden=(8,), batch=8, utd=1), scale=0.001),
    observation=("hand", "peg", "slot", "goal"),
    demo_share=0.0,
    steps=400,
    warmup=50,
    evaluate_every=70,
    evaluation_seeds=(9000,),
    capacity=1000,
)


class Knowing:
    """The demonstrator's rule as a base policy; it does either goal."""

    spec, n_obs, horizon, n_action_steps = SETUP.spec, 1, 1, 1
    observation_names = ("hand", "opening", "peg", "holding", "privileged_slot", "goal")

    def predict(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        now = {name: values[-1] for name, values in observation.items()}
        to, closed = wanted(now, float(now["privileged_slot"][0]), -0.04, int(now["goal"][0]))
        return np.array([[*np.clip(4.0 * (to - now["hand"]), -0.08, 0.08), float(closed)]])

    def reset(self, seed: int | None = None) -> None:
        """Nothing is remembered."""


@contextmanager
def practice(directory: Path, steps: int, said: list[str] | None = None) -> Iterator[PracticeSession]:
    """The practice in `directory`, begun or continued."""
    recipe = Recipe.from_dict({"robot": "sim_pickinsert", "practice": DIRECTIONS})
    with ExitStack() as stack:
        cell = stack.enter_context(recipe_workcell(recipe))
        sessions = {}
        for name, goal in GOALS.items():
            data = stack.enter_context(Dataset.open_or_create(directory / name / "episodes", SETUP.spec, {}))
            here = directory / name
            sessions[name] = Session(CONFIG, cell.toward(goal), base=Knowing(), directory=here, dataset=data)
        say = (said if said is not None else []).append
        yield PracticeSession(sessions, cell.robot, steps, 2, say)  # type: ignore[arg-type]


def peg(episode: Any, step: int) -> NDArray[np.float64]:
    return np.asarray(episode.aligned(["peg"], final=True)["peg"][step])


def test_directions_take_turns_and_each_begins_where_the_other_ended(tmp_path: Path) -> None:
    order: list[tuple[str, bool]] = []
    with practice(tmp_path, 180) as whole:
        whole.run(on_episode=lambda name, result: order.append((name, result.success)))
        tallies = {n: s.tally for n, s in whole.sessions.items()}
        curves = {n: s.curve for n, s in whole.sessions.items()}
    data = {n: list(Dataset.open(tmp_path / n / "episodes")) for n in GOALS}
    before, counts = None, dict.fromkeys(GOALS, 0)
    for name, success in order:
        episode = data[name][counts[name]]
        counts[name] += 1
        assert set(episode.aligned(["goal"])["goal"].ravel()) == {float(GOALS[name])}
        assert episode.success == success
        if before is not None:
            np.testing.assert_array_equal(peg(episode, 0), before)
        before = peg(episode, -1)
    names = [name for name, _ in order]
    assert names == [list(GOALS)[i % 2] for i in range(len(names))] and len(names) > 5
    assert all(success for _, success in order)
    assert {n: t.episodes for n, t in tallies.items()} == counts
    assert sum(t.set_up for t in tallies.values()) == 1, "evaluations have a simulation of their own"
    assert sum(t.driven for t in tallies.values()) == len(order) - 1
    for name, curve in curves.items():
        assert curve[-1].robot_steps == tallies[name].robot_steps and curve[-1].success == 1.0


def test_cut_off_in_the_middle_of_an_episode_both_directions_go_on_and_nothing_is_counted_twice(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    with practice(whole, 110) as running:
        session = running.sessions["return"]
        learn = session._learn

        def learn_and_copy(step: object) -> None:
            learn(step)  # type: ignore[arg-type]
            if session.tally.robot_steps == 30:
                shutil.copytree(whole, cut)  # what a kill at this moment leaves behind

        session._learn = learn_and_copy  # type: ignore[method-assign]
        running.run()
    order: list[str] = []
    with practice(cut, 200) as again:
        before = {n: s.tally.episodes for n, s in again.sessions.items()}
        again.run(on_episode=lambda name, result: order.append(name))
        tallies = {n: s.tally for n, s in again.sessions.items()}
        ids = {n: set(s.learner.replay.ids) for n, s in again.sessions.items()}
    assert before == {"insert": 2, "return": 1}
    assert order[:2] == ["insert", "return"], "a sitting begins with the first direction, from outside"
    assert sum(t.set_up for t in tallies.values()) == 2
    assert sum(t.robot_steps for t in tallies.values()) >= 200
    for name, tally in tallies.items():
        episodes = list(Dataset.open(cut / name / "episodes"))
        assert tally.episodes == len(episodes) == before[name] + order.count(name)
        assert tally.robot_steps == sum(len(e) for e in episodes)
        assert ids[name] == {str(e.attributes["episode_id"]) for e in episodes}


def test_what_is_lost_is_set_up_from_outside_and_said(tmp_path: Path) -> None:
    said: list[str] = []
    with practice(tmp_path, 100, said) as whole:
        robot = whole._robot._robot
        session = whole.sessions["return"]
        learn = session._learn

        def topple(step: object) -> None:
            learn(step)  # type: ignore[arg-type]
            robot._toppled = True

        session._learn = topple  # type: ignore[method-assign]
        whole.run()
        set_up = sum(s.tally.set_up for s in whole.sessions.values())
        assert whole.practice.resets == len(said) > 0
        assert set_up in (whole.practice.resets, whole.practice.resets + 1)
    assert said[0] == "'return' lost it: the scene must be set up from outside for 'insert'"


def test_a_workcell_has_only_the_goals_of_its_robot() -> None:
    with workcell("sim_pickinsert") as cell, pytest.raises(ConfigError, match="goal is 2"):
        cell.toward(2)
    with workcell("sim_pegslot") as cell, pytest.raises(ConfigError, match="'sim_pegslot' has no goals"):
        cell.toward(0)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"directions": {"there": {"goal": 0}}}, "at least two directions"),
        ({**DIRECTIONS, "tries": 0}, "0 tries"),
        ({"directions": {"there": {"goal": 0}, "back": {}}}, "'back' must name the robot's goal"),
        ({"directions": {"there": {"goal": 0}, "back": {"goal": 1, "datasets": []}}}, "Did you mean 'dataset'"),
        ({"directions": {"there": {"goal": 0}, "../back": {"goal": 1}}}, "names a folder"),
        ({"directions": {"there": {"goal": 0}, "back": {"goal": 1, "online": {"seed": 2}}}}, "the whole practice's"),
        ({**DIRECTIONS, "trys": 2}, "Did you mean 'tries'"),
        ([1], r"practice is \[1\]; it must be a mapping"),
    ],
)
def test_a_practice_that_does_not_hold_is_refused(section: Any, words: str) -> None:
    with pytest.raises(TrainingError, match=words):
        Recipe.from_dict({"practice": section})


def test_a_direction_is_the_recipe_with_what_it_says_of_its_own() -> None:
    online = {"improver": {"name": "rlpd", "sac": {"critics": 4}}, "warmup": 50, "seed": 3}
    own = {"goal": 1, "dataset": ["back"], "online": {"warmup": 7, "improver": {"sac": {"utd": 3}}}}
    recipe = Recipe.from_dict(
        {
            "name": "practice",
            "dataset": "there",
            "online": online,
            "practice": {"directions": {"there": {"goal": 0}, "back": own}},
        }
    )
    there, back = recipe.toward("there"), recipe.toward("back")
    assert (there.dataset, back.dataset) == (("there",), ("back",))
    assert (there.online.warmup, back.online.warmup) == (50, 7)
    assert (back.online.improver.sac.critics, back.online.improver.sac.utd) == (4, 3)  # type: ignore[attr-defined]
    assert (back.online.seed, back.name, back.practice) == (3, "practice_back", None)
    assert Recipe.from_dict(recipe.to_dict()) == recipe
