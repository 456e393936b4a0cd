"""What is published is the agent as it was: it waits in a queue while the learner goes on, and is known afterwards."""

from __future__ import annotations

from typing import Any

import torch

from robot_rl.learn.online.features import Features
from robot_rl.learn.online.improvers.residual import ResidualActor
from robot_rl.learn.online.remote.publishing import REMEMBERED, Publisher
from robot_rl.learn.online.scale import ActionScale
from robot_rl.spec import Field, Layout


def made() -> tuple[ResidualActor, Publisher]:
    action = Layout((Field("velocity", (2,), low=(-1, -1), high=(1, 1)),))
    agent = ResidualActor(Features(4), ActionScale(action), (8,), 0.1)
    return agent, Publisher(agent)


def change(agent: torch.nn.Module) -> None:
    with torch.no_grad():
        for parameter in agent.parameters():
            parameter.add_(1.0)


def test_weights_that_change_while_a_message_waits_do_not_change_the_message() -> None:
    agent, publisher = made()
    before = {n: v.clone() for n, v in agent.state_dict().items()}
    out: list[dict[str, Any]] = []
    publisher.send(publisher.changed(whole=True), 7, out.append)  # type: ignore[arg-type]
    change(agent)
    sent = {n: v for message in out for n, v in message["tensors"].items()}
    assert sent.keys() == before.keys()
    assert all(torch.equal(torch.from_numpy(sent[n]), v) for n, v in before.items())
    assert set(publisher.changed()) == {n for n, _ in agent.named_parameters()}


def test_the_agent_of_a_recent_publication_is_known_as_a_whole() -> None:
    agent, publisher = made()
    publisher.send(publisher.changed(whole=True), 0, lambda message: None)
    before = {n: v.clone() for n, v in agent.state_dict().items()}
    publisher.send(publisher.changed(), 3, lambda message: None)  # nothing has changed by then
    for updates in range(4, 4 + REMEMBERED - 1):
        change(agent)
        publisher.send(publisher.changed(), updates, lambda message: None)
    known = publisher.sent(3)
    assert known is not None and all(torch.equal(known[n], v) for n, v in before.items())
    newest = publisher.sent(4 + REMEMBERED - 2)
    assert newest is not None and all(torch.equal(newest[n], v) for n, v in agent.state_dict().items())
    assert publisher.sent(0) is None and publisher.sent(99) is None
