"""DSRL, EXPO and PA-RL on one base: what is stored, what forms the target; each learns what the base misses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from robot_rl.datasets import Dataset
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.base import Base
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.improvers.dsrl import NOISE, DsrlConfig
from robot_rl.learn.online.improvers.expo import ExpoConfig
from robot_rl.learn.online.improvers.pa_rl import PaRlConfig
from robot_rl.learn.online.improvers.proposals import CANDIDATES, mean_values
from robot_rl.learn.online.replay import CHUNK_STEP
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.session import Session
from robot_rl.learn.online.workcell import Workcell
from robot_rl.policies.act import ActConfig
from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.diffusion import DiffusionConfig
from robot_rl.policies.flow import FlowConfig

SMALL = SacConfig(
    critics=2, hidden=(32, 32), batch=64, utd=1, tau=0.02, gamma=0.9, temperature=0.01, actor_lr=1e-3, critic_lr=1e-3
)
SEEDS = tuple(range(9000, 9020))
CPU = torch.device("cpu")


def session(improver: Any, cell: Workcell, base: ChunkPolicy, demonstrations: Any = (), **options: Any) -> Session:
    config = OnlineConfig(
        improver, **{"warmup": 60, "evaluate_every": 5000, "evaluation_seeds": SEEDS[:1], "capacity": 5000, **options}
    )
    return Session(config, cell, demonstrations, base)


@pytest.mark.parametrize(
    ("improver", "steps"),
    [
        (DsrlConfig(replace(SMALL, target_entropy=-2.0, utd=2)), 500),
        pytest.param(DsrlConfig(replace(SMALL, target_entropy=-2.0), critic="action"), 500, marks=pytest.mark.slow),
        (ExpoConfig(replace(SMALL, utd=2), candidates=4, beta=0.4), 500),
        pytest.param(PaRlConfig(replace(SMALL, utd=2), candidates=4, ascent_rate=0.1), 500, marks=pytest.mark.slow),
    ],
    ids=lambda v: f"{v.name}-{v.critic}" if isinstance(v, DsrlConfig) else getattr(v, "name", ""),
)
def test_each_reaches_the_goal_that_its_base_misses(
    improver: Any,
    steps: int,
    cell: Workcell,
    noisy_base: ChunkPolicy,
    make_demonstrations: Callable[..., Dataset],
) -> None:
    first, last = session(improver, cell, noisy_base, make_demonstrations(8), steps=steps, evaluation_seeds=SEEDS).run()
    assert first.success <= 0.5
    assert last.success >= 0.7


def test_a_stored_noise_gives_the_chunk_that_was_executed(cell: Workcell, noisy_base: ChunkPolicy) -> None:
    made = session(DsrlConfig(SMALL, bound=1.5), cell, noisy_base, steps=30, warmup=10)
    made.run()
    replay, base = made.learner.replay, Base(noisy_base)
    rows = replay.views["decisions"].rows
    rows = rows[replay.observation[CHUNK_STEP][rows + 1] == 1]
    assert len(rows) > 5
    seen = {n: torch.from_numpy(v) for n, v in replay.seen(rows).items()}
    chunk = base.chunks(seen, (1.5 * seen[NOISE]).unflatten(1, (2, 2)))
    executed = np.stack([replay.columns["action"][rows], replay.columns["action"][rows + 1]], axis=1)
    np.testing.assert_allclose(base.scale.to_physical(chunk), executed, atol=1e-4)


def test_an_answers_transition_ends_with_its_chunk(cell: Workcell, noisy_base: ChunkPolicy) -> None:
    made = session(DsrlConfig(SMALL), cell, noisy_base, steps=30, warmup=10)
    made.run()
    replay = made.learner.replay
    rows = replay.views["decisions"].rows
    out = replay.transitions(rows, 0.9, answers=True)
    step = replay.observation[CHUNK_STEP]
    for row, length, bootstrap in zip(rows, out.returns.length, out.returns.bootstrap, strict=True):
        assert (step[row : row + length] == np.arange(length)).all()
        assert bootstrap in (0.0, pytest.approx(0.9**length))
    assert set(out.returns.length) <= {1, 2} and 2 in out.returns.length


def test_the_target_is_of_the_action_that_would_be_chosen(cell: Workcell, noisy_base: ChunkPolicy) -> None:
    made = session(ExpoConfig(replace(SMALL, subset=2), candidates=4, edits=False), cell, noisy_base, steps=40)
    made.run()
    sac, rows = made.learner.improver.sac, made.learner.replay.views["all"].rows  # type: ignore[attr-defined]
    data = made.learner.improver.parts.sampling.draw(  # type: ignore[attr-defined]
        made.learner.replay, np.random.default_rng(0), 16, 0.9, made.learner.agent.scale, CPU
    )
    assert len(rows) > 16
    features, pool = sac.actor.features(data.next_observation), data.next_observation[CANDIDATES]
    best = mean_values(sac.targets, features, pool).argmax(1)
    values = torch.stack([sac.targets(features[[b]], pool[b, best[b]][None])[:, 0] for b in range(16)], 1)
    torch.testing.assert_close(sac.target(data), data.reward + data.bootstrap * values.min(0).values)


def test_edits_stay_within_beta_and_ascent_does_not_lower_the_value(cell: Workcell, noisy_base: ChunkPolicy) -> None:
    expo = session(ExpoConfig(SMALL, candidates=3, beta=0.2), cell, noisy_base)
    parl = session(PaRlConfig(SMALL, candidates=3, best=3, ascent_rate=0.05), cell, noisy_base)
    generator = torch.Generator().manual_seed(0)
    for made in (expo, parl):
        agent = made.learner.agent
        seen = {
            "state": torch.rand(8, 4),
            "base/position": torch.rand(8, 1, 2),
            "base/goal": torch.rand(8, 1, 2),
        }
        seen |= agent.consider(seen, generator)
        pool = agent.pool(seen, agent.critics, generator)  # type: ignore[attr-defined]
        assert pool.shape == (8, 6, 2) and pool.abs().max() <= 1.0
        if made is expo:
            assert (pool[:, 3:] - pool[:, :3]).abs().max() <= 0.2 + 1e-6
        values = mean_values(agent.critics, agent.features(seen), pool)  # type: ignore[attr-defined]
        chosen = agent.choose(seen, agent.critics, None)  # type: ignore[attr-defined]
        assert (
            mean_values(agent.critics, agent.features(seen), chosen[:, None])[:, 0] >= values[:, :3].amax(1) - 1e-5
        ).all()  # type: ignore[attr-defined]


def test_a_taught_base_moves_to_the_chosen_actions(
    cell: Workcell, point: SimpleNamespace, make_demonstrations: Callable[..., Dataset]
) -> None:
    torch.manual_seed(0)
    config = PolicyConfig(n_obs=1, horizon=2, n_action_steps=2, head=FlowConfig(width=16, depth=1, sampling_steps=2))
    flow = ChunkPolicy(point.spec, point.spec.observation, config)
    before = {k: v.clone() for k, v in flow.state_dict().items()}
    made = session(PaRlConfig(SMALL, distil_every=2, distil_lr=1e-3), cell, flow, make_demonstrations(2), steps=75)
    made.run()
    taught = made.learner.agent.learner  # type: ignore[attr-defined]
    assert any(not torch.equal(v, before[k]) for k, v in taught.state_dict().items())
    assert all(torch.equal(v, before[k]) for k, v in flow.state_dict().items())
    assert any(k.startswith("learner.") for k in made.learner.agent.state_dict())


def test_a_base_that_no_noise_moves_is_refused(cell: Workcell, point: SimpleNamespace) -> None:
    act = ChunkPolicy(
        point.spec, point.spec.observation, PolicyConfig(n_obs=1, horizon=4, n_action_steps=4, head=ActConfig())
    )
    with pytest.raises(TrainingError, match="'act' head takes no noise"):
        session(DsrlConfig(SMALL), cell, act)


def test_a_base_that_draws_noise_while_it_samples_is_refused(cell: Workcell, point: SimpleNamespace) -> None:
    head = DiffusionConfig(width=8, depth=1, training_steps=4, sampling_steps=4, sampler="ddpm")
    config = PolicyConfig(n_obs=1, horizon=2, n_action_steps=2, head=head)
    base = ChunkPolicy(point.spec, point.spec.observation, config)
    with pytest.raises(TrainingError, match="draws noise while it samples"):
        session(DsrlConfig(SMALL), cell, base)


@pytest.mark.parametrize("kind", [ExpoConfig, PaRlConfig, DsrlConfig])
def test_imitation_has_no_place_in_a_choice(kind: Any) -> None:
    with pytest.raises(TrainingError, match="imitation"):
        kind(replace(SMALL, imitation=0.1))
