"""The learner's answers to its actor's messages, one by one."""

from __future__ import annotations

import queue
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from robot_rl.datasets import Dataset, Sample, Step
from robot_rl.datasets.edit.apply import apply
from robot_rl.learn.online import deployed
from robot_rl.learn.online.best import BEST
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.curve import make_point
from robot_rl.learn.online.improvers.rlpd import RlpdConfig
from robot_rl.learn.online.learner import Learner
from robot_rl.learn.online.remote import rows
from robot_rl.learn.online.remote.config import RemoteConfig
from robot_rl.learn.online.remote.learning import Learning
from robot_rl.learn.online.remote.server import GONE, HELLO
from robot_rl.learn.online.replay import FAILURE, SUCCESS
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.store import Store
from robot_rl.learn.online.tally import Tally
from robot_rl.learn.rewards.relabel import Label, RewardRelabel

CONFIG = OnlineConfig(
    RlpdConfig(SacConfig(critics=2, hidden=(16,), batch=16, utd=1, actor_lr=1e-2)),
    demo_share=0.0,
    warmup=1,
    evaluation_seeds=(9000,),
    capacity=500,
)


class Talk:
    """A learner, its session's data set, and what it says."""

    def __init__(self, directory: Path, point: SimpleNamespace) -> None:
        self.directory, self.point = directory, point
        self.dataset = Dataset.create(directory / "episodes", point.spec)
        self.said: list[dict[str, Any]] = []
        self.server: Any = SimpleNamespace(inbox=queue.Queue(), send=self.said.append)
        self.tally = Tally()
        self.curve: list[dict[str, Any]] = []
        self.start()

    def start(self) -> None:
        """Begin it, or again as its folder says."""
        learner = Learner(CONFIG, self.point.spec)
        facts = deployed.describe(CONFIG, self.point.spec, {})
        store, recorded = Store(self.directory, learner), lambda: Dataset.open(self.directory / "episodes")
        self.learning = Learning(learner, store, RemoteConfig(), facts, recorded)
        self.learning.prepare(())
        self.hear(HELLO)

    def hear(self, kind: str, **content: Any) -> None:
        """The learner gets a message."""
        self.learning._handle({"kind": kind, **content}, self.server)

    @property
    def hello(self) -> dict[str, Any]:
        """What it has said when it was met last."""
        return [m for m in self.said if m["kind"] == HELLO][-1]

    def steps(self, count: int, *, won: bool = False) -> list[Step]:
        """Of an episode that succeeds with its last step, or is cut off."""
        last = {"success": True, "terminated": True, "reward": 1.0} if won else {"truncated": True}
        return [self.point.step(t, **(last if t == count - 1 else {})) for t in range(count)]

    def send(self, name: str, steps: Iterable[Step], *, broken: bool = False) -> None:
        """An episode begins, and its rows come."""
        self.hear("begin", episode=name)
        sent = [rows.SentStep(self.row(t, broken=broken), step, t, 1.0) for t, step in enumerate(steps)]
        self.hear("rows", **rows.encode(sent))

    def row(self, t: int, *, broken: bool = False) -> dict[str, Any]:
        state = np.array([0.1 * t, 0.0, 0.5, np.nan if broken else 0.5], np.float32)
        return {"state": state, "chunk_step": np.array(0, np.int16)}

    def record(self, name: str, steps: Iterable[Step], *, success: bool, broken: bool = False) -> None:
        """The recorder has kept it."""
        steps, period = list(steps), self.point.spec.period_ns
        with self.dataset.new_episode(episode_id=name, purpose="deployment", seed=0) as writer:
            for t in range(len(steps) + 1):
                writer.add_sample(Sample("position", t * period, np.array([0.1 * t, 0.0])))
                writer.add_sample(Sample("goal", t * period, np.array([0.5, np.nan if broken else 0.5])))
                if t < len(steps):
                    writer.add_step(steps[t])
            writer.commit(success, end=len(steps) * period)
        self.tally.recorded(len(steps), 0, success, 0.0)

    def conclude(self, kind: str, **content: Any) -> None:
        """The episode is over, or an evaluation; the actor says how far it is."""
        noise = torch.Generator().get_state().numpy()
        self.hear(kind, tally=self.tally.to_dict(), curve=self.curve, exploration=noise, **content)

    def episode(self, name: str, count: int, *, won: bool = False, success: bool | None = None) -> None:
        """A whole one, sent as it was recorded."""
        steps, success = self.steps(count, won=won), won if success is None else success
        self.send(name, steps)
        self.record(name, steps, success=success)
        self.conclude("finish", row=self.row(count), success=success)


@pytest.fixture
def talk(point: SimpleNamespace, tmp_path: Path) -> Iterable[Talk]:
    made = Talk(tmp_path, point)
    yield made
    made.dataset.close()


def test_how_an_episode_ended_is_what_the_actor_says_not_what_a_step_says(talk: Talk) -> None:
    talk.episode("a", 5, won=True, success=False)
    talk.episode("b", 5, won=True)
    outcome = talk.learning.learner.replay.columns["outcome"]
    assert (outcome[:6] == FAILURE).all() and (outcome[6:12] == SUCCESS).all()
    assert talk.learning.recovered == 0


def test_steps_of_an_episode_that_is_fetched_are_owed_once(talk: Talk) -> None:
    talk.episode("a", 5)
    before, steps = talk.learning.owed, talk.steps(10)
    talk.send("b", steps[:8])
    assert talk.learning.owed == before + 8
    talk.record("b", steps, success=False)
    talk.conclude("fetch")
    assert talk.learning.owed == before + 10 and talk.learning.recovered == 1
    talk.send("c", steps)
    talk.hear(GONE)
    talk.record("c", steps, success=False)
    talk.hear(HELLO)
    assert talk.learning.owed == before + 20


def test_numbers_that_are_none_cost_their_episode_and_nothing_else(talk: Talk) -> None:
    talk.episode("a", 5)
    steps = talk.steps(4)
    talk.send("b", steps, broken=True)
    talk.record("b", steps, success=False, broken=True)
    talk.conclude("finish", row=talk.row(4), success=False)
    talk.hear(HELLO)
    assert talk.hello["tally"] == talk.learning.tally.to_dict() == talk.tally.to_dict()
    talk.start()
    talk.episode("c", 5)
    assert len(talk.learning.learner.replay) == 10 and talk.learning.tally.episodes == 3
    assert "b" in talk.learning.learner.replay


def test_what_was_taken_back_while_the_connection_was_broken_is_learnt_when_they_meet_again(talk: Talk) -> None:
    talk.episode("a", 5, won=True)
    replay = talk.learning.learner.replay
    assert replay.columns["reward"].sum() == 1 and talk.learning.tally.successes == 1
    apply(talk.dataset, RewardRelabel({0: Label("timeout", 4)}, "human"))
    talk.hear(HELLO)
    assert replay.columns["reward"].sum() == 0 and (replay.columns["outcome"][:6] == FAILURE).all()
    assert (talk.hello["tally"]["successes"], talk.hello["tally"]["recent"]) == (0, [False])


def test_the_best_policy_is_the_one_that_was_evaluated_whatever_was_learnt_meanwhile(talk: Talk) -> None:
    talk.episode("a", 20)
    learning = talk.learning
    agent, improver = learning.learner.agent, learning.learner.improver

    def learn(updates: int) -> None:
        for _ in range(updates):
            learning.learner.update()
        learning._publish(talk.server)

    learn(3)
    evaluated = {n: v.clone() for n, v in agent.state_dict().items()}
    talk.hear("evaluating", updates=3)
    for _ in range(8):
        learn(5)
    assert improver.updates == 43
    talk.curve.append(asdict(make_point(talk.tally, [(True, 5)], 10.0, 3, {})))
    talk.conclude("point")
    best = deployed.load(talk.directory / BEST).agent.state_dict()
    assert all(torch.equal(best[n], v) for n, v in evaluated.items())
    newest = deployed.load(talk.directory).agent.state_dict()
    assert not all(torch.equal(newest[n], v) for n, v in evaluated.items())
    assert learning.curve[-1].updates == 3


def test_an_evaluation_of_an_agent_that_is_not_known_here_leaves_the_best_as_it_is(
    talk: Talk, caplog: pytest.LogCaptureFixture
) -> None:
    talk.episode("a", 20)
    talk.hear("evaluating", updates=77)
    talk.curve.append(asdict(make_point(talk.tally, [(True, 5)], 10.0, 77, {})))
    talk.conclude("point")
    assert not (talk.directory / BEST).exists() and "best/ stays as it was" in caplog.text
    assert len(talk.learning.curve) == 1
