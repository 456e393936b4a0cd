"""The episodes that a session learns from never begin in a state that it is evaluated on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.improvers.rlpd import RlpdConfig
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.session import Session
from robot_rl.learn.online.workcell import Workcell

CONFIG = OnlineConfig(
    RlpdConfig(SacConfig(critics=2, hidden=(8,), batch=8, utd=1)), demo_share=0.0, warmup=1000, capacity=200
)


@pytest.mark.parametrize(("seed", "first"), [(0, 0), (3, 3000), (1000, 1_000_100)])
def test_the_seeds_of_episodes_follow_each_other_without_those_of_evaluations(seed: int, first: int) -> None:
    config = replace(CONFIG, seed=seed)
    seeds = [config.episode_seed(n) for n in range(1200)]
    assert seeds[0] == first and len(set(seeds)) == 1200 and not set(seeds) & set(config.evaluation_seeds)


def test_a_held_out_state_among_the_seeds_is_passed_over() -> None:
    config = replace(CONFIG, seed=2, evaluation_seeds=(2001, 2004, 1999, 2002))
    assert [config.episode_seed(n) for n in range(4)] == [2000, 2003, 2005, 2006]


def test_a_session_with_the_evaluations_seeds_begins_elsewhere(cell: Workcell) -> None:
    session, seeds = Session(replace(CONFIG, seed=1000, evaluation_seeds=(1_000_000, 1_000_002)), cell), []
    for _ in range(3):
        session.turn(lambda result: seeds.append(result.seed))
    assert seeds == [1_000_001, 1_000_003, 1_000_004]
