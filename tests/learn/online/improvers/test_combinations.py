"""Whatever base has a chunk sampler works with whatever improver; what cannot work is refused by name."""

from __future__ import annotations

from dataclasses import fields, replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.improvers.improver import IMPROVERS, improver_config
from robot_rl.learn.online.session import Session
from robot_rl.learn.online.workcell import Workcell
from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.heads import HEADS, head_config

SMALL = {"critics": 2, "hidden": (8,), "batch": 8, "utd": 1, "n_step": 1}
SIZES = {"width": 16, "depth": 1, "sampling_steps": 2, "layers": 1, "heads": 2}
WITHOUT_NOISE = ("act", "gaussian", "gmm_rnn", "carp", "slow_fast", "joint")
"""Heads whose chunk no noise given from outside decides."""
WITH_BASE = [name for name in IMPROVERS if improver_config({"name": name}).base != "none"]


def small_base(point: SimpleNamespace, head: str) -> ChunkPolicy:
    known = {f.name for f in fields(head_config({"name": head}))}
    options = {k: v for k, v in SIZES.items() if k in known}
    config = PolicyConfig(n_obs=2, horizon=4, n_action_steps=2, head=head_config({"name": head, **options}))
    torch.manual_seed(0)
    return ChunkPolicy(point.spec, point.spec.observation, config).eval()


def session(improver: str, cell: Workcell, base: ChunkPolicy) -> Session:
    options: dict[str, Any] = {"name": improver}
    made = improver_config(options)
    if hasattr(made, "sac"):
        made = replace(made, sac=replace(made.sac, **SMALL))
    if improver == "imitation":
        made = replace(made, select="all", batch=8)
    config = OnlineConfig(made, steps=20, warmup=6, evaluate_every=1000, evaluation_seeds=(9000,), capacity=200)
    return Session(config, cell, base=base)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("improver", WITH_BASE)
def test_every_base_goes_with_every_improver(improver: str, head: str, cell: Workcell, point: SimpleNamespace) -> None:
    base = small_base(point, head)
    if improver == "dsrl" and head in WITHOUT_NOISE:
        with pytest.raises(TrainingError, match=f"'{head}' head"):
            session(improver, cell, base)
        return
    made = session(improver, cell, base)
    last = made.run()[-1]
    assert last.robot_steps >= 20
    assert last.updates >= 14 or improver == "ppo_residual"
    weights = made.learner.agent.state_dict()
    assert all(torch.isfinite(v).all() for v in weights.values())
