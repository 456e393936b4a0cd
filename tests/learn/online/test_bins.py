"""Targets as distributions over bins, against values worked by hand; critics that learn by classification."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.bins import ValueBins
from robot_rl.learn.online.networks import Critics
from robot_rl.learn.online.sac import SacConfig


def test_a_target_is_shared_between_the_two_nearest_bins_by_nearness() -> None:
    bins = ValueBins(4, 0.0, 4.0, spread=0.0)  # middles .5, 1.5, 2.5, 3.5
    expected = torch.tensor([[0.0, 1.0, 0.0, 0.0], [0.0, 0.7, 0.3, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    torch.testing.assert_close(bins.project(torch.tensor([1.5, 1.8, -7.0, 9.0])), expected)


def test_a_target_is_spread_as_the_mass_of_a_normal_in_each_bin() -> None:
    bins = ValueBins(3, 0.0, 3.0, spread=1.0)
    edges = [0.5 * (1 + math.erf((e - 1.5) / math.sqrt(2))) for e in range(4)]
    mass = [(b - a) / (edges[3] - edges[0]) for a, b in pairwise(edges)]
    torch.testing.assert_close(bins.project(torch.tensor([1.5])), torch.tensor([mass]))


def test_a_projected_target_has_the_targets_mean() -> None:
    bins, target = ValueBins(101, -1.0, 2.0), torch.linspace(-0.8, 1.8, 50)
    torch.testing.assert_close(bins.mean(bins.project(target).clamp_min(1e-30).log()), target, atol=2e-4, rtol=0)
    assert bins.outside(torch.tensor([-1.1, 0.0, 2.0, 2.1])) == 0.5


def test_the_cross_entropy_is_least_at_the_projected_target() -> None:
    torch.manual_seed(0)
    critics = Critics(2, 3, (32,), bins=ValueBins(21, -1.0, 1.0))
    state, action, target = torch.randn(8, 2), torch.randn(8, 1), torch.linspace(-0.7, 0.7, 8)
    optimizer = torch.optim.Adam(critics.parameters(), lr=0.02)
    for _ in range(300):
        optimizer.zero_grad()
        critics.error(state, action, target).mean().backward()
        optimizer.step()
    torch.testing.assert_close(critics(state, action), target.expand(2, 8), atol=0.03, rtol=0)
    entropy = torch.special.entr(ValueBins(21, -1.0, 1.0).project(target)).sum(1)
    torch.testing.assert_close(critics.error(state, action, target), entropy.expand(2, 8), atol=0.05, rtol=0)


def test_some_members_give_what_all_of_them_give() -> None:
    critics = Critics(5, 4, (8,), bins=ValueBins(11, 0.0, 1.0))
    state, action, members = torch.randn(3, 2), torch.randn(3, 2), torch.tensor([4, 1])
    torch.testing.assert_close(critics(state, action, members), critics(state, action)[members])


@pytest.mark.parametrize("options", [{"bins": 1}, {"bins": 11, "value_range": (1.0, 0.0)}])
def test_bins_that_cannot_hold_values_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(TrainingError, match="value_range"):
        SacConfig(**options)  # type: ignore[arg-type]
