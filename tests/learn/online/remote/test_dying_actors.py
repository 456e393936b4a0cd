"""Actors of a cluster that die, without a cluster: each episode counts once, and an evaluation is finished."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from robot_rl.datasets import Dataset
from robot_rl.learn.online.recipe import Recipe
from robot_rl.learn.online.remote import cluster
from robot_rl.learn.online.remote.cluster import ClusterSession
from robot_rl.learn.online.remote.worker import Worker


class ActorDiedError(Exception):
    """As Ray's."""


class TaskError(Exception):
    """As Ray's."""


class Future:
    """What is to be had later."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer


class Handle:
    """An actor as Ray gives it: what it is asked for is done at once, and its answer is looked for later."""

    def __init__(self, made: Worker) -> None:
        self.made, self.dead = made, False

    def __getattr__(self, name: str) -> Any:
        def remote(*arguments: Any) -> Any:
            return Future(ActorDiedError("it is dead") if self.dead else getattr(self.made, name)(*arguments))

        method = SimpleNamespace(remote=remote)
        method.options = lambda **options: method
        return method


class Cluster:
    """What is used of Ray, in this process."""

    exceptions = SimpleNamespace(RayTaskError=TaskError, RayActorError=ActorDiedError)

    def __init__(self) -> None:
        self.handles: list[Handle] = []

    def is_initialized(self) -> bool:
        return True

    def put(self, value: Any) -> Any:
        return value

    def get(self, future: Any) -> Any:
        if isinstance(future.answer, Exception):
            raise future.answer
        return future.answer

    def kill(self, handle: Handle) -> None:
        handle.dead = True
        handle.made.close()

    def remote(self, **options: Any) -> Callable[[type[Worker]], Any]:
        def made(*arguments: Any) -> Handle:
            self.handles.append(Handle(Worker(*arguments)))
            return self.handles[-1]

        return lambda kind: SimpleNamespace(remote=made)


@pytest.fixture
def session(actors_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ClusterSession]:
    ray = Cluster()
    monkeypatch.setattr(cluster, "require", lambda extra: None)
    monkeypatch.setitem(sys.modules, "ray", ray)  # type: ignore[arg-type]
    made = ClusterSession(actors_recipe, tmp_path, actors=2)
    try:
        yield made
    finally:
        for handle in ray.handles:
            if not handle.dead:
                ray.kill(handle)


def futures(session: ClusterSession) -> dict[int, Any]:
    """The episodes under way by actor."""
    return {index: future for future, index in session._running.items()}


def check(session: ClusterSession) -> None:
    """Each recorded episode is in the replay and in the counts, once."""
    recorded = [e for path in sorted(session.directory.glob("episodes-*")) for e in Dataset.open(path)]
    ids = [str(e.attributes["episode_id"]) for e in recorded]
    assert sorted(session.learner.replay.ids) == sorted(ids)
    assert session.tally.episodes == len(ids) and session.tally.robot_steps == sum(len(e) for e in recorded)


def test_what_a_living_actor_has_just_recorded_is_not_taken_for_the_dead_ones(session: ClusterSession) -> None:
    session._submit()
    given = futures(session)
    session._ray.kill(session._workers[0])
    given[0].answer = ActorDiedError("it was killed")
    assert session._take(given[0]) is False and session.recovered == 1, "it had recorded its episode before it died"
    assert list(session._running) == [given[1]]
    session._take(given[1])
    check(session)
    session._submit()
    for future in futures(session).values():
        session._take(future)
    check(session)


def test_an_actor_that_dies_in_an_evaluation_is_replaced_and_its_share_done_by_the_other(
    session: ClusterSession,
) -> None:
    session._submit()
    given = futures(session)
    session._ray.kill(session._workers[1])
    point = session._evaluate()
    assert point.trials == 3 and session._deaths == 1
    assert list(session._running) == [given[0]], "what the dead one was given is void"
    session._take(given[0])
    check(session)
    weights = session._workers[1].made._weights
    for name, value in session.learner.agent.state_dict().items():
        np.testing.assert_array_equal(weights[name].numpy(), value.numpy())


def test_an_episode_that_is_known_already_changes_nothing(session: ClusterSession) -> None:
    session._submit()
    given = futures(session)
    session._take(given[0])
    counts, rows = session.tally.to_dict(), session.learner.replay.count
    session._running[given[0]] = 0
    session._take(given[0])
    assert session.tally.to_dict() == counts and session.learner.replay.count == rows
