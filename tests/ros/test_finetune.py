"""`robot-rl launch finetune`: an agent acts behind ROS, a person takes over, a learner learns from each step."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs robot_rl[ros]")
pytest.importorskip("torch", reason="needs robot_rl[train]")

import rclpy  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from robot_rl.datasets import Dataset, Source  # noqa: E402
from robot_rl.hardware import config as hardware_config  # noqa: E402
from robot_rl.learn.config import TrainingError  # noqa: E402
from robot_rl.learn.online import recipe  # noqa: E402
from robot_rl.learn.online.config import OnlineConfig  # noqa: E402
from robot_rl.learn.online.directions import PracticeConfig  # noqa: E402
from robot_rl.learn.online.folder import BASE, EPISODES  # noqa: E402
from robot_rl.learn.online.improvers.dsrl import NOISE, DsrlConfig  # noqa: E402
from robot_rl.learn.online.improvers.rlpd import RlpdConfig  # noqa: E402
from robot_rl.learn.online.learner import Learner  # noqa: E402
from robot_rl.learn.online.recipe import Recipe  # noqa: E402
from robot_rl.learn.online.remote import address  # noqa: E402
from robot_rl.learn.online.remote.config import RemoteConfig  # noqa: E402
from robot_rl.learn.online.replay import CHUNK_STEP, FINAL, Replay  # noqa: E402
from robot_rl.learn.online.sac import SacConfig  # noqa: E402
from robot_rl.learn.online.store import Store  # noqa: E402
from robot_rl.learn.rewards.storage import load_classifier  # noqa: E402
from robot_rl.policies import checkpoint  # noqa: E402
from robot_rl.policies.chunk_policy import ChunkPolicy  # noqa: E402
from robot_rl.policies.config import PolicyConfig  # noqa: E402
from robot_rl.policies.flow import FlowConfig  # noqa: E402
from robot_rl.policies.normalization import Statistics  # noqa: E402
from robot_rl.rewards.classifier import judge_pictures  # noqa: E402
from robot_rl.rewards.judge import ClassifierJudge, Trained  # noqa: E402
from robot_rl.ros.learner_node import LearnerNode  # noqa: E402
from robot_rl.runtime.launch.domain import claim_domain  # noqa: E402
from robot_rl.spec import Layout  # noqa: E402

SMALL = SacConfig(critics=2, hidden=(16,), batch=16, utd=1)
RECIPE = Recipe(
    robot="sim_pegslot",
    online=OnlineConfig(
        RlpdConfig(SMALL), demo_share=0.0, warmup=20, capacity=2000, evaluation_seeds=(1_000_000, 1_000_001)
    ),
    remote=RemoteConfig(period=0.2, timeout=3.0),
)
SCRIPTS = Path(__file__).parents[2] / "ros2_ws" / "src" / "robot_rl" / "scripts"


def command(session: Path, **arguments: str) -> list[str]:
    """The launch as a user types it."""
    start = [sys.executable, "-m", "robot_rl.cli", "launch", "finetune", f"session:={session}", "device:=scripted"]
    return [*start, *(f"{k}:={v}" for k, v in arguments.items())]


def finetune(session: Path, **arguments: str) -> subprocess.CompletedProcess[str]:
    """The same in lockstep, to its end."""
    given = command(session, lockstep="true", **arguments)
    return subprocess.run(given, capture_output=True, text=True, timeout=110, check=False)


def document(session: Path) -> dict[str, Any]:
    out: dict[str, Any] = json.loads((session / "session.json").read_text())
    return out


def replays(session: Path) -> tuple[Replay, Replay, list[Any]]:
    """What the session learnt from, what its recorded episodes alone give, and these."""
    plan = recipe.load(session / recipe.FILE)
    spec = hardware_config.load(plan.robot).spec
    base = checkpoint.load(session / BASE) if (session / BASE).is_dir() else None
    mine, recorded = Learner(plan.online, spec, base), Learner(plan.online, spec, base)
    Store(session, mine).restore()
    episodes = [e for e in Dataset.open(session / EPISODES) if e.attributes["purpose"] == "deployment"]
    recorded.add_own(episodes)
    return mine.replay, recorded.replay, episodes


def require_same(mine: Replay, recorded: Replay, fields: tuple[str, ...]) -> None:
    assert list(mine.state()[1]["ids"]) == list(recorded.state()[1]["ids"])
    count = mine.state()[1]["count"]
    assert count == recorded.state()[1]["count"]
    steps = recorded.columns["kind"][:count] != FINAL
    np.testing.assert_array_equal(mine.columns["kind"][:count] != FINAL, steps)
    for name, column in recorded.columns.items():
        np.testing.assert_array_equal(mine.columns[name][:count][steps], column[:count][steps], err_msg=name)
    for name in fields:
        np.testing.assert_array_equal(mine.observation[name][:count], recorded.observation[name][:count], err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("launches", [(3,), (3, 2)])
def test_a_session_learns_from_every_step_once(tmp_path: Path, launches: tuple[int, ...]) -> None:
    session, seed = tmp_path / "session", sum(launches)
    recipe.save(RECIPE, session)
    for count in launches:
        result = finetune(session, episodes=str(count), trials="0")
        assert result.returncode == 0, result.stdout + result.stderr
    tally, (mine, recorded, episodes) = document(session)["tally"], replays(session)
    assert [e.attributes["seed"] for e in episodes] == list(range(seed))
    assert tally["episodes"] == seed
    assert tally["robot_steps"] == sum(len(e) for e in episodes)
    assert tally["human_steps"] == sum(int((e.steps["source"] == Source.HUMAN).sum()) for e in episodes) > 0
    require_same(mine, recorded, ("state",))
    assert len(mine.views["decisions"]) == sum(int((e.steps["source"] == Source.POLICY).sum()) for e in episodes) > 0
    assert (session / "agent.json").is_file()


@pytest.mark.slow
def test_an_agent_that_keeps_notes_learns_from_what_it_noted(tmp_path: Path) -> None:
    """DSRL: the noise that a chunk began from, and a human who steps in."""
    session = tmp_path / "session"
    spec = hardware_config.load("sim_pegslot").spec
    inputs = Layout((spec.observation["tip"], spec.observation["slot"]))
    statistics = {f.name: Statistics.of(np.eye(f.size)) for f in inputs.values()}
    statistics["action"] = Statistics.of(0.02 * np.eye(spec.action.size))
    policy = PolicyConfig(horizon=4, n_action_steps=4, head=FlowConfig(width=16, sampling_steps=2))
    checkpoint.save(session / BASE, ChunkPolicy(spec, inputs, policy, statistics), statistics)
    online = replace(RECIPE.online, improver=DsrlConfig(replace(SMALL, target_entropy=0.0), steps=4))
    recipe.save(replace(RECIPE, online=online), session)
    result = finetune(session, episodes="3", trials="0")
    assert result.returncode == 0, result.stdout + result.stderr
    mine, recorded, _ = replays(session)
    require_same(mine, recorded, ("state",))
    asked, count = mine.views["decisions"].rows, mine.state()[1]["count"]
    source, step = mine.columns["source"][:count], mine.observation[CHUNK_STEP][:count]
    assert len(asked) >= 3 and (step[asked] == 0).all() and step.max() == 3
    assert (np.abs(mine.observation[NOISE][asked]).max(axis=1) > 0.0).all()
    assert (mine.observation[NOISE][:count][source != Source.POLICY] == 0.0).all()
    follows = np.flatnonzero(step > 0)
    np.testing.assert_array_equal(mine.observation[NOISE][follows], mine.observation[NOISE][follows - 1])
    assert document(session)["learner"]["improver"]


@pytest.mark.slow
def test_evaluations_are_run_in_between_and_kept_apart(tmp_path: Path) -> None:
    session = tmp_path / "session"
    recipe.save(RECIPE, session)
    result = finetune(session, episodes="4", trials="2", evaluate_every="50", seed="5")
    assert result.returncode == 0, result.stdout + result.stderr
    every = [(e.attributes["purpose"], e.attributes["seed"]) for e in Dataset.open(session / EPISODES)]
    assert [seed for purpose, seed in every if purpose == "deployment"] == [5, 6, 7, 8]
    trials = [seed for purpose, seed in every if purpose == "evaluation"]
    curve = json.loads((session / "curve.json").read_text())
    assert len(curve) >= 1 and trials == [1_000_000, 1_000_001] * len(curve)
    said, report = result.stdout + result.stderr, (session / "report.html").read_text()
    assert "of 8000 robot steps: " in said and f"report: {session / 'report.html'}" in said
    assert "2 trials of the policy&#x27;s mean action" in report and f"{curve[-1]['successes']}/2" in report
    assert all(p["trials"] == 2 and p["human_steps"] >= 0 for p in curve)
    mine, recorded, _ = replays(session)
    require_same(mine, recorded, ("state",))
    for e in Dataset.open(session / EPISODES):
        if e.attributes["purpose"] == "evaluation":
            assert not (e.steps["source"] == Source.HUMAN).any()
    again = finetune(session, episodes="1", trials="0", seed="5")
    assert again.returncode == 0, again.stdout + again.stderr
    require_same(*replays(session)[:2], ("state",))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_killed_learner_and_a_dropped_episode_cost_nothing_that_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In real time: SIGKILL in mid-episode, the learner started again by hand, and one episode dropped."""
    session = tmp_path / "session"
    recipe.save(replace(RECIPE, remote=replace(RECIPE.remote, lost="continue")), session)
    monkeypatch.setenv("ROS_DOMAIN_ID", str(claim_domain()))
    log = (tmp_path / "log").open("wb")
    graph = subprocess.Popen(command(session, episodes="0", trials="0"), stdout=log, stderr=subprocess.STDOUT)
    learner = None
    try:
        until(lambda: episodes_of(session) >= 1, 100)
        os.kill(learner_of(graph.pid), signal.SIGKILL)
        before = episodes_of(session)
        until(lambda: episodes_of(session) > before, 30)
        given = ["--ros-args", "-p", "robot:=sim_pegslot", "-p", f"session:={session}"]
        learner = subprocess.Popen([sys.executable, str(SCRIPTS / "learner_node"), *given], stdout=log, stderr=log)
        call("discard")
        until(lambda: (tmp_path / "log").read_text().count("robot steps so far") == 2, 40)
        back = episodes_of(session)
        until(lambda: document(session)["tally"]["episodes"] >= back + 2, 40)
        graph.send_signal(signal.SIGINT)
        graph.wait(timeout=30)
        learner.send_signal(signal.SIGINT)
        assert learner.wait(timeout=30) == 0
    finally:
        for process in (graph, learner):
            if process is not None and process.poll() is None:
                process.kill()
    mine, recorded, episodes = replays(session)
    assert document(session)["tally"]["robot_steps"] == sum(len(e) for e in episodes)
    assert len(mine) == len(recorded) == sum(len(e) for e in episodes)
    assert {n: int(v.sum()) for n, v in mine.columns.items() if n in ("source", "phase", "success")} == {
        n: int(v.sum()) for n, v in recorded.columns.items() if n in ("source", "phase", "success")
    }


def until(done: Callable[[], bool], timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while not done():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.1)


def episodes_of(session: Path) -> int:
    return len(Dataset.open(session / EPISODES)) if (session / EPISODES / "zarr.json").is_file() else 0


def learner_of(launch: int) -> int:
    """The learner's process among those that the launch has started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words, stat = (folder / "cmdline").read_bytes(), (folder / "stat").read_text()
        except OSError:
            continue
        parents = stat.rsplit(")", 1)[1].split()
        if b"learner_node" in words and launch in (int(parents[1]), int(parents[2]), int(parents[3])):
            found.append(int(folder.name))
    assert len(found) == 1, found
    return found[0]


def call(service: str) -> None:
    """The operator presses a key: `discard` drops the episode that is running."""
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node("hand", context=context)
    executor = rclpy.executors.SingleThreadedExecutor(context=context)
    executor.add_node(node)
    client = node.create_client(Trigger, f"episode/{service}")
    answer = Trigger.Response()
    deadline = time.monotonic() + 20
    while not answer.success and time.monotonic() < deadline:
        if client.wait_for_service(timeout_sec=1.0):
            future = client.call_async(Trigger.Request())
            executor.spin_until_future_complete(future, timeout_sec=2.0)
            answer = future.result() or answer
    node.destroy_node()
    context.try_shutdown()
    assert answer.success, answer.message


def test_a_learner_takes_a_bare_name_of_demonstrations_as_every_command_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBOT_RL_WORKSPACE", str(tmp_path / "lab"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "zarr.json").touch()
    monkeypatch.setattr(LearnerNode, "_learn", lambda node: None)
    recipe.save(RECIPE, tmp_path / "session")
    given = [f"session:={tmp_path / 'session'}", "robot:=sim_pegslot", "dataset:=here,there", "accept_changes:=true"]
    rclpy.init(args=["--ros-args", *(part for p in given for part in ("-p", p))])
    node = LearnerNode()
    try:
        assert node._recipe().dataset == (str(tmp_path / "here"), str(tmp_path / "lab" / "datasets" / "there"))
    finally:
        node.close()
        node.destroy_node()
        rclpy.try_shutdown()


@pytest.mark.slow
def test_a_learner_without_a_recipe_ends_in_one_line_and_tells_whoever_waits(tmp_path: Path) -> None:
    given = [f"session:={tmp_path}", "robot:=sim_pegslot", "recipe:=rlpd_pegslto"]
    parameters = [part for p in given for part in ("-p", p)]
    learner = [sys.executable, str(SCRIPTS / "learner_node"), "--ros-args", *parameters]
    result = subprocess.run(learner, capture_output=True, text=True, timeout=110, check=False)
    said = "no fine-tuning recipe 'rlpd_pegslto'. Did you mean 'rlpd_pegslot'?"
    assert result.returncode == 1 and said in result.stderr and "Traceback" not in result.stderr
    with pytest.raises(TrainingError, match="'rlpd_pegslto'"):
        address.find(tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_success_that_is_taken_back_is_no_success_for_record_replay_and_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In real time: the operator says success, and takes it back while the next episode is under way."""
    session, said = tmp_path / "session", tmp_path / "log"
    recipe.save(RECIPE, session)
    monkeypatch.setenv("ROS_DOMAIN_ID", str(claim_domain()))
    given = command(session, episodes="0", trials="0", intervene="false")
    graph = subprocess.Popen(given, stdout=said.open("wb"), stderr=subprocess.STDOUT)
    try:
        until(lambda: episodes_of(session) >= 1, 100)
        call("success")
        until(lambda: ": success in" in said.read_text(), 40)
        call("undo")
        until(lambda: "is taken back" in said.read_text(), 60)
        until(lambda: episodes_of(session) >= 4, 60)
        graph.send_signal(signal.SIGINT)
        graph.wait(timeout=30)
    finally:
        if graph.poll() is None:
            graph.kill()
    found = re.search(r"undo: the success of episode (\d+) is taken back", said.read_text())
    assert found is not None
    episode = Dataset.open(session / EPISODES).episode(int(found[1]))
    assert episode.success is False and episode.steps["truncated"][-1] and not episode.steps["reward"].any()
    mine, recorded, episodes = replays(session)
    require_same(mine, recorded, ())
    tally = document(session)["tally"]
    assert tally["episodes"] == len(episodes) and tally["successes"] == sum(bool(e.success) for e in episodes)


@pytest.mark.slow
def test_resets_that_the_robot_drives_are_counted_and_neither_recorded_nor_learnt_from(tmp_path: Path) -> None:
    session = tmp_path / "session"
    recipe.save(replace(RECIPE, robot="sim_pickinsert", reset="scripted"), session)
    given = {"robot": "sim_pickinsert", "intervene": "false", "max_steps": "12"}
    result = finetune(session, episodes="4", trials="2", evaluate_every="30", **given)
    assert result.returncode == 0, result.stdout + result.stderr
    mine, recorded, episodes = replays(session)
    require_same(mine, recorded, ("state",))
    assert [len(e) for e in episodes] == [12] * 4
    for e in episodes:
        assert abs(e.aligned(["peg"])["peg"][0][0] + 0.04) <= 0.015
    tally = document(session)["tally"]
    assert (tally["robot_steps"], tally["episodes"]) == (48, 4)
    assert (tally["set_up"], tally["driven"]) == (1, 3) and tally["reset_steps"] > 0
    assert len(json.loads((session / "curve.json").read_text())) == 1
    other = finetune(session, episodes="1", reset="outside", **given)
    assert other.returncode != 0
    assert "reset was scripted, now outside" in other.stdout + other.stderr


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_directions_practise_in_turn_and_each_learns_from_its_own_steps(tmp_path: Path) -> None:
    session, plan = tmp_path / "session", tmp_path / "plan"
    directions = {"insert": {"goal": 0}, "return": {"goal": 1}}
    recipe.save(replace(RECIPE, robot="sim_pickinsert", practice=PracticeConfig(directions, tries=2)), plan)
    given = {"robot": "sim_pickinsert", "intervene": "false", "max_steps": "12"}
    begun = finetune(session, recipe=str(plan / recipe.FILE), episodes="6", trials="0", **given)
    assert begun.returncode == 0, begun.stdout + begun.stderr
    resumed = finetune(session, episodes="3", trials="1", evaluate_every="70", **given)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    found = {}
    for name in directions:
        mine, recorded, episodes = replays(session / name)
        require_same(mine, recorded, ("state",))
        tally = found[name] = document(session / name)["tally"]
        assert tally["robot_steps"] == sum(len(e) for e in episodes) > 0
        assert tally["episodes"] == len(episodes) == tally["set_up"] + tally["driven"]
        assert [e.attributes["seed"] for e in episodes] == list(range(len(episodes)))
        for e in episodes:
            assert set(e.aligned(["goal"])["goal"].ravel()) == {float(directions[name]["goal"])}
        assert (session / name / "agent.json").is_file()
    assert found["insert"]["episodes"] + found["return"]["episodes"] == 9
    assert found["return"]["set_up"] == 0 and found["insert"]["set_up"] >= 2, "each sitting begins with one set up"
    assert [p["robot_steps"] for p in json.loads((session / "insert" / "curve.json").read_text())] == [48, 72]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_key_that_is_held_is_the_reward_of_record_and_replay_and_evaluations_are_the_task_s_own(
    tmp_path: Path,
) -> None:
    """In real time: the scripted person holds the success key while they see success, 0.4 s late."""
    session, plan = tmp_path / "session", tmp_path / "plan"
    recipe.save(RECIPE, plan)
    given = {"recipe": str(plan / recipe.FILE), "keys": "hold", "episodes": "6", "trials": "1", "evaluate_every": "50"}
    result = subprocess.run(command(session, **given), capture_output=True, text=True, timeout=200, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    mine, recorded, episodes = replays(session)
    require_same(mine, recorded, ())  # in real time the agent may have acted on a state older than the one recorded
    tally = document(session)["tally"]
    assert tally["episodes"] == len(episodes) == 6
    assert tally["successes"] == sum(bool(e.success) for e in episodes) > 0, result.stdout
    needed = int(hardware_config.load("sim_pegslot").task.get("success_hold", 1))
    for e in episodes:
        assert e.steps["reward"].sum() == (needed if e.success else 0)
        assert bool(e.steps["success"][-1]) is bool(e.success) and e.attributes["judge"] == "keys"
    assert recipe.load(session / recipe.FILE).keys == "hold"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_classifier_is_the_reward_of_record_and_replay_and_evaluations_are_the_task_s_own(
    tmp_path: Path, classifier: Callable[..., Path]
) -> None:
    """An untrained one, whose threshold some pictures pass: what it says of each recorded picture is the reward."""
    session, plan, folder = tmp_path / "session", tmp_path / "plan", tmp_path / "judge"
    classifier(folder, 0.0)
    recipe.save(RECIPE, plan)
    given = {"recipe": str(plan / recipe.FILE), "cameras": "front", "trials": "2", "evaluate_every": "40"}
    first = finetune(session, classifier=str(folder), episodes="1", **given)
    assert first.returncode == 0, first.stdout + first.stderr
    (sure,) = (e for e in Dataset.open(session / EPISODES) if e.attributes["purpose"] == "deployment")
    assert sure.success and len(sure) == 1, "it takes everything for a success"
    refused = finetune(session, episodes="1", **given)
    assert refused.returncode != 0 and f"classifier:={folder}" in refused.stdout + refused.stderr
    trained = load_classifier(folder)
    probabilities = _probabilities(trained, Dataset.open(session / EPISODES))
    classifier(folder, float(np.quantile(probabilities, 0.9)), (2, 3))
    result = finetune(session, classifier=str(folder), episodes="5", **given)
    assert result.returncode == 0, result.stdout + result.stderr
    mine, recorded, episodes = replays(session)
    require_same(mine, recorded, ("state",))
    judged = load_classifier(folder)
    for e in episodes[1:]:
        pictures = e.aligned(["front"], final=True)["front"]
        current: dict[str, Any] = {}
        judge = ClassifierJudge(judged, lambda: current, lambda: None)  # noqa: B023
        said = []
        for picture in pictures:
            current["front"] = (0, picture)
            said.append(judge().success)
        np.testing.assert_array_equal(e.steps["success"], said[1:])
        assert bool(e.success) is bool(e.steps["success"][-1])
    for e in Dataset.open(session / EPISODES):
        if e.attributes["purpose"] == "evaluation" and len(e) < 30:
            assert e.success and e.steps["reward"][-1] == 1.0


def _probabilities(trained: Trained, episodes: Dataset) -> np.ndarray:
    pictures = np.concatenate([e.aligned(["front"])["front"] for e in episodes])
    return np.asarray(judge_pictures(trained.classifier, trained.view.apply(pictures)).probabilities)


@pytest.mark.slow
def test_a_session_ends_by_itself_after_a_last_evaluation_and_goes_on_with_what_is_accepted(tmp_path: Path) -> None:
    session, plan = tmp_path / "session", tmp_path / "plan"
    recipe.save(RECIPE, plan)
    given = {"recipe": str(plan / recipe.FILE), "trials": "1", "max_steps": "20", "intervene": "false"}
    first = finetune(session, steps="35", **given)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "the session is over: 40 robot steps, of 35 wanted" in first.stdout
    assert recipe.load(session / recipe.FILE).online.steps == 35
    assert [p["robot_steps"] for p in json.loads((session / "curve.json").read_text())][-1] == 40
    again = finetune(session, steps="50", **given)
    assert again.returncode == 0 and document(session)["tally"]["robot_steps"] == 60, again.stdout + again.stderr
    other = finetune(session, steps="70", reset_steps="99", **given)
    assert other.returncode != 0 and "reset_steps was 300, now 99" in other.stdout + other.stderr
    accepted = finetune(session, steps="70", reset_steps="99", accept_changes="true", **given)
    assert accepted.returncode == 0 and document(session)["tally"]["robot_steps"] == 80, accepted.stdout
    assert recipe.load(session / recipe.FILE).reset_steps == 99


@pytest.mark.slow
def test_in_all_but_every_second_episode_the_robot_is_left_alone(tmp_path: Path) -> None:
    session = tmp_path / "session"
    recipe.save(replace(RECIPE, online=replace(RECIPE.online, help_every=2)), session)
    result = finetune(session, episodes="4", trials="0")
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("the robot tries alone in this episode") == 2
    mine, recorded, episodes = replays(session)
    require_same(mine, recorded, ("state",))
    assert [bool((e.steps["source"] == Source.HUMAN).any()) for e in episodes] == [False, True, False, True]
