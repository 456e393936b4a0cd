"""A robot that resets itself between episodes, behind arbiter and episode manager: real nodes in one process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs robot_rl[ros]")
pytest.importorskip("torch", reason="needs robot_rl[train]")

import rclpy  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from robot_rl.datasets import Dataset  # noqa: E402
from robot_rl.datasets.record import Source  # noqa: E402
from robot_rl.hardware import config as hardware_config  # noqa: E402
from robot_rl.hardware.human import HumanInput  # noqa: E402
from robot_rl.hardware.robot import Reading  # noqa: E402
from robot_rl.learn.online.recipe import Recipe  # noqa: E402
from robot_rl.learn.online.remote.scene import Turns  # noqa: E402
from robot_rl.learn.online.tally import Tally  # noqa: E402
from robot_rl.ros import codecs, topics, wire  # noqa: E402
from robot_rl.ros.arbiter_node import ArbiterNode  # noqa: E402
from robot_rl.ros.episode_node import EpisodeNode  # noqa: E402
from robot_rl.ros.node import RobotNode  # noqa: E402
from robot_rl.ros.recorder_node import RecorderNode  # noqa: E402
from robot_rl.ros.resetter import Resetter  # noqa: E402
from robot_rl.ros.robot_node import RobotServer  # noqa: E402
from robot_rl.ros.self_resets import SelfResets  # noqa: E402
from robot_rl.ros.state import StateSubscriber  # noqa: E402
from robot_rl.runtime.launch.domain import claim_domain  # noqa: E402
from robot_rl.runtime.resets import Drive  # noqa: E402
from robot_rl.sim.operators.pickinsert import wanted  # noqa: E402
from robot_rl.spec import Layout  # noqa: E402

HELD = np.zeros(3)
SETUP = hardware_config.load("sim_pickinsert")


class Agent(RobotNode):
    """Holds still in episodes, and resets the robot between them as the agent of a session does."""

    def __init__(self, plan: Recipe, turns: Turns | None = None) -> None:
        super().__init__("policy")
        self.turns = turns
        self.tally, self.starts, self.active, self.start = Tally(), [], False, 0
        self.events: list[dict[str, Any]] = []
        self.decisions: list[Any] = []
        self._publisher = self.create_publisher(JointState, topics.POLICY_ACTION, topics.stream())
        self._state = StateSubscriber(self, self.spec, self._on_reading, lockstep=self.lockstep)
        self.resets = SelfResets(self, plan, self._over)  # type: ignore[arg-type]
        self.on_event(topics.EPISODE_EVENT, self._on_episode)
        self.create_subscription(JointState, topics.DECISION, self._on_decision, topics.kept())
        self.create_subscription(JointState, topics.EXECUTED, self._on_executed, topics.kept())
        self.create_subscription(JointState, topics.OUTCOME, self._on_outcome, topics.kept())
        self.keys, self.pressed = "mark", (0, 0)
        """What the success key means, and from when to when [ns] it is held after the beginning of an episode."""
        self._human = self.create_publisher(JointState, topics.HUMAN_ACTION, topics.stream())

    @property
    def reading(self) -> Reading | None:
        return self._state.latest

    def stale(self, *_: Any) -> str:
        return ""

    def propose(self, stamp: int, action: np.ndarray | None) -> None:
        if action is not None or not self.lockstep:
            labels = () if action is None else self.spec.action.labels
            self._publisher.publish(codecs.labelled(stamp, labels, () if action is None else action))

    def hold_key(self, stamp: int) -> None:
        """A person with their hands off, but for the key."""
        since = stamp - self.start
        held = frozenset({"success"}) if self.pressed[0] <= since < self.pressed[1] else frozenset()
        human = HumanInput(stamp, HELD, engaged=False, rewind=False, pressed=held)
        self._human.publish(wire.human_message(self.spec.action, human))

    def next(self, after: str) -> None:
        begins = (self.resets.next() if self.turns is None else self.turns.next()).to_dict()
        begins |= {"number": self.tally.episodes, "direction": "" if self.turns is None else self.turns.name}
        begins["keys"] = self.keys
        self.publish_event(topics.AGENT_EVENT, event="next", after=after, purpose="deployment", **begins)

    def _over(self, name: str, success: bool, why: str) -> None:
        self.publish_event(topics.AGENT_EVENT, event="driven", episode=name, success=success, why=why)

    def _on_episode(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        self.resets.on_episode(event, self.tally)
        self.active = event["event"] == "begin"
        if self.active:
            self.start = event["stamp"]
            self._on_reading(None)
        elif event["event"] == "end":
            self.tally.episode(False)
            if self.turns is not None:
                self.turns.ended(event["result"], terminated=event["terminated"])
            self.next(event["episode"])

    def _on_reading(self, _: Reading | None) -> None:
        if self.active and self.reading is not None and self.reading.stamp >= self.start:
            if len(self.starts) == self.tally.episodes:
                self.starts.append(self.reading.values["peg"])
            self.propose(self.reading.stamp, HELD)
            if self.keys != "mark":
                self.hold_key(self.reading.stamp)
        self.resets.look()

    def _on_decision(self, message: JointState) -> None:
        decision = wire.read_decision(self.spec.action, message)
        self.decisions.append(decision)
        self.resets.decided(decision)

    def _on_executed(self, message: JointState) -> None:
        self.resets.executed(codecs.unlabelled(message, self.spec.action.labels))

    def _on_outcome(self, message: JointState) -> None:
        self.resets.judged(codecs.stamp_of(message), wire.read_outcome(message))

    def close(self) -> None:
        self.resets.close()

    def named(self, kind: str) -> list[dict[str, Any]]:
        return [e for e in self.events if e["event"] == kind]


class Graph:
    """The nodes, and a person who can press a key."""

    def __init__(self, spinner: type, plan: Recipe, turns: Turns | None = None) -> None:
        self.robot, self.agent = RobotServer(), Agent(plan, turns)
        self.nodes = [self.robot, ArbiterNode(), EpisodeNode(), self.agent]
        if turns is not None:
            self.nodes.append(RecorderNode())
        self.spin = spinner(*self.nodes)
        self.scenes = 0
        reset = self.robot.robot.reset

        def counted(seed: int | None = None) -> Reading:
            self.scenes += 1
            return reset(seed)

        self.robot.robot.reset = counted  # type: ignore[method-assign]

    def call(self, name: str) -> Trigger.Response:
        client = self.agent.create_client(Trigger, name)
        assert self.spin(client.service_is_ready)
        answer = client.call_async(Trigger.Request())
        assert self.spin(answer.done)
        return answer.result()

    def close(self) -> None:
        for node in self.nodes:
            node.close()
            node.destroy_node()


@contextmanager
def running(
    spinner: type,
    plan: Recipe,
    turns: Turns | None = None,
    *,
    lockstep: bool = True,
    keys: str = "mark",
    pressed: tuple[int, int] = (0, 0),
    **parameters: str,
) -> Iterator[Graph]:
    """The nodes of this plan."""
    given = {
        "robot": plan.robot,
        "lockstep": str(lockstep).lower(),
        "wait_for": "policy",
        "purpose": "deployment",
        "agenda": "true",
        "auto": "always",
        "record": "false",
        "max_steps": "5",
        **parameters,
    }
    rclpy.init(args=["--ros-args", *(part for k, v in given.items() for part in ("-p", f"{k}:={v}"))])
    made = Graph(spinner, plan, turns)
    made.agent.keys, made.agent.pressed = keys, pressed
    made.agent.next("")
    try:
        yield made
    finally:
        made.close()
        rclpy.try_shutdown()


Running = Callable[..., AbstractContextManager[Graph]]


@pytest.fixture
def graph(spinner: type) -> Running:
    """As `running`."""
    return partial(running, spinner)


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", str(claim_domain()))
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")


SCRIPTED = Recipe(robot="sim_pickinsert", reset="scripted")


def inserted(nodes: Graph) -> None:
    """The peg stands in the slot, where no episode begins."""
    nodes.robot.robot._peg = (nodes.robot.robot._slot, -0.03, 0.0)  # type: ignore[attr-defined]


def test_the_routine_acts_through_the_arbiter_and_the_next_episode_begins_where_it_led(graph: Running) -> None:
    with graph(SCRIPTED) as nodes:
        agent = nodes.agent
        assert nodes.spin(lambda: bool(agent.named("begin")))
        inserted(nodes)
        assert nodes.spin(lambda: len(agent.starts) == 3), agent.events
        assert nodes.scenes == 1, "the simulator has set the scene up once, for the first episode"
        for peg in agent.starts[1:]:
            assert abs(peg[0] + 0.04) <= 0.015 and peg[1] == 0.0
        driven = agent.named("driven")
        assert [e["success"] for e in driven] == [True, True]
        assert agent.tally.set_up == 1 and agent.tally.driven == 2
        assert agent.tally.reset_steps == sum(e["steps"] for e in driven) > 20
        first = agent.named("drive")[0]["stamp"]
        between = [d for d in agent.decisions if first <= d.stamp < agent.named("begin")[1]["stamp"]]
        assert between and all(d.source == Source.POLICY for d in between)
        high = agent.spec.action.high
        assert all((np.abs(d.action[:2]) <= high[:2] + 1e-9).all() for d in between)
        assert agent.named("end")[1]["steps"] == 5, "an episode holds none of them"


def test_a_reset_that_takes_too_long_asks_for_a_person_and_the_robot_holds_until_they_say_so(graph: Running) -> None:
    with graph(Recipe(robot="sim_pickinsert", reset="scripted", reset_steps=4)) as nodes:
        agent = nodes.agent
        assert nodes.spin(lambda: bool(agent.named("begin")))
        inserted(nodes)
        assert nodes.spin(lambda: bool(agent.named("driven"))), agent.events
        over = agent.named("driven")[0]
        assert (over["success"], over["why"]) == (False, "the reset did not finish in 4 steps")
        decided, before = len({d.stamp for d in agent.decisions}), nodes.robot.robot.clock.now()
        assert not nodes.spin(lambda: len(agent.named("begin")) > 1, timeout=1.5)
        assert len({d.stamp for d in agent.decisions}) == decided and nodes.robot.robot.clock.now() == before
        assert nodes.scenes == 1
        assert nodes.call("episode/start").success
        assert nodes.spin(lambda: len(agent.starts) == 2)
        assert nodes.scenes == 2 and agent.tally.set_up == 2 and agent.tally.driven == 0
        assert agent.tally.reset_steps == 4


@pytest.mark.parametrize(
    ("service", "why"),
    [("episode/discard", "a person ended it"), ("arbiter/estop", "the emergency stop is latched")],
)
def test_a_person_or_the_emergency_stop_ends_a_reset_at_once(graph: Running, service: str, why: str) -> None:
    with graph(SCRIPTED) as nodes:
        agent = nodes.agent
        assert nodes.spin(lambda: bool(agent.named("begin")))
        inserted(nodes)
        assert nodes.spin(lambda: bool(agent.named("drive")))
        assert nodes.call(service).success
        assert nodes.spin(lambda: bool(agent.named("driven")))
        assert (agent.named("driven")[0]["success"], agent.named("driven")[0]["why"]) == (False, why)
        clock = nodes.robot.robot.clock
        last = clock.now()
        nodes.spin(lambda: False, timeout=0.3)
        assert clock.now() <= last + agent.spec.period_ns, "but for the step that was on its way"
        assert len(agent.named("begin")) == 1


class BringBack:
    """A policy that takes the peg out of the slot and puts it back."""

    spec, n_obs, horizon, n_action_steps = SETUP.spec, 1, 2, 2
    inputs = Layout(tuple(SETUP.spec.observation[n] for n in ("hand", "opening", "peg", "holding", "goal")))
    observation_names = tuple(f.name for f in inputs.values())

    def __init__(self) -> None:
        self.goals: set[float] = set()

    def predict(self, observation: Mapping[str, np.ndarray]) -> np.ndarray:
        now = {name: values[-1] for name, values in observation.items()}
        self.goals.add(float(now["goal"][0]))
        to, closed = wanted(now, 0.04, -0.04, 1)
        return np.tile([*np.clip(2.0 * (to - now["hand"]), -0.08, 0.08), float(closed)], (2, 1))

    def reset(self, seed: int | None = None) -> None:
        """Nothing is remembered."""


def test_a_policy_resets_until_its_goal_is_reached_and_the_task_is_its_own_again(graph: Running) -> None:
    pytest.importorskip("websockets", reason="needs robot_rl[serve]")
    from robot_rl.serving.server import PolicyServer

    policy = BringBack()
    server = PolicyServer(policy, port=0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        plan = Recipe(robot="sim_pickinsert", reset=f"ws://127.0.0.1:{server.port}", reset_goal=1)
        with graph(plan) as nodes:
            agent, robot = nodes.agent, nodes.robot.robot
            assert nodes.spin(lambda: bool(agent.named("begin")))
            inserted(nodes)
            assert nodes.spin(lambda: len(agent.starts) == 2), agent.events
            assert abs(agent.starts[1][0] + 0.04) <= 0.015 and agent.starts[1][1] == 0.0
            assert agent.named("driven")[0]["steps"] > 10 and nodes.scenes == 1
            assert robot.goal == 0 and policy.goals == {1.0}, "its goal holds during the reset alone"
    finally:
        server.close()
        thread.join(timeout=10)


def test_directions_take_turns_in_one_scene_each_with_its_goal_and_its_data_set(graph: Running, tmp_path: Path) -> None:
    turns = Turns({"insert": 0, "return": 1}, tries=2, simulated=True)
    folder = tmp_path / "session" / "episodes"
    with graph(SCRIPTED, turns, record="true", dataset=str(folder), cameras="none") as nodes:
        agent = nodes.agent
        assert nodes.spin(lambda: len(agent.named("end")) == 4), agent.events
        nodes.robot.robot._toppled = True  # type: ignore[attr-defined]
        assert nodes.spin(lambda: len(agent.named("end")) == 5), agent.events
        assert turns.next().ask == "'insert' lost it"
        assert not nodes.spin(lambda: len(agent.named("begin")) > 5, timeout=0.5), "a person is waited for"
        assert nodes.scenes == 1
        assert nodes.call("episode/start").success
        assert nodes.spin(lambda: len(agent.named("begin")) == 6) and nodes.scenes == 2
    names = [e["direction"] for e in agent.named("begin")]
    assert names == ["insert", "insert", "return", "insert", "insert", "insert"]
    assert [e["result"] for e in agent.named("end")][:4] == ["failure", "failure", "success", "failure"]
    assert not folder.exists(), "each direction has a data set of its own"
    goals = {"insert": 0.0, "return": 1.0}
    for name, count in (("insert", 4), ("return", 1)):
        episodes = list(Dataset.open(tmp_path / "session" / name / "episodes"))
        assert len(episodes) == count
        for episode in episodes:
            assert set(episode.aligned(["goal"])["goal"].ravel()) == {goals[name]}
            assert "direction" not in episode.attributes


def recorded(folder: Path, nodes: Graph) -> Any:
    """The first episode."""
    data = folder / "insert" / "episodes"
    assert nodes.spin(lambda: (data / "zarr.json").is_file() and len(Dataset.open(data)) >= 1), nodes.agent.events
    return Dataset.open(data).episode(0)


def test_a_held_key_is_the_reward_of_the_states_that_were_seen_and_ends_the_episode(
    graph: Running, tmp_path: Path
) -> None:
    """The task says success of every state (the peg lies at the goal of `return`), and is not asked."""
    turns = Turns({"insert": 1, "return": 0}, tries=9, simulated=True)
    given = {"record": "true", "dataset": str(tmp_path / "episodes"), "cameras": "none"}
    given |= {"max_steps": "40", "latency": "0.4"}
    held = (1_200_000_000, 3_000_000_000)
    with graph(SCRIPTED, turns, keys="hold", pressed=held, **given) as nodes:
        episode = recorded(tmp_path, nodes)
        assert nodes.spin(lambda: bool(nodes.agent.named("end")))
        begin, end = nodes.agent.named("begin")[0], nodes.agent.named("end")[0]
    assert (end["result"], end["terminated"], end["marked"]) == ("success", True, True)
    needed = int(SETUP.task.get("success_hold", 1))
    steps = episode.steps
    assert steps["reward"].tolist() == [0.0] * (len(episode) - needed) + [1.0] * needed
    assert steps["success"][-needed:].all() and steps["terminated"][-1]
    led = (steps["stamp"][-needed] - begin["stamp"]) * 1e-9 + 0.1  # to the first state seen to be a success
    assert abs(led - 0.8) < 1e-6, "0.4 s before the key went down"


@pytest.mark.parametrize("keys", ["decide", "hold"])
def test_where_keys_judge_the_task_does_not_and_a_device_that_is_not_heard_of_gives_no_success(
    graph: Running, tmp_path: Path, keys: str
) -> None:
    turns = Turns({"insert": 1, "return": 0}, tries=9, simulated=True)
    given = {"record": "true", "dataset": str(tmp_path / "episodes"), "cameras": "none"}
    given |= {"max_steps": "6", "latency": "0.4"}
    with graph(SCRIPTED, turns, keys=keys, **given) as nodes:
        nodes.agent.hold_key = lambda stamp: None  # type: ignore[method-assign]
        episode = recorded(tmp_path, nodes)
    assert len(episode) == 6 and episode.success is False
    assert not episode.steps["reward"].any() and not episode.steps["success"].any()
    assert episode.steps["truncated"][-1]


def test_a_simulated_robot_without_goals_is_refused_one_and_a_real_one_needs_none() -> None:
    rclpy.init(args=["--ros-args", "-p", "robot:=sim_pegslot", "-p", "lockstep:=true"])
    node = RobotServer()
    try:
        assert node._aim(None) and node.exit_code is None
        assert not node._aim(1) and node.exit_code == 1
        node.exit_code, node._simulated = None, None  # as a real robot is seen
        assert node._aim(1) and node.exit_code is None
    finally:
        node.close()
        node.destroy_node()
        rclpy.try_shutdown()


class Hanging:
    """A routine that moves once, and is then heard of no more."""

    def run(self, drive: Drive, seed: int | None) -> bool:
        drive.step(np.array([0.05, 0.0, 0.0]))
        while True:
            drive.look()
            time.sleep(0.02)


def test_in_real_time_a_routine_that_hangs_leaves_the_robot_still_and_is_given_up(
    graph: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robot_rl.ros.self_resets.make_reset", lambda *_, **__: Hanging())
    plan = Recipe(robot="sim_pickinsert", reset="scripted", reset_steps=8)
    with graph(plan, lockstep=False) as nodes:
        agent = nodes.agent
        assert nodes.spin(lambda: bool(agent.named("driven"))), agent.events
        assert "no word of its end after 17 steps" in agent.named("driven")[0]["why"]
        begun = agent.named("drive")[0]["stamp"]
        moved = [d for d in agent.decisions if d.stamp >= begun and d.source == Source.POLICY]
        timeout = float(agent.config.limits["command_timeout"])
        assert moved and (moved[-1].stamp - moved[0].stamp) * 1e-9 <= timeout + 0.2
        assert not agent.decisions[-1].action[:2].any(), "it holds still"
        assert len(agent.named("begin")) == 1 and agent.tally.driven == 0


class Late:
    """A routine that hangs until it is let go, and then has an action to ask for and a success to tell."""

    def __init__(self) -> None:
        self.go, self.there, self.runs = threading.Event(), threading.Event(), 0

    def run(self, drive: Drive, seed: int | None) -> bool:
        self.runs += 1
        self.there.set()
        self.go.wait(10.0)
        if self.runs == 2:
            drive.step(np.ones(3))
        return True


def test_what_a_hung_routine_says_after_its_reset_is_over_is_not_heard_and_it_is_not_run_beside_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("robot_rl.ros.resetter.LEAVE", 0.05)
    asked: list[Any] = []
    over: list[tuple[str, bool, str]] = []
    threads: list[threading.Thread] = []

    def in_thread(work: Callable[[], None], name: str) -> threading.Thread:
        threads.append(threading.Thread(target=work, name=name))
        threads[-1].start()
        return threads[-1]

    routine = Late()
    resetter = Resetter(SETUP, routine, lambda _, a: asked.append(a), lambda *w: over.append(w), in_thread)
    resetter.begin("first", 0, 5, 10)
    resetter.seen(Reading({}, {"hand": 5}))
    assert routine.there.wait(5.0)
    resetter.end()
    assert asked == [None], "the robot is to hold still"
    resetter.begin("second", 0, 6, 10)
    assert over == [("second", False, "the routine has not come back from the reset before")] and len(threads) == 1
    routine.go.set()
    threads[0].join(5.0)
    assert len(over) == 1 and asked == [None], "its success is that of a reset long over"
    resetter.begin("third", 0, 7, 10)
    resetter.seen(Reading({}, {"hand": 7}))
    deadline = time.monotonic() + 5.0
    while len(asked) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    resetter.seen(Reading({}, {"hand": 8}))
    threads[1].join(5.0)
    assert over[1:] == [("third", True, "")] and asked[1].tolist() == [1.0, 1.0, 1.0] and asked[2:] == [None]
