"""Several actors through Ray on this machine: every episode comes in once, and a dead actor is replaced."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="needs robot_rl[cluster]")

from robot_rl.datasets import Dataset  # noqa: E402
from robot_rl.learn.online import recipe  # noqa: E402
from robot_rl.learn.online.recipe import Recipe  # noqa: E402
from robot_rl.learn.online.remote.cluster import ClusterSession  # noqa: E402


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_actors_feed_one_learner_also_when_one_of_them_dies(actors_recipe: Recipe, tmp_path: Path) -> None:
    plan = replace(actors_recipe, online=replace(actors_recipe.online, steps=200, warmup=50, evaluate_every=200))
    recipe.save(plan, tmp_path)
    session = ClusterSession(plan, tmp_path, actors=2)
    try:
        session.run(stop=lambda: session.tally.robot_steps >= 80)
        session._ray.kill(session._workers[0])
        curve = session.run()
    finally:
        session.close()
    assert curve[-1].trials == 3 and curve[-1].updates >= session.tally.robot_steps - 50 - 60
    check(tmp_path)
    again = ClusterSession(plan, tmp_path, actors=1)
    again.close()
    assert again.tally.robot_steps >= 200
    check(tmp_path)


def check(directory: Path) -> None:
    """The session holds every recorded episode once."""
    episodes = [e for path in sorted(directory.glob("episodes-*")) for e in Dataset.open(path)]
    ids = [str(e.attributes["episode_id"]) for e in episodes]
    document = json.loads((directory / "session.json").read_text())
    known = document["learner"]["replay"]["ids"]
    assert len(known) == len(set(known)) and set(known) <= set(ids) and len(set(ids)) == len(ids)
    steps = {str(e.attributes["episode_id"]): len(e) for e in episodes}
    assert document["tally"]["robot_steps"] == sum(steps[i] for i in known)
    assert document["learner"]["replay"]["count"] == sum(steps[i] + 1 for i in known)
