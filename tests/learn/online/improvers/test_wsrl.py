"""The hand-over from offline to online: what goes on, what is dropped, who acts meanwhile; and it can be resumed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from robot_rl.datasets import Dataset
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.improvers.calql import Conservative
from robot_rl.learn.online.improvers.offline import OfflineConfig
from robot_rl.learn.online.improvers.wsrl import Wsrl, WsrlConfig
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.session import Session
from robot_rl.learn.online.workcell import Workcell

SMALL = SacConfig(critics=2, hidden=(16,), batch=16, utd=2, gamma=0.9)
UPDATES = 12


def session(cell: Workcell, data: Any, directory: Path | None = None, *, steps: int = 40, **options: Any) -> Session:
    improver = WsrlConfig(
        SMALL, conservative=Conservative(samples=2), offline=OfflineConfig(updates=UPDATES, offset=-1.0), **options
    )
    config = OnlineConfig(
        improver, steps=steps, warmup=20, evaluate_every=1000, evaluation_seeds=(9000,), capacity=500, seed=3
    )
    return Session(config, cell, data, directory=directory)


def weights(session: Session) -> dict[str, torch.Tensor]:
    modules = improver_of(session).sac.modules
    return {f"{n}.{k}": v.clone() for n, m in modules.items() for k, v in m.state_dict().items()}


def improver_of(session: Session) -> Wsrl:
    improver = session.learner.improver
    assert isinstance(improver, Wsrl)
    return improver


@pytest.mark.parametrize("method", ["calql", "iql"])
def test_critics_targets_and_temperature_are_handed_over(
    method: str, cell: Workcell, make_demonstrations: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    before: dict[str, Any] = {}
    hand_over = Wsrl._hand_over

    def seen(self: Wsrl, learner: Any, replay: Any) -> None:
        before["weights"] = {n: learner.modules[n].state_dict() for n in ("critics", "targets")}
        before["alpha"] = learner.alpha
        hand_over(self, learner, replay)

    monkeypatch.setattr(Wsrl, "_hand_over", seen)
    made = session(cell, make_demonstrations(3), method=method)
    after = improver_of(made).sac
    for name, tensors in before["weights"].items():
        for key, value in after.modules[name].state_dict().items():
            assert torch.equal(value, tensors[key])
    assert after.alpha == before["alpha"]
    assert made.updates == UPDATES and made.curve[0].updates == UPDATES


def test_the_data_are_dropped_and_known_still(cell: Workcell, make_demonstrations: Callable[..., Dataset]) -> None:
    data = make_demonstrations(3)
    made = session(cell, data)
    assert len(made.learner.replay) == 0
    assert made.learner.add(data) == 0
    made.run()
    drawn = improver_of(made).draw(made.learner.replay, np.random.default_rng(0))
    assert len(drawn) == SMALL.batch and not drawn.human.any()


def test_the_data_are_kept_where_asked_for(cell: Workcell, make_demonstrations: Callable[..., Dataset]) -> None:
    made = session(cell, make_demonstrations(3), keep_data=True)
    made.run()
    drawn = improver_of(made).draw(made.learner.replay, np.random.default_rng(0))
    assert int(drawn.human.sum()) == SMALL.batch // 2


def test_the_frozen_policy_acts_in_the_warm_up_and_nothing_is_updated(
    cell: Workcell, make_demonstrations: Callable[..., Dataset]
) -> None:
    made = session(cell, make_demonstrations(3), steps=15)
    before = weights(made)
    made.run()
    assert 15 <= made.tally.robot_steps <= 20
    assert made.updates == UPDATES
    assert all(torch.equal(v, before[k]) for k, v in weights(made).items())


def test_a_warm_up_is_of_the_policy_learnt_and_not_of_chance(
    cell: Workcell, make_demonstrations: Callable[..., Dataset]
) -> None:
    agent = session(cell, make_demonstrations(3)).learner.agent
    state = {"state": torch.zeros(1, 4)}
    warm, sample = (agent.act(state, m, torch.Generator().manual_seed(7)).actions for m in ("warmup", "sample"))
    assert torch.equal(warm, sample)


def test_online_updates_are_those_of_plain_soft_actor_critic(
    cell: Workcell, make_demonstrations: Callable[..., Dataset]
) -> None:
    made = session(cell, make_demonstrations(3))
    made.run()
    assert made.updates == UPDATES + 2 * (made.tally.robot_steps - 20)
    assert made.figures.keys() >= {"critic_loss", "q", "entropy", "alpha"}


def test_a_resumed_session_goes_on_as_the_uninterrupted_one(
    cell: Workcell, make_demonstrations: Callable[..., Dataset], tmp_path: Path
) -> None:
    data = make_demonstrations(3)
    whole = session(cell, data, tmp_path / "whole", steps=60)
    whole.run()
    session(cell, data, tmp_path / "parts", steps=30).run()
    parts = session(cell, data, tmp_path / "parts", steps=60)
    parts.run()
    ours, theirs = weights(whole), weights(parts)
    assert all(torch.equal(v, theirs[k]) for k, v in ours.items())


def test_the_first_update_draws_from_the_whole_warm_up(
    cell: Workcell, make_demonstrations: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not from a handful of steps over and over, which undoes what was learnt offline."""
    made = session(cell, make_demonstrations(3), steps=22)
    held: list[int] = []
    monkeypatch.setattr(made.learner.guard, "update", lambda replay, rng: held.append(len(replay)) or {})
    made.run()
    assert held[0] >= 19
