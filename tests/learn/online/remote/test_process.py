"""The learner as a process: started, killed, started again; actor and learner killed at random lose nothing."""

from __future__ import annotations

import json
import os
import queue
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from robot_rl.datasets import Dataset
from robot_rl.hardware import config as hardware_config
from robot_rl.learn.config import TrainingError
from robot_rl.learn.online.config import OnlineConfig
from robot_rl.learn.online.folder import EPISODES
from robot_rl.learn.online.improvers.rlpd import RlpdConfig
from robot_rl.learn.online.recipe import Recipe, save
from robot_rl.learn.online.remote.config import RemoteConfig
from robot_rl.learn.online.remote.link import Link
from robot_rl.learn.online.remote.process import LearnerProcess
from robot_rl.learn.online.remote.session import RemoteSession
from robot_rl.learn.online.sac import SacConfig
from robot_rl.learn.online.workcell import workcell

SMALL = SacConfig(critics=2, hidden=(16,), batch=16, utd=1)
RECIPE = Recipe(
    robot="sim_pegslot",
    online=OnlineConfig(
        RlpdConfig(SMALL),
        demo_share=0.0,
        steps=150,
        warmup=30,
        evaluate_every=100_000,
        evaluation_seeds=(1_000_000,),
        capacity=2000,
    ),
    remote=RemoteConfig(period=0.1, timeout=2.0, speed=0.0),
)


def test_a_learner_that_is_killed_is_started_again_and_lacks_nothing(tmp_path: Path) -> None:
    save(RECIPE, tmp_path)
    process = LearnerProcess(tmp_path, restarts=1)
    setup = hardware_config.load(RECIPE.robot)
    link = Link(process.where, RECIPE.remote)
    try:
        with workcell(RECIPE.robot) as cell, Dataset.create(tmp_path / EPISODES, setup.spec) as dataset:
            session = RemoteSession(RECIPE.online, cell, link, dataset)
            session.begin()
            session.run(stop=lambda: session.tally.robot_steps >= 60)
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            session.run()
            assert process.starts == 2 and link.meetings == 2
    finally:
        link.close()
        process.close()
    check(tmp_path, session.tally.robot_steps)


def test_a_learner_that_is_still_preparing_is_ended_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asleep = tmp_path / "asleep"
    asleep.write_text("#!/bin/sh\nexec sleep 20\n")
    asleep.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(asleep))
    process, said = LearnerProcess(tmp_path, restarts=0), queue.Queue[str]()

    def ask() -> None:
        try:
            process.address()
        except TrainingError as error:
            said.put(str(error))

    threading.Thread(target=ask, daemon=True).start()
    deadline = time.monotonic() + 10
    while process.pid is None and time.monotonic() < deadline:
        time.sleep(0.01)
    begun = time.monotonic()
    process.close(timeout=0.5)
    assert time.monotonic() - begun < 5
    assert said.get(timeout=5) == "the learner has been ended"
    with pytest.raises(TrainingError, match="has been ended"):
        process.address()


def test_a_learner_that_prepares_ends_with_its_parent() -> None:
    prepares = (
        "import sys, threading, time; from robot_rl.learn.online.remote.process import _watch; "
        "told, ready = threading.Event(), threading.Event(); "
        "threading.Thread(target=_watch, args=(sys.stdin, told, ready), daemon=True).start(); "
        "print('there', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", prepares], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None and child.stdout is not None
    try:
        assert child.stdout.readline() == "there\n"
        child.stdin.close()
        assert child.wait(timeout=10) == 0
    finally:
        child.kill()
        child.wait()


@pytest.mark.slow
def test_a_learner_that_dies_too_often_is_not_started_any_more(tmp_path: Path) -> None:
    save(replace(RECIPE, robot="sim_nothing"), tmp_path)
    process = LearnerProcess(tmp_path, restarts=0)
    with pytest.raises(TrainingError, match="sim_nothing"):
        process.address()
    with pytest.raises(TrainingError, match="died 1 times"):
        process.address()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_actor_learner_or_both_killed_twenty_times_lose_no_episode(tmp_path: Path) -> None:
    rng = random.Random(0)
    save(replace(RECIPE, online=replace(RECIPE.online, steps=10**6)), tmp_path)
    command = [sys.executable, "-m", "robot_rl.cli", "finetune", "--resume", str(tmp_path), "--processes", "2"]
    for _ in range(20):
        before = steps(tmp_path)
        actor = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 120
        while steps(tmp_path) <= before and time.monotonic() < deadline:
            if actor.poll() is not None and actor.stderr is not None:
                pytest.fail(actor.stderr.read())
            time.sleep(0.02)
        time.sleep(rng.uniform(0.0, 0.5))
        whom = rng.choice(("actor", "learner", "both"))
        learner = learner_of(actor.pid)
        if whom != "actor" and learner is not None:
            os.kill(learner, signal.SIGKILL)
        if whom == "learner":
            time.sleep(rng.uniform(0.0, 8.0))
        actor.send_signal(signal.SIGKILL)
        actor.wait()
    assert subprocess.run([*command, "--steps", str(steps(tmp_path) + 1)], timeout=300, check=False).returncode == 0
    check(tmp_path, steps(tmp_path))


def learner_of(actor: int) -> int | None:
    """The process that the actor has started."""
    found = [
        int(child)
        for task in Path(f"/proc/{actor}/task").glob("*/children")
        for child in task.read_text().split()
        if b"remote.process" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]
    return found[0] if found else None


def steps(directory: Path) -> int:
    """Robot steps of the session as it is saved."""
    file = directory / "session.json"
    return int(json.loads(file.read_text())["tally"]["robot_steps"]) if file.exists() else 0


def check(directory: Path, expected: int) -> None:
    """Data set, replay and counts agree, and no episode is there twice."""
    episodes = list(Dataset.open(directory / EPISODES))
    ids = [str(e.attributes["episode_id"]) for e in episodes]
    document = json.loads((directory / "session.json").read_text())
    assert len(ids) == len(set(ids)) == document["tally"]["episodes"]
    assert sum(len(e) for e in episodes) == document["tally"]["robot_steps"] == expected
    assert sorted(document["learner"]["replay"]["ids"]) == sorted(ids)
    assert document["learner"]["replay"]["count"] == sum(len(e) + 1 for e in episodes)
