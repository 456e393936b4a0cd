"""ResiP's parts against values worked by hand, and that it moves a base to the goal."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.improvers.ppo_residual import (
    PpoResidualConfig,
    clipped_loss,
    generalized_advantages,
)
from robot_rl.learn.online.session import Session
from robot_rl.learn.online.workcell import Workcell


def test_advantages_sum_discounted_surprises_up_to_the_end_of_the_run() -> None:
    delta = np.array([1.0, 2.0, 4.0, 8.0])
    goes_on = np.array([True, True, False, False])
    np.testing.assert_allclose(
        generalized_advantages(delta, goes_on, 0.5, 0.5), [1 + 0.25 * (2 + 0.25 * 4), 2 + 0.25 * 4, 4, 8]
    )


def test_a_ratio_beyond_the_clip_earns_nothing_more_but_still_costs() -> None:
    up = torch.tensor([math.log(2.0)], requires_grad=True)
    assert clipped_loss(up, torch.tensor([1.0]), 0.2).item() == pytest.approx(-1.2)
    assert torch.autograd.grad(clipped_loss(up, torch.tensor([1.0]), 0.2), up)[0].item() == 0.0
    assert clipped_loss(up, torch.tensor([-1.0]), 0.2).item() == pytest.approx(2.0)


def test_before_its_first_update_it_is_its_base_and_explores_around_it(cell: Workcell, point: SimpleNamespace) -> None:
    config = OnlineConfig(PpoResidualConfig(scale=0.1), evaluation_seeds=(9000,))
    agent = Session(config, cell, base=point.base()).learner.agent
    seen = {"state": torch.rand(500, 4), "base_action": torch.tensor([[0.5, 0.1]]).repeat(500, 1)}
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        mode, drawn = (agent.act(seen, m, generator) for m in ("mode", "sample"))
        density = agent.log_prob(seen, drawn.notes["raw"])
    torch.testing.assert_close(mode.actions[:, 0], agent.scale.to_unit(seen["base_action"]))
    deviation = (drawn.actions[:, 0] - mode.actions[:, 0]).std(0)
    torch.testing.assert_close(deviation, torch.full((2,), 0.1 * math.exp(-1.0)), atol=4e-3, rtol=0)
    by_hand = torch.distributions.Normal(0.0, math.exp(-1.0)).log_prob(drawn.notes["raw"]).sum(1)
    torch.testing.assert_close(density, by_hand)


@pytest.mark.slow
def test_it_reaches_the_goal_that_its_base_misses(cell: Workcell, point: SimpleNamespace) -> None:
    improver = PpoResidualConfig(hidden=(64, 64), scale=0.5, rollout=500, minibatch=100, lr=1e-3, gamma=0.9)
    config = OnlineConfig(
        improver, steps=12000, warmup=1, evaluate_every=20000, evaluation_seeds=tuple(range(9000, 9030)), capacity=5000
    )
    base, after = Session(config, cell, base=point.base()).run()
    assert base.success <= 0.2
    assert after.success >= 0.7
