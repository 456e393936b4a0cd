"""A session learns a small task by a margin, from the base's failures as from demonstrations; and resumes exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from robot_rl.datasets import Dataset
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.improvers.residual import ResidualConfig
from robot_rl.learn.online.improvers.rlpd import RlpdConfig
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.session import NAME, Session
from robot_rl.learn.online.workcell import Workcell
from robot_rl.policies import storage

SMALL = SacConfig(
    critics=2, hidden=(64, 64), batch=64, utd=1, tau=0.02, gamma=0.9, temperature=0.01, actor_lr=1e-3, critic_lr=1e-3
)
SEEDS = tuple(range(9000, 9030))


def test_a_replay_that_is_going_to_overwrite_its_demonstrations_says_so(
    cell: Workcell, make_demonstrations: Callable[..., Dataset]
) -> None:
    demonstrations = make_demonstrations(4)
    rows = sum(len(e) + 1 for e in demonstrations)
    for room, steps, warned in ((rows + 60, 50, False), (rows + 60, 200, True)):
        said: list[str] = []
        config = OnlineConfig(RlpdConfig(SMALL), steps=steps, warmup=10, capacity=room, evaluation_seeds=SEEDS[:2])
        Session(config, cell, demonstrations, say=said.append)
        assert any(f"overwrite the demonstrations before step {steps}" in line for line in said) == warned


@pytest.mark.parametrize("bfloat16", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_rlpd_reaches_the_goal_from_demonstrations(
    bfloat16: bool, cell: Workcell, make_demonstrations: Callable[..., Dataset]
) -> None:
    demonstrations, rlpd = make_demonstrations(20), RlpdConfig(replace(SMALL, bfloat16=bfloat16))
    config = OnlineConfig(rlpd, steps=1000, warmup=50, evaluate_every=1000, evaluation_seeds=SEEDS)
    session = Session(config, cell, demonstrations)
    before = session.evaluate()
    after = session.run()[-1]
    assert before.success <= 0.3
    assert after.success >= 0.8
    assert after.updates == after.robot_steps - 50


@pytest.mark.parametrize("deviation", [0.0, 0.1])
def test_a_residual_reaches_the_goal_that_its_base_misses(
    deviation: float, cell: Workcell, point: SimpleNamespace
) -> None:
    config = OnlineConfig(
        ResidualConfig(replace(SMALL, n_step=3), scale=0.5, deviation=deviation),
        steps=900,
        warmup=150,
        evaluate_every=1000,
        evaluation_seeds=SEEDS,
    )
    base, after = Session(config, cell, base=point.base()).run()
    assert base.success <= 0.2 and base.robot_steps == 0
    assert after.success >= 0.8


def test_a_resumed_session_ends_as_the_uninterrupted_one(
    cell: Workcell, point: SimpleNamespace, make_demonstrations: Callable[..., Dataset], tmp_path: Path
) -> None:
    demonstrations = make_demonstrations(3)
    config = OnlineConfig(
        ResidualConfig(replace(SMALL, hidden=(16,))),
        steps=60,
        warmup=20,
        evaluate_every=30,
        evaluation_seeds=SEEDS[:2],
        capacity=200,
    )

    def session(steps: int, name: str) -> Session:
        made = Session(replace(config, steps=steps), cell, demonstrations, point.base(), tmp_path / name)
        made.run()
        return made

    whole = session(60, "whole")
    session(30, "parts")
    resumed = session(60, "parts")
    ours, theirs = (storage_of(s, tmp_path / n) for s, n in ((whole, "whole"), (resumed, "parts")))
    assert ours[0].keys() == theirs[0].keys()
    for name, tensor in ours[0].items():
        assert torch.equal(tensor, theirs[0][name]), name
    assert ours[1] == theirs[1]
    assert whole.learner.improver.updates > 30


def storage_of(session: Session, directory: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """What a session saved, without what time it took and which evaluations were asked for."""
    document = storage.read_document(directory, NAME)
    tensors = storage.read_tensors(directory, document)
    for key in ("curve", "tensors", "config"):
        document.pop(key)
    document["tally"].pop("seconds")
    return tensors, document


def test_a_session_with_another_configuration_is_refused_by_its_differences(
    cell: Workcell, make_demonstrations: Callable[..., Dataset], tmp_path: Path
) -> None:
    config = OnlineConfig(RlpdConfig(SMALL), steps=10, warmup=20, evaluation_seeds=SEEDS[:1])
    demonstrations = make_demonstrations(2)
    Session(config, cell, demonstrations, directory=tmp_path / "s").run()
    with pytest.raises(TrainingError, match=r"demo_share was 0\.5, now 0\.25"):
        Session(replace(config, demo_share=0.25), cell, demonstrations, directory=tmp_path / "s")


def test_demonstrations_without_a_success_are_refused(
    cell: Workcell, make_demonstrations: Callable[..., Dataset]
) -> None:
    with pytest.raises(TrainingError, match="no success"):
        Session(OnlineConfig(RlpdConfig(SMALL)), cell, make_demonstrations(2, success=False))


def test_an_evaluation_draws_nothing_from_the_session(
    cell: Workcell, make_demonstrations: Callable[..., Dataset]
) -> None:
    session = Session(OnlineConfig(RlpdConfig(SMALL), evaluation_seeds=SEEDS[:3]), cell, make_demonstrations(2))
    before = (session.executor.generator.get_state(), session.learner.rng.bit_generator.state)
    count = len(session.learner.replay)
    session.evaluate()
    assert torch.equal(session.executor.generator.get_state(), before[0])
    assert session.learner.rng.bit_generator.state == before[1]
    assert len(session.learner.replay) == count


def test_an_evaluation_is_of_the_mean_action(
    cell: Workcell, make_demonstrations: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session(OnlineConfig(RlpdConfig(SMALL), evaluation_seeds=SEEDS[:1]), cell, make_demonstrations(2))
    agent, modes = session.learner.agent, set()
    act = agent.act

    def noted(observation: Any, mode: Any, generator: Any) -> Any:
        modes.add(mode)
        return act(observation, mode, generator)

    monkeypatch.setattr(agent, "act", noted)
    session.evaluate()
    assert modes == {"mode"}


def test_a_residual_without_a_base_is_refused(cell: Workcell) -> None:
    with pytest.raises(TrainingError, match="base policy"):
        Session(OnlineConfig(ResidualConfig(SMALL)), cell)
