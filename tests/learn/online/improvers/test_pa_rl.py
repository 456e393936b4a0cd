"""PA-RL with a base that is taught: what is learnt is of the base as it is, and what is frozen stays."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Generator

from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.improvers.pa_rl import PaRl, PaRlConfig
from robot_rl.learn.online.learner import Learner
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.session import Session
from robot_rl.learn.online.workcell import Workcell
from robot_rl.policies.chunk_policy import ChunkPolicy
from robot_rl.policies.config import PolicyConfig
from robot_rl.policies.flow import FlowConfig
from robot_rl.policies.joint import JointConfig
from robot_rl.policies.slow_fast import SlowFastConfig

SMALL = SacConfig(critics=2, hidden=(8,), batch=16, utd=1)
Make = Callable[[PaRlConfig], tuple[PaRl, Learner]]


def base_with(head: Any, point: SimpleNamespace) -> ChunkPolicy:
    torch.manual_seed(0)
    config = PolicyConfig(n_obs=1, horizon=4, n_action_steps=2, head=head)
    return ChunkPolicy(point.spec, point.spec.observation, config)


@pytest.fixture
def flow(point: SimpleNamespace) -> ChunkPolicy:
    return base_with(FlowConfig(width=16, depth=1, sampling_steps=2), point)


@pytest.fixture
def make(cell: Workcell, flow: ChunkPolicy) -> Make:
    """An improver of `flow` that has acted and learnt nothing yet, and what feeds it."""

    def build(config: PaRlConfig) -> tuple[PaRl, Learner]:
        online = OnlineConfig(config, steps=40, warmup=100, demo_share=0.0, evaluation_seeds=(9000,), capacity=200)
        made = Session(online, cell, base=flow)
        made.run()
        return made.learner.improver, made.learner

    return build


def test_the_target_is_of_the_base_as_it_is_now(make: Make) -> None:
    improver, learner = make(PaRlConfig(SMALL, candidates=1, best=1, ascent_steps=0, distil_every=1000))
    with torch.no_grad():
        improver.base.policy.head.network.output.bias += 0.5
    batch, sac = improver.draw(learner.replay, learner.rng), improver.sac
    same = Generator().manual_seed(0)
    sac.generator.set_state(same.get_state())
    proposed = improver.base.candidates(batch.next_observation, 1, same)[:, 0]
    value = sac.targets(sac.actor.features(batch.next_observation), proposed).min(dim=0).values
    torch.testing.assert_close(sac.target(batch), batch.reward + batch.bootstrap * value)


def test_what_the_base_is_taught_comes_of_its_present_chunks(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    improver, learner = make(PaRlConfig(SMALL, candidates=1, best=1, ascent_steps=0, distil_every=1))
    policy, loss = improver.base.policy, improver.base.policy.loss
    taught: list[Any] = []
    monkeypatch.setattr(policy, "loss", lambda batch, generator: taught.append(batch) or loss(batch, generator))
    with torch.no_grad():
        policy.head.network.output.bias.fill_(100.0)  # beyond the upper bounds of the action
    improver.update(learner.replay, learner.rng)
    torch.testing.assert_close(taught[0]["action"][:, 0], torch.tensor([[2.0, 1.0]]).expand(SMALL.batch, -1))


def test_frozen_weights_of_a_taught_base_stay(make: Make, flow: ChunkPolicy, monkeypatch: pytest.MonkeyPatch) -> None:
    followed: list[ChunkPolicy] = []
    monkeypatch.setattr(ChunkPolicy, "after_update", lambda self: followed.append(self))
    flow.encoder.requires_grad_(False)
    improver, learner = make(PaRlConfig(SMALL, candidates=2, best=1, distil_every=1))
    improver.update(learner.replay, learner.rng)
    policy, before = improver.base.policy, flow.state_dict()
    changed = {name for name, value in policy.state_dict().items() if not torch.equal(value, before[name])}
    assert changed and all(name.startswith("head.") for name in changed)
    assert followed == [policy]


def test_a_guard_that_slows_learning_down_slows_the_teaching_of_the_base_too(make: Make) -> None:
    _, learner = make(PaRlConfig(SMALL, candidates=2, best=1, distil_every=1, distil_lr=4e-3))
    learner.guard.restore({"rollbacks": 1, "lr": 0.25})
    assert learner.improver.distillers["base"].param_groups[0]["lr"] == 1e-3


@pytest.mark.parametrize("head", [JointConfig(width=8), SlowFastConfig(fast=("position",))], ids=lambda h: h.name)
def test_a_base_that_learns_from_what_comes_later_cannot_be_taught(
    head: Any, cell: Workcell, point: SimpleNamespace
) -> None:
    config = OnlineConfig(PaRlConfig(SMALL, distil_every=1), evaluation_seeds=(9000,))
    with pytest.raises(TrainingError, match="cannot be taught"):
        Session(config, cell, base=base_with(head, point))
