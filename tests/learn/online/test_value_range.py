"""Between which values returns lie, worked by hand; bins that cannot hold them are refused, and told which could."""

from __future__ import annotations

from dataclasses import replace

import pytest

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online import recipe
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.improvers.calql import CalQlConfig
from robot_rl.learn.online.improvers.offline import OfflineConfig
from robot_rl.learn.online.improvers.rlpd import RlpdConfig
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.value_range import of_returns
from robot_rl.workspace import names

BINNED = SacConfig(bins=51, gamma=0.75)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"reward": "success"}, (0.0, 1.0)),
        ({"reward": "task"}, (0.0, 0.0)),
        ({"reward": "rlif"}, (-4.0, 0.0)),
        ({"reward": "rlif", "help_cost": 0.5}, (-6.0, 0.0)),
        ({"reward": "success", "help_cost": 0.5, "shaping": 2.0}, (-4.0, 1.0)),
        ({"reward": "success", "offset": -1.0}, (-4.0, 0.0)),
        ({"reward": "success", "scale": 10.0, "offset": 2.0, "shaping": 0.5}, (-5.0, 18.0)),
    ],
)
def test_returns_lie_between_the_worst_for_ever_and_the_best_at_once(
    options: dict[str, float], expected: tuple[float, float]
) -> None:
    assert of_returns(gamma=0.75, **options) == expected  # type: ignore[arg-type]


def test_bins_that_cannot_hold_what_interventions_cost_are_refused_with_a_range_that_can() -> None:
    with pytest.raises(TrainingError, match=r"value_range is -0\.1 to 1\.1.*set it to \[-4\.0, 1\.1\]"):
        OnlineConfig(RlpdConfig(BINNED), reward="rlif")
    OnlineConfig(RlpdConfig(replace(BINNED, value_range=(-4.0, 1.1))), reward="rlif")
    OnlineConfig(RlpdConfig(replace(BINNED, bins=0)), reward="rlif")


def test_bins_that_cannot_hold_what_each_step_costs_offline_are_refused() -> None:
    with pytest.raises(TrainingError, match="between -4.00 and 0.00"):
        OnlineConfig(CalQlConfig(BINNED, offline=OfflineConfig(offset=-1.0)))
    with pytest.raises(TrainingError, match=r"set it to \[-0\.1, 1\.0\]"):
        OnlineConfig(RlpdConfig(replace(BINNED, value_range=(-0.1, 0.5))))


def test_every_recipe_holds() -> None:
    for name in names("policies", recipe.FILE):
        recipe.load(name)
