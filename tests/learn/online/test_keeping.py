"""What every kind of session keeps alike, and that any of them can go on with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from robot_rl.learn.online import deployed
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.curve import make_point
from robot_rl.learn.online.keeping import Keeper, Standing, steps_to_learn
from robot_rl.learn.online.learner import Learner
from robot_rl.learn.online.session import Session
from robot_rl.learn.online.store import Store
from robot_rl.learn.online.tally import Tally
from robot_rl.learn.online.workcell import Workcell


@pytest.fixture
def config(small_online: OnlineConfig) -> OnlineConfig:
    return replace(small_online, steps=100, evaluate_every=100)


def keeper(config: OnlineConfig, cell: Workcell, directory: Path) -> Keeper:
    spec = cell.robot.spec
    return Keeper(Store(directory, Learner(config, spec)), deployed.describe(config, spec, {}))


def test_a_standing_comes_back_as_it_was_kept(config: OnlineConfig, cell: Workcell, tmp_path: Path) -> None:
    tally = Tally(robot_steps=30, human_steps=4, episodes=2, successes=1, recent=[True, False])
    kept = Standing(
        tally,
        [make_point(tally, [(True, 3), (False, 8)], 10.0, 7, {"q": 0.5})],
        {"q": 0.25},
        owed=5,
        labels={"online-0-1": {"kind": "timeout"}},
        exploration=torch.Generator().manual_seed(3).get_state(),
    )
    keeper(config, cell, tmp_path).save(kept)
    found = keeper(config, cell, tmp_path).restore()
    assert kept.exploration is not None and found.exploration is not None
    assert torch.equal(found.exploration, kept.exploration)
    assert replace(found, exploration=None) == replace(kept, exploration=None)
    assert (tmp_path / "agent.json").is_file() and (tmp_path / "curve.json").is_file()


def test_a_session_goes_on_where_no_exploration_was_kept(config: OnlineConfig, cell: Workcell, tmp_path: Path) -> None:
    """Actors of a cluster have generators of their own: it keeps none."""
    keeper(config, cell, tmp_path).save(Standing(Tally(robot_steps=12, episodes=3)))
    session = Session(config, cell, directory=tmp_path)
    session.turn()
    assert session.tally.episodes == 4 and session.tally.robot_steps > 12
    assert "online-0-3" in session.learner.replay


@pytest.mark.parametrize(("before", "after", "expected"), [(0, 20, 0), (15, 25, 5), (25, 32, 7)])
def test_steps_of_the_warm_up_are_not_learnt_from(before: int, after: int, expected: int) -> None:
    assert steps_to_learn(before, after, warmup=20) == expected
