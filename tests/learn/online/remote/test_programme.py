"""Whose turn it is, and what the episode manager is told of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from robot_rl.datasets.record import Source
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.remote.agenda import Trial
from robot_rl.learn.online.remote.programme import Programme
from robot_rl.learn.online.remote.scene import Beginning, Turns
from robot_rl.learn.online.tally import Tally
from robot_rl.runtime.episodes import Result


class Direction:
    """An agent with the trials that are due."""

    def __init__(self, name: str, keys: str = "mark", classifier: str = "", help_every: int = 1) -> None:
        online = OnlineConfig(help_every=help_every)
        self.name, self.plan = name, SimpleNamespace(keys=keys, classifier=classifier, online=online)
        self.trials: list[Trial] = []
        self.last: list[Trial] = []
        """Those that the end of the session brings."""
        self.actor = SimpleNamespace(tally=Tally(), next_trial=self.next_trial)

    def next_trial(self, *, ending: bool) -> Trial | None:
        due = self.trials or (self.last if ending else [])
        return due.pop(0) if due else None


def made(*parts: Direction, turns: Turns | None = None, simulated: bool = True, **rules: int) -> Programme:
    known: Any = {p.name: p for p in parts}
    return Programme(known, turns, lambda trial: Beginning(ask=trial), simulated=simulated, **rules)


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


def test_the_robot_is_left_alone_in_all_but_every_so_many_th_episode_and_not_in_trials() -> None:
    part = Direction("", help_every=2)
    programme = made(part)
    assert programme.next()["alone"]
    part.trials = [Trial(seed=7, number=1, of=1)]
    assert not programme.next()["alone"]
    part.actor.tally.episode(True)
    assert not programme.next()["alone"]


def test_enough_robot_steps_end_the_session_after_a_last_evaluation() -> None:
    there, back = Direction("there"), Direction("back")
    programme = made(there, back, turns=Turns({"there": 0, "back": 1}, tries=2, simulated=True), steps=50)
    there.actor.tally.robot_steps, back.actor.tally.robot_steps = 30, 19
    assert programme.next()["over"] == ""
    back.actor.tally.robot_steps += 1
    back.last = [Trial(seed=7, number=1, of=1)]
    trial = programme.next()
    assert (trial["purpose"], trial["direction"], trial["over"]) == ("evaluation", "back", "")
    assert programme.next()["over"] == "50 robot steps, of 50 wanted"


def test_a_row_of_successes_in_which_nobody_acted_ends_the_session() -> None:
    programme = made(Direction(""), untouched=2)

    def episode(result: Result, *sources: Source) -> str:
        programme.next()
        programme.begun()
        for source in (Source.POLICY, *sources):
            programme.decided(source)
        programme.ended(result, terminated=True)
        return programme.over

    assert episode("success") == "" and episode("failure") == "" and episode("success") == ""
    assert episode("success", Source.HUMAN, Source.POLICY) == "", "a human helped"
    assert episode("success") == ""
    programme.ended("success", terminated=True, human_steps=1)
    assert programme.over == "", "the record says so"
    assert episode("success") == "" and episode("discarded") == ""
    assert episode("success") == "2 untouched successes in a row"
    assert programme.next()["over"] == "2 untouched successes in a row"
