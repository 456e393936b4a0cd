"""A correction that grows with the session, and is as large as what was demonstrated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from robot_rl.datasets.dataset import Dataset
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.improvers.residual import Residual, ResidualConfig, demonstrated
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.scale import ActionScale
from robot_rl.learn.online.session import Session
from robot_rl.learn.online.workcell import Workcell
from robot_rl.spec import Field, Layout

SAC = SacConfig(critics=2, hidden=(16,), batch=16, utd=1, critics_first=4)
CONFIG = ResidualConfig(SAC, scale=0.4, deviation=0.1, growth=10)


def session(config: ResidualConfig, cell: Workcell, point: SimpleNamespace, **options: object) -> Session:
    online = OnlineConfig(config, steps=40, warmup=20, evaluate_every=100, evaluation_seeds=(9000,), capacity=2000)
    return Session(online, cell, base=point.base(), **options)  # type: ignore[arg-type]


def improver(own: Session) -> Residual:
    out = own.learner.improver
    assert isinstance(out, Residual)
    return out


def test_a_correction_grows_from_a_tenth_once_the_actor_learns(cell: Workcell, point: SimpleNamespace) -> None:
    own = improver(session(CONFIG, cell, point))
    for groups, grown in ((0, 0.1), (4, 0.1), (9, 0.55), (14, 1.0), (30, 1.0)):
        own.sac.groups = groups
        own._grow()
        assert own.agent.grown.item() == pytest.approx(grown)
    own.agent.grown.fill_(0.5)
    seen = {"state": torch.zeros(1, 4), "base_action": torch.zeros(1, 2)}
    raw = torch.tensor([[0.5, -1.0]])
    torch.testing.assert_close(own.agent.combine(seen, raw), torch.tensor([[0.1, -0.2]]))  # 0.4 * 0.5 * raw
    torch.testing.assert_close(own.agent._separate(seen, own.agent.combine(seen, raw)), raw)


def test_a_session_grows_its_corrections_and_sends_how_far(cell: Workcell, point: SimpleNamespace) -> None:
    own = session(CONFIG, cell, point)
    own.run()
    agent = improver(own).agent
    assert agent.grown.item() == 1.0  # 20 steps of learning: 4 of the critics alone, then 10 of growth
    assert {"used", "grown"} <= set(agent.state_dict()), "they travel with the weights"


def test_without_either_option_nothing_is_added_to_the_weights(cell: Workcell, point: SimpleNamespace) -> None:
    agent = improver(session(replace(CONFIG, growth=0), cell, point)).agent
    assert agent.share == 1.0
    assert not {"used", "grown"} & set(agent.state_dict()), "sessions of before can be resumed"


def test_what_was_demonstrated_of_a_range_is_between_quantiles_and_a_tenth_at_least() -> None:
    scale = ActionScale(Layout((Field("a", (3,), low=(-2.0,) * 3, high=(2.0,) * 3),)))
    ramp = np.linspace(-1.0, 1.0, 201)
    actions = np.stack([ramp, np.full(201, 0.7), 2 * ramp], axis=1)
    actions[0, 1] = -2.0  # one outlier among 201 does not count
    torch.testing.assert_close(demonstrated(actions, scale), torch.tensor([0.49, 0.1, 0.98]))
    assert torch.equal(demonstrated(actions[:0], scale), torch.ones(3))


def test_corrections_are_as_large_as_demonstrations_move(
    cell: Workcell, point: SimpleNamespace, make_demonstrations: Callable[..., Dataset]
) -> None:
    demonstrations = make_demonstrations(3)
    own = session(replace(CONFIG, growth=0, as_demonstrated=True), cell, point, demonstrations=demonstrations)
    own.run()
    agent = improver(own).agent
    executed = np.concatenate([np.asarray(episode.steps["executed"]) for episode in demonstrations])
    torch.testing.assert_close(agent.used, demonstrated(executed, agent.scale))
    assert agent.grown.item() == 1.0 and (agent.used < 1.0).any()


def test_a_growth_below_zero_is_refused() -> None:
    with pytest.raises(TrainingError, match="growth"):
        ResidualConfig(growth=-1)
