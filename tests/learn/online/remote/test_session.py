"""Actor and learner apart: nothing is lost, parameters come in mid-episode, and a lost learner stops nobody unasked."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from robot_rl.datasets import Dataset
from robot_rl.hardware.teleop import Teleop
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online import deployed
from robot_rl.learn.online.best import BEST
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.improvers.rlpd import RlpdConfig
from robot_rl.learn.online.learner import Learner
from robot_rl.learn.online.person import attended
from robot_rl.learn.online.remote import publishing
from robot_rl.learn.online.remote import session as apart
from robot_rl.learn.online.remote.config import RemoteConfig
from robot_rl.learn.online.remote.learning import Learning
from robot_rl.learn.online.remote.link import Link
from robot_rl.learn.online.remote.server import ActorServer
from robot_rl.learn.online.remote.session import RemoteSession
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.session import Session
from robot_rl.learn.online.store import Store
from robot_rl.learn.online.workcell import Workcell

SMALL = SacConfig(critics=2, hidden=(16,), batch=16, utd=1)
CONFIG = OnlineConfig(
    RlpdConfig(SMALL), demo_share=0.0, steps=60, warmup=15, evaluate_every=1000, evaluation_seeds=(9000,), capacity=500
)
REMOTE = RemoteConfig(period=0.05, timeout=1.0, speed=0.0)
TOKEN = "secret"


class Bench:
    """A learner in a thread, as its process runs it, and what it takes to stop and start it again."""

    def __init__(self, directory: Path, spec: Any, config: OnlineConfig, remote: RemoteConfig) -> None:
        self.directory, self.spec, self.config, self.remote = directory, spec, config, remote
        self.episodes = Dataset.create(directory / "episodes", spec)
        self.failure = ""

    def start(self) -> Bench:
        learner = Learner(self.config, self.spec)
        self.learning = Learning(
            learner,
            Store(self.directory, learner),
            self.remote,
            deployed.describe(self.config, self.spec, {}),
            lambda: Dataset.open(self.directory / "episodes"),
        )
        self.learning.prepare(())
        self.server = ActorServer(TOKEN, lambda: self.learning.status, period=self.remote.period)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def _run(self) -> None:
        try:
            self.learning.run(self.server, self._end.is_set)
        except TrainingError as error:
            self.failure = str(error)

    def stop(self) -> None:
        self._end.set()
        self._thread.join()
        self.server.close()


@contextmanager
def at_work(
    cell: Workcell, directory: Path, config: OnlineConfig = CONFIG, remote: RemoteConfig = REMOTE
) -> Iterator[tuple[RemoteSession, Bench, list[str]]]:
    bench = Bench(directory, cell.robot.spec, config, remote).start()
    said: list[str] = []
    link = Link(lambda: (bench.server.address, TOKEN), remote)
    try:
        session = RemoteSession(config, cell, link, bench.episodes, say=said.append)
        session.begin()
        yield session, bench, said
    finally:
        link.close()
        bench.stop()
        bench.episodes.close()


def test_the_learner_gets_the_rows_that_it_would_have_had_in_process(cell: Workcell, tmp_path: Path) -> None:
    config = replace(CONFIG, warmup=60)
    with at_work(cell, tmp_path, config) as (session, bench, _):
        session.run()
        assert session._clock.speed == REMOTE.speed, "nobody but the recipe sets the pace"
    local = Session(config, cell)
    local.run()
    theirs, mine = bench.learning.learner.replay, local.learner.replay
    assert len(theirs) == len(mine) >= 60
    for name in ("action", "reward", "kind", "source", "phase", "step", "weight", "success", "outcome"):
        assert np.array_equal(theirs.columns[name], mine.columns[name]), name
    assert np.array_equal(theirs.observation["state"], mine.observation["state"])
    assert session.tally.to_dict() | {"seconds": 0} == local.tally.to_dict() | {"seconds": 0}


def test_each_robot_step_after_the_warm_up_is_learnt_from_once(cell: Workcell, tmp_path: Path) -> None:
    with at_work(cell, tmp_path) as (session, bench, _):
        session.run()
        assert bench.learning.learner.improver.updates == session.tally.robot_steps - CONFIG.warmup
        assert session.figures["lag_steps"] == 0 and session.figures["dropped"] == 0


def test_a_mark_that_is_taken_back_is_taken_back_where_it_is_learnt_from(
    cell: Workcell, point: SimpleNamespace, tmp_path: Path
) -> None:
    person = attended(cell.rules, point.presser({3: "success"}, {3: "undo"}), "decide")
    teleop = Teleop(point.spec, {"axes": {"x": "velocity.0", "y": "velocity.1"}})
    cell = replace(cell, operator=person.operator, teleop=teleop, judge=person.judge, undo=person.undo)
    with at_work(cell, tmp_path, replace(CONFIG, steps=20, warmup=100)) as (session, bench, said):
        session.run(stop=lambda: session.tally.episodes == 2)
        assert said == ["undo: the success of episode 0 is taken back; it counts as cut off"]
        assert (session.tally.successes, session.tally.recent) == (0, [False, False])
    columns = bench.learning.learner.replay.columns
    assert not columns["success"].any() and columns["reward"].sum() == 0
    assert bench.learning.tally.to_dict() == session.tally.to_dict()
    again = bench.start()
    assert again.learning.tally.successes == 0
    again.stop()


def test_parameters_arrive_in_the_middle_of_an_episode(cell: Workcell, tmp_path: Path) -> None:
    remote = replace(REMOTE, speed=5.0)
    with at_work(cell, tmp_path, replace(CONFIG, warmup=1), remote) as (session, _, _):
        applied: list[tuple[int, int]] = []
        apply = session.link.apply

        def noted(weights: Any) -> bool:
            fresh = apply(weights)
            if fresh:
                applied.append((session.tally.episodes, session.tally.robot_steps))
            return fresh

        session.link.apply = noted  # type: ignore[method-assign]
        session.run()
    assert len(applied) > len({episode for episode, _ in applied})


def test_the_agent_that_acts_becomes_the_agent_that_learns(cell: Workcell, tmp_path: Path) -> None:
    with at_work(cell, tmp_path) as (session, bench, _):
        session.run()
        time.sleep(4 * REMOTE.period)
        session.link.apply(session.agent.state_dict())
        theirs = bench.learning.learner.agent.state_dict()
        for name, value in session.agent.state_dict().items():
            assert torch.equal(value, theirs[name]), name


def test_the_best_policy_is_the_one_that_was_evaluated(
    cell: Workcell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluated: list[dict[str, torch.Tensor]] = []

    def seen(cell: Workcell, executor: Any, seeds: Any) -> list[tuple[bool, int]]:
        evaluated.append({n: v.clone() for n, v in executor.agent.state_dict().items()})
        time.sleep(6 * REMOTE.period)  # the learner goes on, and publishes
        return [(len(evaluated) == 1, 5)]

    monkeypatch.setattr(apart, "held_out", seen)
    with at_work(cell, tmp_path, replace(CONFIG, evaluate_every=30), replace(REMOTE, free=True)) as (session, bench, _):
        session.run()
        deadline = time.monotonic() + 5
        while len(bench.learning.curve) < len(session.curve) and time.monotonic() < deadline:
            time.sleep(0.02)
    assert len(evaluated) == 2 and session.curve[0].updates < session.link.updates
    best = deployed.load(tmp_path / BEST).agent.state_dict()
    assert all(torch.equal(v, evaluated[0][n]) for n, v in best.items())
    assert not all(torch.equal(v, evaluated[1][n]) for n, v in best.items())


def test_parameters_too_large_for_a_message_come_in_several_and_are_taken_up_together(
    cell: Workcell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "portions", partial(publishing.portions, limit=100))
    with at_work(cell, tmp_path) as (session, bench, _):
        session.run()
        time.sleep(4 * REMOTE.period)
        session.link.apply(session.agent.state_dict())
        theirs = bench.learning.learner.agent.state_dict()
        assert all(torch.equal(v, theirs[n]) for n, v in session.agent.state_dict().items())
    parts = publishing.portions({"a": np.zeros(9), "b": np.zeros(9)}, limit=80)
    assert [list(part) for part in parts] == [["a"], ["b"]]


def test_rows_that_do_not_fit_the_queue_come_from_the_data_set(cell: Workcell, tmp_path: Path) -> None:
    with at_work(cell, tmp_path, replace(CONFIG, steps=15), replace(REMOTE, queue=1)) as (session, bench, _):
        session.run()
        deadline = time.monotonic() + 5
        while len(bench.learning.learner.replay) < session.tally.robot_steps and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(bench.learning.learner.replay) == session.tally.robot_steps
        assert session.link.dropped > 0


def test_a_learner_that_comes_back_has_every_episode(cell: Workcell, tmp_path: Path) -> None:
    with at_work(cell, tmp_path, remote=replace(REMOTE, lost="continue")) as (session, bench, said):
        session.run(stop=lambda: session.tally.robot_steps >= 15)
        bench.stop()
        session.run(stop=lambda: session.tally.robot_steps >= 45)
        assert any("goes on with the parameters of update" in line for line in said)
        bench.start()
        deadline = time.monotonic() + 10
        while session.link.meetings < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        session.run()
        assert len(bench.learning.learner.replay) == session.tally.robot_steps
        assert bench.learning.tally.to_dict() == session.tally.to_dict()


def test_without_a_learner_the_robot_holds_until_it_is_back(cell: Workcell, tmp_path: Path) -> None:
    with at_work(cell, tmp_path) as (session, bench, said):
        session.run(stop=lambda: session.tally.robot_steps >= 15)
        steps = session.tally.robot_steps
        bench.stop()
        thread = threading.Thread(target=session.run)
        thread.start()
        time.sleep(1.0)
        assert session.tally.robot_steps <= steps + 15
        bench.start()
        thread.join(timeout=20)
        assert session.tally.robot_steps >= CONFIG.steps and session.waited > 0
        assert "the learner is back" in said


def test_without_a_learner_the_session_ends_where_the_rule_says_so(cell: Workcell, tmp_path: Path) -> None:
    with at_work(cell, tmp_path, remote=replace(REMOTE, lost="stop")) as (session, bench, said):
        session.run(stop=lambda: session.tally.robot_steps >= 15)
        bench.stop()
        while session.link.alive:
            time.sleep(0.02)
        session.run()
        assert session.tally.robot_steps < CONFIG.steps
        assert "the session ends here" in said[-1]


def test_a_learner_that_fails_says_why(cell: Workcell, tmp_path: Path) -> None:
    config = replace(CONFIG, guard=replace(CONFIG.guard, limit=1e-9, attempts=1))
    with at_work(cell, tmp_path, config) as (session, bench, _):
        with pytest.raises(TrainingError, match="diverged again after 1 roll-backs"):
            session.run()
        assert "diverged" in bench.failure


def test_an_actor_without_the_token_is_refused(cell: Workcell, tmp_path: Path) -> None:
    with at_work(cell, tmp_path) as (_, bench, _):
        link = Link(lambda: (bench.server.address, "another"), REMOTE)
        time.sleep(0.5)
        link.close()
        assert link.hello is None


def test_a_message_that_is_none_cuts_the_actor_off_and_harms_nothing(cell: Workcell, tmp_path: Path) -> None:
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    with at_work(cell, tmp_path) as (session, bench, _):
        before = session.link.meetings
        headers = {"Authorization": f"Api-Key {TOKEN}"}
        with connect(bench.server.address, additional_headers=headers, proxy=None) as stranger:
            stranger.send(b"\x80\x04\x95 a pickle")
            with pytest.raises(ConnectionClosed):
                while True:
                    stranger.recv(timeout=2)
        deadline = time.monotonic() + 5
        while session.link.meetings == before and time.monotonic() < deadline:
            time.sleep(0.02)
        session.run()
        assert len(bench.learning.learner.replay) == session.tally.robot_steps
