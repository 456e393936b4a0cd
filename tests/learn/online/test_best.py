"""The policy of the best evaluation stays beside the newest, and is said where it was better."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from robot_rl.learn.online import deployed
from robot_rl.learn.online.best import BEST, best_of, better_before
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.curve import Point
from robot_rl.learn.online.folder import BASE
from robot_rl.learn.online.improvers.rlpd import RlpdConfig
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.session import Session
from robot_rl.learn.online.workcell import Workcell
from robot_rl.learn.statistics import wilson

SMALL = SacConfig(critics=2, hidden=(16,), batch=16, utd=1, gamma=0.9, actor_lr=1e-2)


def point(steps: int, successes: int, trials: int = 50) -> Point:
    rate = wilson(successes, trials)
    return Point(steps, 0, 0.0, 0, trials, successes, rate.low, rate.high, None, 0, 0, {})


def weights(path: Path) -> dict[str, torch.Tensor]:
    return deployed.load(path).agent.state_dict()


def test_the_latest_of_equally_good_evaluations_is_the_best_and_a_worse_end_is_said():
    curve = [point(0, 30), point(100, 45), point(200, 45), point(300, 5)]
    assert best_of(curve).robot_steps == 200
    assert better_before(curve).startswith("the policy of step 200 did better: 45/50 = 90%")
    assert "chance" in better_before([*curve, point(400, 43)])
    assert better_before(curve[:3]) == "" and better_before([]) == ""


def test_a_session_that_ends_worse_keeps_the_policy_of_its_best_evaluation_and_the_base_beside_it(
    cell: Workcell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    successes = iter([10, 40, 5])
    seen: list[dict[str, torch.Tensor]] = []

    def evaluate(session: Session) -> Point:
        seen.append({n: t.clone() for n, t in session.learner.agent.state_dict().items()})
        return point(session.tally.robot_steps, next(successes))

    monkeypatch.setattr(Session, "evaluate", evaluate)
    (tmp_path / BASE).mkdir()
    (tmp_path / BASE / "policy.json").write_text("{}")
    config = OnlineConfig(RlpdConfig(SMALL), demo_share=0.0, warmup=10, evaluate_every=30, steps=60, capacity=200)
    Session(config, cell, directory=tmp_path).run()
    Session(replace(config, steps=90), cell, directory=tmp_path).run()  # resumed, and worse
    assert len(seen) == 3
    kept, newest = weights(tmp_path / BEST), weights(tmp_path)
    assert all(torch.equal(kept[n], seen[1][n]) for n in kept)
    assert not all(torch.equal(kept[n], newest[n]) for n in kept)
    moved = tmp_path.rename(tmp_path.with_name("elsewhere"))
    assert (moved / BEST / BASE / "policy.json").read_text() == "{}"
