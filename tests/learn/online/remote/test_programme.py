"""Whose turn it is, and what the episode manager is told of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from robot_rl.learn.online.remote.agenda import Trial
from robot_rl.learn.online.remote.programme import Programme
from robot_rl.learn.online.remote.scene import Beginning, Turns
from robot_rl.learn.online.tally import Tally


class Direction:
    """An agent with the trials that are due."""

    def __init__(self, name: str, keys: str = "mark", classifier: str = "") -> None:
        self.name, self.plan, self.trials = name, SimpleNamespace(keys=keys, classifier=classifier), list[Trial]()
        self.actor = SimpleNamespace(tally=Tally(), next_trial=lambda: self.trials.pop(0) if self.trials else None)


def made(*parts: Direction, turns: Turns | None = None, simulated: bool = True) -> Programme:
    known: Any = {p.name: p for p in parts}
    return Programme(known, turns, lambda trial: Beginning(ask=trial), simulated=simulated)


def test_one_task_goes_on_until_an_evaluation_is_due_which_the_simulator_s_task_judges() -> None:
    part = Direction("", keys="hold")
    programme = made(part)
    first = programme.next()
    assert (first["purpose"], first["number"], first["keys"], first["ask"]) == ("deployment", 0, "hold", "")
    part.trials = [Trial(seed=7, number=1, of=2)]
    trial = programme.next()
    assert (trial["purpose"], trial["seed"], trial["trial"], trial["trials"]) == ("evaluation", 7, 1, 2)
    assert trial["keys"] == programme.keys == "mark" and "trial 1 of 2" in trial["ask"]
    part.trials = [Trial(seed=7, number=1, of=2)]
    assert made(part, simulated=False).next()["keys"] == "hold", "at a real robot a person judges it too"


def test_directions_take_turns_and_any_of_them_may_be_evaluated_first() -> None:
    there, back = Direction("there"), Direction("back")
    programme = made(there, back, turns=Turns({"there": 0, "back": 1}, tries=2, simulated=True))
    event = programme.next()
    assert (event["direction"], event["scene"], event["goal"]) == ("there", "outside", 0)
    programme.begun()
    assert (there.actor.tally.set_up, there.actor.tally.driven) == (1, 0)
    programme.ended("success", terminated=True)
    back.trials = [Trial(seed=7, number=1, of=1)]
    event = programme.next()
    assert (event["direction"], event["purpose"], event["goal"]) == ("back", "evaluation", 1)
    assert programme.part.name == "back"
    event = programme.next()
    assert (event["direction"], event["scene"]) == ("there", "outside"), "the evaluation has used the scene"
    programme.ended("success", terminated=True)
    event = programme.next()
    assert (event["direction"], event["scene"]) == ("back", "kept")
    programme.begun()
    assert (back.actor.tally.set_up, back.actor.tally.driven) == (0, 1)


def test_a_classifier_judges_what_is_learnt_from_and_at_a_real_robot_evaluations_too() -> None:
    part = Direction("", classifier="runs/judge")
    programme = made(part)
    assert programme.next()["classified"] and not programme.by_task
    part.trials = [Trial(seed=7, number=1, of=1)]
    assert not programme.next()["classified"] and programme.by_task
    part.trials = [Trial(seed=7, number=1, of=1)]
    assert made(part, simulated=False).next()["classified"]
