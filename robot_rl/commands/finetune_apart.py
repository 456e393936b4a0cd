"""`robot-rl finetune` with actor and learner apart: `--processes 2`, and `--actors N` through Ray."""

from __future__ import annotations

from robot_rl.commands.finetune_parts import parts
from robot_rl.commands.finetune_view import View
from robot_rl.commands.names import existing_dataset
from robot_rl.datasets.dataset import Dataset
from robot_rl.extras import require
from robot_rl.learn.online.opening import Opening
from robot_rl.learn.online.recipe import Recipe
from robot_rl.learn.online.remote.cluster import ClusterSession
from robot_rl.learn.online.remote.link import Link
from robot_rl.learn.online.remote.process import LearnerProcess
from robot_rl.learn.online.remote.session import RemoteSession


def run_apart(recipe: Recipe, opening: Opening, *, untouched: int = 0, accept_changes: bool = False) -> int:
    """Act here, with the learner in a process of its own that ends with this one. Returns 0."""
    require("serve")
    directory = opening.directory
    process = LearnerProcess(directory, recipe.remote.restarts, accept_changes=accept_changes)
    with parts(recipe, directory) as (cell, _, base, dataset), View(recipe, opening, untouched) as view:
        link = Link(process.where, recipe.remote)
        try:
            session = RemoteSession(recipe.online, cell, link, dataset, base, view.say)
            session.begin(view.stopped)
            view.begin(session)
            session.run(stop=view.stopped, on_episode=lambda r: view.episode(session, r), on_point=view.point)
        finally:
            link.close()
            process.close()
        view.end(session, _notes(session))
    return 0


def run_cluster(recipe: Recipe, opening: Opening, actors: int, *, accept_changes: bool = False) -> int:
    """Learn here, with `actors` robots on a Ray cluster. Returns 0."""
    demonstrations = [e for name in recipe.dataset for e in Dataset.open(existing_dataset(name))]
    with View(recipe, opening) as view:
        session = ClusterSession(recipe, opening.directory, demonstrations, actors, accept_changes=accept_changes)
        try:
            view.begin(session)
            session.run(stop=view.stopped, on_episode=lambda _: view.episode(session), on_point=view.point)
        finally:
            session.close()
        view.end(session, [f"{actors} simulated robots acted at a time, so that a repetition takes another course."])
    return 0


def _notes(session: RemoteSession) -> list[str]:
    """What a reader must know of the two processes."""
    per_step = session.updates / max(session.tally.robot_steps, 1)
    return [
        "Actor and learner were separate processes, so that a repetition takes another course. True ratio of critic "
        f"updates to robot steps: {per_step:.2f}. {session.link.dropped} rows were not sent and came from the data "
        f"set; {session.late} control steps began more than a period late; the robot held for {session.waited:.0f} s "
        "because there was no learner."
    ]
