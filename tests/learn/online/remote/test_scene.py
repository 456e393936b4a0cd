"""How episodes behind a node graph begin, and what a launch may say of them."""

from __future__ import annotations

import pytest

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.directed import absolute, directed
from robot_rl.learn.online.directions import PracticeConfig
from robot_rl.learn.online.recipe import Recipe
from robot_rl.learn.online.remote import graph
from robot_rl.learn.online.remote.scene import Beginning, Drive, Scene, Turns
from robot_rl.runtime.resets import ResetCounts

DRIVE = Drive(300, goal=1)


def test_the_first_scene_and_each_trial_come_from_outside_and_the_rest_is_driven() -> None:
    scene = Scene(DRIVE, simulated=True)
    assert scene.next() == Beginning("outside")
    assert scene.set_up() == ResetCounts(set_up=1)
    assert scene.next() == Beginning("kept", drive=DRIVE)
    assert scene.next("trial 1 of 2") == Beginning("outside")
    assert scene.driven(True, 40) == ResetCounts(driven=1, steps=40)
    assert scene.driven(False, 300) == ResetCounts(driven=0, steps=300)


def test_at_a_real_robot_a_person_sets_trials_up_and_is_asked() -> None:
    scene = Scene(DRIVE, simulated=False)
    assert scene.next().ask == "", "who has started the session has set the scene up"
    assert scene.next("trial 1 of 2") == Beginning("outside", ask="trial 1 of 2")


def test_a_routine_with_starts_of_its_own_kind_follows_a_set_up_too() -> None:
    always = Drive(50, always=True)
    scene = Scene(always, simulated=True)
    assert scene.next() == Beginning("outside", drive=always)
    assert scene.next("trial 1 of 2") == Beginning("outside", drive=always)


def test_directions_take_turns_and_whoever_cannot_go_on_asks_for_a_person() -> None:
    turns = Turns({"insert": 0, "return": 1}, tries=2, simulated=False)
    assert (turns.name, turns.next()) == ("insert", Beginning("outside", 0))
    turns.ended("success", terminated=True)
    assert (turns.name, turns.next()) == ("return", Beginning("kept", 1))
    turns.ended("discarded", terminated=False)
    assert (turns.name, turns.next()) == ("return", Beginning("kept", 1))
    turns.ended("failure", terminated=True)
    assert (turns.name, turns.next()) == ("insert", Beginning("outside", 0, ask="'return' lost it"))
    turns.ended("failure", terminated=False)
    assert turns.next() == Beginning("kept", 0)
    turns.ended("failure", terminated=False)
    assert (turns.name, turns.next()) == ("return", Beginning("kept", 1))
    turns.ended("failure", terminated=False)
    turns.ended("failure", terminated=False)
    assert (turns.name, turns.next().ask) == ("insert", "'return' and the others have failed again and again")


@pytest.mark.parametrize(("simulated", "ask"), [(True, ""), (False, "the evaluation has used the scene")])
def test_after_an_evaluation_practice_begins_anew_from_a_scene_that_is_set_up(simulated: bool, ask: str) -> None:
    turns = Turns({"insert": 0, "return": 1}, tries=2, simulated=simulated)
    turns.ended("success", terminated=True)
    assert turns.trial("insert", "trial 1") == Beginning("outside", 0, ask="" if simulated else "trial 1")
    assert turns.trial("insert", "trial 2").scene == "outside"
    turns.turn()
    assert (turns.name, turns.next()) == ("insert", Beginning("outside", 0, ask=ask))
    turns.ended("failure", terminated=False)
    turns.turn()
    assert turns.next() == Beginning("kept", 0)


def test_what_is_said_of_a_direction_is_that_directions_alone() -> None:
    practice = Recipe(practice=PracticeConfig({"a": {"goal": 0}, "b": {"goal": 1, "dataset": ["old"]}}))
    now = directed(practice, "dataset", ["all", "b=one", "b=two"])
    assert now.dataset == ("all",) and now.toward("a").dataset == ("all",)
    assert now.toward("b").dataset == ("one", "two")
    assert directed(now, "checkpoint", ["a=flow"]).toward("a").checkpoint == "flow"
    with pytest.raises(TrainingError, match="practises a, b"):
        directed(practice, "dataset", ["c=one"])


def test_what_is_given_replaces_the_recipe_and_what_is_left_empty_does_not() -> None:
    before = Recipe(reset="scripted", reset_steps=100)
    assert graph.changed(before, {"reset": "", "reset_goal": "", "reset_steps": ""}) == before
    now = graph.changed(before, {"reset": "runs/back", "reset_goal": "1", "reset_steps": "80"})
    assert (now.reset, now.reset_goal, now.reset_steps) == ("runs/back", 1, 80)
    with pytest.raises(TrainingError, match="reset_goal is 'one'"):
        graph.changed(before, {"reset_goal": "one"})
    assert graph.changed(before, {"steps": "80"}).online.steps == 80


@pytest.mark.parametrize(
    ("recipe", "wanted"),
    [
        (Recipe(classifier="runs/judge"), "classifier:=runs/judge"),
        (
            Recipe(practice=PracticeConfig({"a": {"goal": 0, "classifier": "judge"}, "b": {"goal": 1}})),
            "classifier:=a=judge",
        ),
    ],
)
def test_a_session_that_a_classifier_judges_is_not_run_without_one(recipe: Recipe, wanted: str) -> None:
    for running in ([], ["runs/other"], ["b=judge"]):
        with pytest.raises(TrainingError, match=wanted):
            graph.require_judge(recipe, running)
    graph.require_judge(recipe, [wanted.removeprefix("classifier:=")])
    graph.require_judge(Recipe(reset="scripted"), [])


def test_a_judge_for_one_direction_is_not_taken_for_another_s() -> None:
    practice = PracticeConfig({"insert": {"goal": 0}, "return": {"goal": 1}})
    recipe = directed(Recipe(practice=practice), "classifier", ["runs/a", "return=runs/b"])
    graph.require_judge(recipe, ["runs/a", "return=runs/b"])
    for running in (["runs/a"], ["return=runs/b"]):
        with pytest.raises(TrainingError, match="classifier:=insert=runs/a,return=runs/b"):
            graph.require_judge(recipe, running)


def test_a_path_may_hold_an_equals_sign() -> None:
    assert directed(Recipe(), "classifier", ["/runs/seed=3/peg"]).classifier == "/runs/seed=3/peg"
    assert absolute("/runs/seed=3/a, insert=/runs/seed=3/b") == ["/runs/seed=3/a", "insert=/runs/seed=3/b"]
