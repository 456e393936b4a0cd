"""An actor whose episodes others run: what the recorder keeps is learnt from once, and evaluations are not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from robot_rl.datasets import Dataset
from robot_rl.hardware.robot import Outcome
from robot_rl.learn.online import deployed
from robot_rl.learn.online.acting import AgentExecutor
from robot_rl.learn.online.best import BEST
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.improvers.rlpd import RlpdConfig
from robot_rl.learn.online.learner import Learner, make_improver, make_observer
from robot_rl.learn.online.remote.actor import Actor
from robot_rl.learn.online.remote.agenda import Agenda
from robot_rl.learn.online.remote.config import RemoteConfig
from robot_rl.learn.online.remote.learning import Learning
from robot_rl.learn.online.remote.link import Link
from robot_rl.learn.online.remote.server import ActorServer
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.store import Store
from robot_rl.learn.online.workcell import Workcell
from robot_rl.runtime.recorder import Recorder

CONFIG = OnlineConfig(
    RlpdConfig(SacConfig(critics=2, hidden=(16,), batch=16, utd=1)),
    demo_share=0.0,
    warmup=15,
    evaluation_seeds=(9000, 9001),
    capacity=500,
)
REMOTE = RemoteConfig(period=0.05, timeout=1.0)
TOKEN = "secret"


class Learns:
    """The learner of the session in a folder, in a thread as its node runs it."""

    def __init__(self, directory: Path, spec: Any) -> None:
        self.directory, self.spec = directory, spec
        self.start()

    def start(self) -> None:
        learner = Learner(CONFIG, self.spec)
        self.learning = Learning(
            learner,
            Store(self.directory, learner),
            REMOTE,
            deployed.describe(CONFIG, self.spec, {}),
            lambda: Dataset.open(self.directory / "episodes"),
        )
        self.learning.prepare(())
        self.server = ActorServer(TOKEN, lambda: self.learning.status, period=REMOTE.period)
        self._end = threading.Event()
        self._thread = threading.Thread(target=lambda: self.learning.run(self.server, self._end.is_set))
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        self._thread.join()
        self.server.close()

    @property
    def replay(self) -> Any:
        return self.learning.learner.replay


class Graph:
    """The nodes around an actor, in one process: who decides, executes, judges and records tells the actor."""

    def __init__(self, cell: Workcell, directory: Path, agenda: Agenda) -> None:
        self.cell, self.robot, self.arbiter, self.spec = cell, cell.robot, cell.arbiter, cell.robot.spec
        self.dataset = Dataset.create(directory / "episodes", self.spec)
        self.learner = Learns(directory, self.spec)
        self.link = Link(lambda: (self.learner.server.address, TOKEN), REMOTE)
        until(lambda: self.link.hello is not None)
        observer = make_observer(CONFIG, self.spec)
        self.executor = AgentExecutor(
            make_improver(CONFIG, self.spec, observer, None).agent, observer, torch.device("cpu"), 1
        )
        self.agenda = agenda
        self.actor = self.make_actor()
        self._overhear()
        self._begin: Callable[[], None] = lambda: None
        self.in_step: Callable[[int], None] = lambda step: None
        self.count = 0

    def make_actor(self) -> Actor:
        return Actor(CONFIG, self.executor, self.link, self.agenda, self.spec, expect_outcome=True)

    def _overhear(self) -> None:
        act, decide, send = self.executor.act, self.arbiter.decide, self.robot.send

        def acts(values: Any) -> Any:
            self._begin()
            self.actor.take_parameters()
            out = act(values)
            self.actor.observed(self.robot.clock.now())
            return out

        def decides(*arguments: Any) -> Any:
            decision = decide(*arguments)
            self.actor.gathering.decided(decision)
            self.in_step(self.steps)
            self.steps += 1
            return decision

        def sends(action: Any) -> Any:
            sent = send(action)
            self.actor.executed(self.robot.clock.now(), sent)
            return sent

        def judges() -> Any:
            verdict = Outcome()  # nobody succeeds: every episode takes its full time
            self.actor.gathering.outcome(self.robot.clock.now(), verdict)
            return verdict

        self.executor.act, self.arbiter.decide = acts, decides  # type: ignore[method-assign]
        self.robot.send, self.robot.outcome = sends, judges  # type: ignore[method-assign]

    def episode(self, *, keep: bool = True, miscounted: int = 0) -> int:
        """One episode as the agenda has it; returns its steps."""
        trial = self.actor.next_trial()
        purpose = "deployment" if trial is None else "evaluation"
        name, self.steps, self.count = f"e{self.count}", 0, self.count + 1

        def begin() -> None:
            self.actor.begin(name, self.robot.clock.now(), purpose)
            self._begin = lambda: None

        self._begin = begin
        recorder = Recorder(self.dataset)
        if not keep:
            recorder.end = lambda success, **attributes: recorder.discard() or 0  # type: ignore[method-assign]
        seed = self.count if trial is None else trial.seed
        result = self.cell.run(self.executor, seed, purpose, recorder, episode_id=name)
        ending = result.ending
        self.actor.gathering.end(
            ending.end_stamp, success=result.success, terminated=ending.terminated, truncated=ending.truncated
        )
        now = self.robot.clock.now()
        if self.actor.gathering.wants(now):
            self.executor.observe(self.robot.read().values)
            self.actor.observed(now)
        if keep:
            self.actor.conclude(ending.steps + miscounted, 0, result.success)
        else:
            self.actor.discard()
        return ending.steps

    def close(self) -> None:
        self.link.close()
        self.learner.stop()
        self.dataset.close()


def until(done: Callable[[], bool], timeout: float = 10.0) -> None:
    deadline = time.monotonic() + timeout
    while not done():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)


@pytest.fixture
def make(cell: Workcell, tmp_path: Path) -> Iterator[Callable[..., Graph]]:
    made = []

    def build(agenda: Agenda | None = None) -> Graph:
        made.append(Graph(cell, tmp_path, agenda or Agenda((), 100, at_once=False)))
        return made[-1]

    yield build
    for graph in made:
        graph.close()


def test_rows_arrive_in_the_middle_of_an_episode_and_it_counts_once(make: Callable[..., Graph]) -> None:
    graph = make()
    steps = graph.episode()
    until(lambda: graph.learner.learning.tally.episodes == 1)
    seen: list[int] = []

    def rows() -> int:
        return len(graph.learner.replay.newest(CONFIG.capacity)) - (steps + 1)

    def look(step: int) -> None:
        if step == 8:
            until(lambda: rows() > 0)
            seen.append(rows())

    graph.in_step = look
    steps += graph.episode()
    until(lambda: graph.learner.learning.tally.episodes == 2)
    assert seen and 1 <= seen[0] <= 8
    assert len(graph.learner.replay) == steps == graph.learner.learning.tally.robot_steps
    assert graph.learner.learning.recovered == 0 and graph.link.dropped == 0
    assert graph.learner.learning.tally.to_dict() == graph.actor.tally.to_dict()
    assert len(graph.learner.replay.views["decisions"]) == steps


def test_parameters_that_do_not_change_do_not_grow_old(make: Callable[..., Graph]) -> None:
    graph = make()
    graph.episode()
    graph.episode()
    until(lambda: graph.learner.learning.tally.episodes == 2 and graph.learner.learning.owed == 0)
    until(lambda: graph.link.updates == graph.learner.learning.learner.improver.updates)
    graph.actor.take_parameters()
    time.sleep(30 * REMOTE.period)
    figures = graph.link.figures()
    assert figures["stale_seconds"] < 20 * REMOTE.period and figures["stale_updates"] == 0


def test_an_episode_that_the_operator_drops_drops_its_rows(make: Callable[..., Graph]) -> None:
    graph = make()
    steps = graph.episode()
    graph.episode(keep=False)
    steps += graph.episode()
    until(lambda: graph.learner.learning.tally.episodes == 2)
    assert len(graph.learner.replay) == steps == graph.learner.learning.tally.robot_steps
    assert [e.attributes["episode_id"] for e in Dataset.open(graph.dataset.path)] == ["e0", "e2"]
    assert "e1" not in graph.learner.replay


def test_where_rows_and_recording_differ_the_recording_counts(make: Callable[..., Graph]) -> None:
    graph = make()
    steps = graph.episode(miscounted=1)
    until(lambda: graph.learner.learning.recovered == 1 and graph.learner.replay.current is None)
    steps += graph.episode()
    until(lambda: "e1" in graph.learner.replay and graph.learner.replay.current is None)
    assert len(graph.learner.replay) == steps


def test_a_learner_that_starts_anew_in_mid_episode_takes_it_from_the_data_set_once(make: Callable[..., Graph]) -> None:
    graph = make()
    steps = graph.episode()
    until(lambda: graph.learner.learning.tally.episodes == 1)

    def restart(step: int) -> None:
        if step == 8:
            meetings = graph.link.meetings
            graph.learner.stop()
            graph.learner.start()
            until(lambda: graph.link.meetings > meetings)

    graph.in_step = restart
    steps += graph.episode()
    graph.in_step = lambda step: None
    steps += graph.episode()
    until(lambda: graph.learner.learning.tally.episodes == 3)
    assert len(graph.learner.replay) == steps == graph.learner.learning.tally.robot_steps
    assert graph.learner.learning.recovered == 1


def test_an_evaluation_neither_learns_nor_explores_nor_is_learnt_from(make: Callable[..., Graph]) -> None:
    graph = make(Agenda(CONFIG.evaluation_seeds, 40, at_once=False))
    steps = graph.episode() + graph.episode() + graph.episode()
    until(lambda: graph.learner.learning.owed == 0 and graph.learner.learning.tally.robot_steps == steps)
    noise = graph.executor.generator.get_state()
    graph.actor.next_trial()
    weights = {n: v.clone() for n, v in graph.executor.agent.state_dict().items()}
    graph.link._fresh = {n: v + 1.0 for n, v in weights.items()}  # come in the middle of it
    modes = []
    graph.in_step = lambda step: modes.append((graph.executor.mode, graph.executor.agent.training))
    graph.episode(keep=False)  # dropped: the trial comes again
    graph.episode()
    graph.episode()
    assert set(modes) == {("mode", False)}
    assert all(torch.equal(v, weights[n]) for n, v in graph.executor.agent.state_dict().items())
    np.testing.assert_array_equal(graph.executor.generator.get_state(), noise)
    (point,) = graph.actor.curve
    assert (point.robot_steps, point.trials) == (steps, 2)
    until(lambda: (graph.dataset.path.parent / BEST / "agent.json").exists())  # the point counts before it is saved
    best = deployed.load(graph.dataset.path.parent / BEST)
    assert all(torch.equal(v, weights[n]) for n, v in best.agent.state_dict().items()), "it is what was evaluated"
    episodes = list(Dataset.open(graph.dataset.path))
    assert [e.attributes["purpose"] for e in episodes] == ["deployment"] * 3 + ["evaluation"] * 2
    assert [e.attributes["seed"] for e in episodes[3:]] == list(CONFIG.evaluation_seeds)
    graph.learner.stop()
    graph.learner.start()
    until(lambda: graph.link.meetings == 2)
    assert len(graph.learner.replay) == steps and graph.learner.learning.recovered == 0
    assert graph.actor.next_trial() is None


def test_the_next_actor_goes_on_where_the_session_stands(make: Callable[..., Graph], point: SimpleNamespace) -> None:
    graph = make(Agenda(CONFIG.evaluation_seeds, 20, at_once=True))
    graph.episode()
    graph.episode()
    graph.episode()
    until(lambda: graph.learner.learning.tally.episodes == 1)
    graph.learner.stop()
    graph.learner.start()
    until(lambda: graph.link.meetings == 2)
    graph.executor.generator.manual_seed(77)
    before, graph.agenda = graph.actor, Agenda(CONFIG.evaluation_seeds, 20, at_once=True)
    after = graph.make_actor()
    assert after.tally.to_dict() == before.tally.to_dict() and after.curve == before.curve
    np.testing.assert_array_equal(
        graph.executor.generator.get_state(), graph.link.hello["exploration"] if graph.link.hello else None
    )
