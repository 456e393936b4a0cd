"""`robot-rl finetune` with directions that undo each other: a session for each, in one folder, on one robot."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from robot_rl.commands.finetune_parts import base_of, demonstrations_of, recorded_to
from robot_rl.commands.finetune_view import told
from robot_rl.commands.finetune_watch import Watch
from robot_rl.commands.names import UsageError
from robot_rl.learn.online.book import Book, in_turn
from robot_rl.learn.online.curve import Point
from robot_rl.learn.online.directed import begin_directions
from robot_rl.learn.online.judging import WatchedCamera, classifier_judge
from robot_rl.learn.online.opening import Opening
from robot_rl.learn.online.practising import PracticeSession
from robot_rl.learn.online.recipe import Recipe
from robot_rl.learn.online.session import Session
from robot_rl.learn.online.workcell import Workcell, recipe_workcell
from robot_rl.runtime.loop import EpisodeResult
from robot_rl.runtime.resets import SelfResetting


def run_practice(recipe: Recipe, opening: Opening, *, untouched: int = 0, accept_changes: bool = False) -> int:
    """Practise until `online.steps` robot steps of all directions together. Returns 0."""
    directory = opening.directory
    plans = begin_directions(recipe, directory)
    practice = recipe.practice
    with ExitStack() as stack:
        cell = stack.enter_context(recipe_workcell(recipe))
        watch = stack.enter_context(Watch(untouched))
        if practice is None or not isinstance(cell.robot, SelfResetting):
            raise UsageError("this recipe has no section `practice`")
        sessions, books = {}, {}
        for name, own in plans.items():
            folder = directory / name
            sessions[name] = Session(
                own.online,
                _aimed(cell, own, practice.goal(name)),
                demonstrations_of(own, folder),
                stack.enter_context(base_of(own, folder)),
                folder,
                watch.prepared,
                dataset=stack.enter_context(recorded_to(own, folder)),
                accept_changes=accept_changes,
                say=watch.say,
            )
            books[name] = Book(own, folder, notes=[in_turn(plans)])
            stack.callback(books[name].close)
        whole = PracticeSession(sessions, cell.robot, recipe.online.steps, practice.tries, watch.say)
        opening.begun()
        _begin(whole, books, watch, recipe, directory)

        def episode(name: str, result: EpisodeResult) -> None:
            watch.episode(whole.robot_steps, f"{name}: {books[name].episode(sessions[name])}", result)

        def point(name: str, point: Point) -> None:
            books[name].point(point)
            books[name].report(sessions[name])
            watch.say(f"{name}, {told(point)}")

        whole.run(stop=watch.stopped, on_episode=episode, on_point=point)
        _end(whole, books, watch, recipe, directory)
    return 0


def _aimed(cell: Workcell, own: Recipe, goal: int) -> Workcell:
    """The workcell of a direction: the one robot, with this goal and the direction's own judge."""
    out = cell.toward(goal)
    watched = {n: c for n, c in cell.cameras.items() if isinstance(c, WatchedCamera)}
    return replace(out, judge=classifier_judge(Path(own.classifier), watched)) if own.classifier else out


def _begin(whole: PracticeSession, books: dict[str, Book], watch: Watch, recipe: Recipe, directory: Path) -> None:
    watch.say(f"practice without resets: {directory}")
    for name, session in whole.sessions.items():
        books[name].begin(session)
        if session.tally.episodes:
            watch.say(f"{name}: continued after {session.tally.robot_steps} robot steps")
        elif session.curve:
            watch.say(f"{name}, {told(session.curve[-1])}")
    watch.begin(f"practising {recipe.robot}", whole.robot_steps, recipe.online.steps)


def _end(whole: PracticeSession, books: dict[str, Book], watch: Watch, recipe: Recipe, directory: Path) -> None:
    """The reports, how often anybody had to set the scene up, and what to do next."""
    for name, session in whole.sessions.items():
        path = books[name].report(session)
        where = f"; report: {path}" if path is not None else ""
        watch.say(f"{name}: {session.tally.successes} of {session.tally.episodes} episodes succeeded{where}")
    if watch.reason is not None:
        watch.say(f"over after {whole.robot_steps} robot steps: {watch.reason}")
    elif whole.robot_steps < recipe.online.steps:
        watch.say(f"stopped after {whole.robot_steps} of {recipe.online.steps} robot steps; continue:")
        watch.say(f"  robot-rl finetune --resume {shlex.quote(str(directory))}")
    tallies = [s.tally for s in whole.sessions.values()]
    episodes, set_up = sum(t.episodes for t in tallies), sum(t.set_up for t in tallies)
    watch.say(f"the scene was set up from outside {set_up} times for {episodes} episodes")
