"""The average of an agent's weights: against values worked by hand, and when it acts."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Generator, nn

from robot_rl.learn.online.actors import Actor
from robot_rl.learn.online.features import Features
from robot_rl.learn.online.sac import Sac, SacConfig
from robot_rl.learn.online.scale import ActionScale
from robot_rl.learn.online.steady import Steady


class Knob(nn.Module):
    """One number that is trained, and one that is not."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor([value]))
        self.fixed = nn.Parameter(torch.tensor([7.0]), requires_grad=False)


def test_the_average_follows_quickly_at_first_and_then_by_its_decay() -> None:
    knob = Knob(0.0)
    steady = Steady(knob, 0.15)
    knob.value.data.fill_(10.0)
    steady.follow(knob)
    assert steady.weights[0].item() == pytest.approx(9.0)  # d = 1/10
    knob.value.data.fill_(0.0)
    steady.follow(knob)
    assert steady.weights[0].item() == pytest.approx(9.0 * 0.15)  # d = min(.15, 2/11)
    assert steady.names == ("value",)
    assert knob.fixed.item() == 7.0


def test_the_agent_has_the_average_within_and_its_own_weights_after_even_when_acting_fails() -> None:
    knob = Knob(1.0)
    steady, own = Steady(knob, 0.5), knob.value
    own.data.fill_(3.0)
    with pytest.raises(RuntimeError, match="no answer"), steady.acting(knob):
        assert knob.value.item() == 1.0
        raise RuntimeError("no answer")
    assert knob.value is own
    assert own.item() == 3.0
    assert steady.weights[0].item() == 1.0


def actor(point: SimpleNamespace) -> Actor:
    torch.manual_seed(0)
    return Actor(Features(3), ActionScale(point.spec.action), (8,))


def test_it_acts_when_deployed_and_never_when_exploring(point: SimpleNamespace) -> None:
    agent, seen = actor(point), {"state": torch.randn(4, 3)}
    sac = Sac(SacConfig(critics=2, hidden=(8,), averaging=0.99), agent, torch.device("cpu"), seed=0)
    before = agent.respond(seen, "mode", Generator()).actions
    explored = agent.respond(seen, "sample", Generator().manual_seed(1)).actions
    assert not torch.equal(explored, before)
    with torch.no_grad():
        for p in agent.trained():
            p.add_(0.5)
    assert torch.equal(agent.respond(seen, "mode", Generator()).actions, before)
    newest = agent.respond(seen, "sample", Generator().manual_seed(1)).actions
    assert not torch.allclose(newest, explored)
    assert "steady.weights.0" in sac.modules["actor"].state_dict()


def test_it_travels_with_the_agents_state_and_is_not_trained(point: SimpleNamespace) -> None:
    config = SacConfig(critics=2, hidden=(8,), averaging=0.99)
    here, there = actor(point), actor(point)
    sac = Sac(config, here, torch.device("cpu"), seed=0)
    Sac(config, there, torch.device("cpu"), seed=0)
    with torch.no_grad():
        for p in here.trained():
            p.add_(1.0)
    sac.actor.steady.follow(here)  # type: ignore[union-attr]
    there.load_state_dict(here.state_dict())
    seen = {"state": torch.randn(4, 3)}
    answers = [agent.respond(seen, "mode", Generator()).actions for agent in (here, there)]
    assert torch.equal(*answers)
    optimised = {id(p) for o in sac.optimizers.values() for g in o.param_groups for p in g["params"]}
    assert not optimised & {id(p) for p in here.steady.weights}  # type: ignore[union-attr]


def test_without_averaging_nothing_is_kept(point: SimpleNamespace) -> None:
    agent = actor(point)
    Sac(SacConfig(critics=2, hidden=(8,)), agent, torch.device("cpu"), seed=0)
    assert agent.steady is None
    assert not [n for n in agent.state_dict() if n.startswith("steady")]
