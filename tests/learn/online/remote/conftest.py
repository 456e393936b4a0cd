"""A recipe for sessions of several actors."""

from __future__ import annotations

import pytest

from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.improvers.rlpd import RlpdConfig
from robot_rl.learn.online.recipe import Recipe
from robot_rl.learn.online.remote.config import RemoteConfig
from robot_rl.learn.online.sac import SacConfig


@pytest.fixture
def actors_recipe() -> Recipe:
    """The peg and slot without demonstrations; three trials in an evaluation."""
    return Recipe(
        robot="sim_pegslot",
        online=OnlineConfig(
            RlpdConfig(SacConfig(critics=2, hidden=(16,), batch=16, utd=1)),
            demo_share=0.0,
            steps=10_000,
            warmup=5000,
            evaluate_every=10_000,
            evaluation_seeds=(1_000_000, 1_000_001, 1_000_002),
            capacity=2000,
        ),
        remote=RemoteConfig(period=0.1),
    )
