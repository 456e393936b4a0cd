"""Killed at any moment, a session loses nothing that was recorded, counts nothing twice, and goes on as if uncut."""

from __future__ import annotations

import importlib.util
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from robot_rl.datasets import Dataset
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.session import NAME, Session
from robot_rl.policies import storage

HERE = Path(__file__).parent
FOREVER = 10**6


@pytest.fixture(scope="module")
def worker() -> ModuleType:
    """The process that is killed, as a module."""
    spec = importlib.util.spec_from_file_location("point_session", HERE / "point_session.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def point(worker: ModuleType) -> ModuleType:
    return worker.load_point()


def kill_at_random(directory: Path, times: int, rng: random.Random) -> None:
    """Let the session run, and SIGKILL it a moment after it has saved something new, again and again."""
    command = [sys.executable, str(HERE / "point_session.py"), str(directory), str(FOREVER)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdin is not None and parent.stdout is not None
        file = directory / f"{NAME}.json"
        for _ in range(times):
            before = file.stat().st_mtime_ns if file.exists() else 0
            parent.stdin.write("\n")
            parent.stdin.flush()
            child = int(parent.stdout.readline())
            deadline = time.monotonic() + 60
            while (not file.exists() or file.stat().st_mtime_ns == before) and time.monotonic() < deadline:
                time.sleep(0.005)
            time.sleep(rng.uniform(0.0, 0.3))
            os.kill(child, signal.SIGKILL)


def check(session: Session) -> None:
    """The replay holds the newest recorded steps, each once, and the counts are those of the data set."""
    episodes = list(Dataset.open(session.dataset.path)) if session.dataset is not None else []
    ids = [str(e.attributes["episode_id"]) for e in episodes]
    assert len(ids) == len(set(ids)) == session.tally.episodes
    assert session.tally.robot_steps == sum(len(e) for e in episodes)
    assert session.tally.successes == sum(bool(e.attributes["success"]) for e in episodes)
    replay = session.learner.replay
    executed = np.concatenate([e.steps["executed"] for e in episodes]).astype(np.float32)
    rows = replay.views["all"].rows
    order = np.lexsort((replay.columns["step"][rows], replay.columns["episode"][rows]))
    kept = replay.columns["action"][rows][order]
    assert len(kept) > 50
    assert np.array_equal(kept, executed[-len(kept) :])


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_sigkill_at_random_moments_loses_no_episode_and_counts_none_twice(
    tmp_path: Path, worker: ModuleType, point: ModuleType, kills: int
) -> None:
    directory = tmp_path / "session"
    directory.mkdir()
    kill_at_random(directory, kills, random.Random(kills))
    session = worker.point_session(directory, FOREVER, point)
    session.run(stop=lambda: session.tally.robot_steps >= 200)
    check(session)


def test_cut_off_in_the_middle_of_an_episode_it_goes_on_as_the_uninterrupted_one(
    tmp_path: Path, worker: ModuleType, point: ModuleType
) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    session = worker.point_session(whole, 150, point)
    learn, cuts = session._learn, {37: "a", 100: "b"}

    def learn_and_copy(step: object) -> None:
        learn(step)
        if session.tally.robot_steps in cuts:
            shutil.copytree(whole, tmp_path / cuts[session.tally.robot_steps])

    session._learn = learn_and_copy  # type: ignore[method-assign]
    session.run()
    for cut in cuts.values():
        resumed = worker.point_session(tmp_path / cut, 150, point)
        assert 0 < resumed.tally.robot_steps < 150 and resumed.recovered == 0
        resumed.run()
        (theirs, said), (mine, document) = (saved(tmp_path / cut), saved(whole))
        assert theirs.keys() == mine.keys()
        for name, tensor in mine.items():
            assert torch.equal(theirs[name], tensor), name
        assert said == document
        for name, values in session.learner.replay.observation.items():
            assert np.array_equal(resumed.learner.replay.observation[name], values), name


def saved(directory: Path) -> tuple[dict[str, torch.Tensor], dict[str, object]]:
    """What lies there, without wall times and checksums of files."""
    document = storage.read_document(directory, NAME)
    tensors = storage.read_tensors(directory, document)
    document["tally"].pop("seconds")
    for key in ("tensors", "curve"):
        document.pop(key)
    return tensors, document


def half_done(directory: Path, worker: ModuleType, point: ModuleType) -> Session:
    """A session of 60 steps that was left after 30."""
    directory.mkdir()
    session = worker.point_session(directory, 60, point)
    session.run(stop=lambda: session.tally.robot_steps >= 30)
    return session


def test_an_episode_recorded_but_not_saved_is_learnt_from_and_counted_once(
    tmp_path: Path, worker: ModuleType, point: ModuleType
) -> None:
    directory = tmp_path / "session"
    session = half_done(directory, worker, point)
    session._episode()
    counts = session.tally.to_dict() | {"seconds": 0}
    session.dataset.close()
    again = worker.point_session(directory, 60, point)
    assert again.recovered == 1
    assert again.tally.to_dict() | {"seconds": 0} == counts
    assert len(again.learner.replay) == again.tally.robot_steps
    again.dataset.close()
    assert worker.point_session(directory, 60, point).recovered == 1  # nothing was saved in between


def test_a_full_disk_is_said_and_leaves_the_session_as_it_was_saved(
    tmp_path: Path, worker: ModuleType, point: ModuleType
) -> None:
    directory = tmp_path / "session"
    session = half_done(directory, worker, point)
    before, steps = saved(directory), session.tally.robot_steps
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, limits[1]))
    try:
        with pytest.raises(TrainingError, match=r"cannot be saved: .*\. What was saved before is whole"):
            session.save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    after = saved(directory)
    assert after[1] == before[1]
    session.dataset.close()
    assert worker.point_session(directory, 60, point).tally.robot_steps == steps


def test_changes_of_the_configuration_are_listed_and_can_be_accepted(
    tmp_path: Path, worker: ModuleType, point: ModuleType
) -> None:
    cell = worker.Workcell(point.Point(), worker.Arbiter(point.SPEC, point.LIMITS), worker.EpisodeRules(max_steps=15))
    config = worker.config(30)
    Session(config, cell, directory=tmp_path).run()
    slower = replace(config, improver=worker.RlpdConfig(replace(worker.SMALL, actor_lr=1e-5)), steps=45)
    with pytest.raises(TrainingError, match=r"improver\.sac\.actor_lr was 0\.0003, now 1e-05\n.*--accept-changes"):
        Session(slower, cell, directory=tmp_path)
    session = Session(slower, cell, directory=tmp_path, accept_changes=True)
    assert session.tally.robot_steps >= 30
    assert session.learner.improver.optimizers["actor"].param_groups[0]["lr"] == 1e-5  # type: ignore[attr-defined]
