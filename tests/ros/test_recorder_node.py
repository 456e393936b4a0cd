"""A stream that falls silent while an episode is recorded in real time is reported, and noted with the episode."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

pytest.importorskip("rclpy", reason="needs robot_rl[ros]")

import rclpy  # noqa: E402
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from robot_rl.commands.names import existing_dataset  # noqa: E402
from robot_rl.control.safety import Safety  # noqa: E402
from robot_rl.datasets.dataset import Dataset  # noqa: E402
from robot_rl.datasets.errors import DatasetError  # noqa: E402
from robot_rl.datasets.record import Phase, Source  # noqa: E402
from robot_rl.datasets.recording.salvage import salvage  # noqa: E402
from robot_rl.datasets.verdicts import recorded  # noqa: E402
from robot_rl.hardware.clock import SystemClock  # noqa: E402
from robot_rl.hardware.robot import Outcome  # noqa: E402
from robot_rl.learn.online import marks  # noqa: E402
from robot_rl.ros import codecs, recorder_node, topics, wire  # noqa: E402
from robot_rl.ros.arbiter_node import ArbiterNode  # noqa: E402
from robot_rl.ros.episode_node import EpisodeNode  # noqa: E402
from robot_rl.ros.recorder_node import RecorderNode  # noqa: E402
from robot_rl.ros.robot_node import RobotServer  # noqa: E402
from robot_rl.runtime.arbiter import Decision  # noqa: E402


class Cameras(Node):  # type: ignore[misc]
    """The cameras of sim_crazyflie, each of which can be switched off, and what the recorder says of its health."""

    def __init__(self) -> None:
        super().__init__("cameras")
        self.on = {"front", "chase"}
        self.reports: list[DiagnosticStatus] = []
        self._images = {n: self.create_publisher(Image, topics.image(n), topics.stream()) for n in sorted(self.on)}
        self.create_subscription(DiagnosticArray, topics.DIAGNOSTICS, self._on_diagnostics, topics.stream())
        self.create_timer(0.04, self._tick)

    def _tick(self) -> None:
        for name in self.on:
            pixels = np.zeros((128, 128, 3), np.uint8)
            self._images[name].publish(codecs.encode_image(time.time_ns(), name, pixels))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        self.reports += [s for s in message.status if s.name == "recorder"]

    def says(self, level: bytes, text: str) -> bool:
        return bool(self.reports) and (self.reports[-1].level, self.reports[-1].message) == (level, text)


Spin = Callable[[Callable[[], bool]], bool]


@pytest.fixture
def recording(tmp_path: Path, spinner: type) -> Iterator[tuple[Cameras, Spin]]:
    """Robot, arbiter, episode manager and recorder, recording to `tmp_path / "data"`."""
    parameters = ("robot:=sim_crazyflie", f"dataset:={tmp_path / 'data'}", "auto:=always", "episodes:=1")
    rclpy.init(args=["--ros-args", *(part for p in parameters for part in ("-p", p))])
    cameras = Cameras()
    nodes: list[Any] = [RobotServer(), ArbiterNode(), RecorderNode(), EpisodeNode()]
    yield cameras, spinner(cameras, *nodes)
    for node in nodes:
        node.close()
    for node in (cameras, *nodes):
        node.destroy_node()
    rclpy.try_shutdown()


def test_a_camera_that_falls_silent_is_named_while_recording_and_noted_with_the_episode(
    recording: tuple[Cameras, Spin], tmp_path: Path
) -> None:
    cameras, spin = recording
    assert spin(lambda: cameras.says(DiagnosticStatus.OK, "recording"))
    cameras.on.discard("front")
    assert spin(lambda: cameras.says(DiagnosticStatus.WARN, "nothing comes from front"))
    cameras.on.add("front")
    assert spin(lambda: cameras.says(DiagnosticStatus.OK, "recording"))
    success = cameras.create_client(Trigger, "episode/success")
    assert spin(success.service_is_ready)
    success.call_async(Trigger.Request())
    assert spin(lambda: len(Dataset.open(tmp_path / "data")) == 1)
    (episode,) = Dataset.open(tmp_path / "data")
    assert episode.success
    assert episode.attributes["silent"] == ["front"]


def test_an_episode_of_which_no_step_was_heard_is_discarded_and_the_recorder_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_node, "FINISH_WITHIN", 0.2)
    rclpy.init(args=["--ros-args", "-p", "robot:=sim_crazyflie", "-p", f"dataset:={tmp_path / 'data'}"])
    node, executor = RecorderNode(), SingleThreadedExecutor()
    executor.add_node(node)
    said: list[dict[str, Any]] = []
    node.on_event(topics.RECORDER_EVENT, said.append)
    try:
        for name in ("first", "second"):
            begin = {"event": "begin", "episode": name, "stamp": time.time_ns(), "purpose": "demonstration", "seed": 0}
            node._on_episode(begin)
            end = {"result": "failure", "terminated": False, "truncated": True, "marked": False, "steps": 3}
            node._on_episode({"event": "end", "episode": name, "stamp": time.time_ns(), **end})
            deadline = time.monotonic() + 10
            while {"discarded": name} not in [{s["event"]: s.get("episode")} for s in said]:
                executor.spin_once(timeout_sec=0.02)
                assert time.monotonic() < deadline, said
        assert len(Dataset.open(tmp_path / "data")) == 0
    finally:
        node.close()
        node.destroy_node()
        rclpy.try_shutdown()


@pytest.fixture
def recorder(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RecorderNode]:
    """A recorder of simulated robots, recording to `tmp_path / "data"`; each test closes it."""
    given = ["robot:=sim_crazyflie", f"dataset:={tmp_path / 'data'}", *getattr(request, "param", ())]
    rclpy.init(args=["--ros-args", *(part for text in given for part in ("-p", text))])
    node = RecorderNode()
    yield node
    node.destroy_node()
    rclpy.try_shutdown()


START = 10_000_000_000
"""[ns]"""


def begin(node: RecorderNode, steps: int) -> None:
    """An episode begins, and these steps are heard in full, but of the readings only the first."""
    node._on_episode({"event": "begin", "episode": "e", "stamp": START, "purpose": "demonstration", "seed": 0})
    for f in node.spec.observation.vectors:
        node._on_sample(f.name, START, np.zeros(f.shape))
    action, none = np.zeros(node.spec.action.size), np.full(node.spec.action.size, np.nan)
    for t in range(steps):
        stamp = START + t * node.spec.period_ns
        decision = Decision(stamp, action, Source.HUMAN, Phase.DEMONSTRATION, Safety(0), none, action)
        node._on_decision(wire.decision_message(node.spec.action, decision))
        node._on_executed(codecs.labelled(stamp, node.spec.action.labels, action))
        node._on_outcome(True, wire.outcome_message(stamp + node.spec.period_ns, Outcome()))


def end(node: RecorderNode, steps: int, result: str = "success", *, judged: bool = True) -> None:
    """It ends with a mark, at the last step; `judged`: without it the end would be known as well."""
    event = {"event": "end", "episode": "e", "stamp": START + (steps - 1) * node.spec.period_ns, "result": result}
    node._on_episode(event | {"terminated": True, "truncated": False, "marked": True, "judged": judged, "steps": steps})


def test_an_episode_that_is_over_is_saved_when_the_recorder_is_stopped(recorder: RecorderNode, tmp_path: Path) -> None:
    begin(recorder, 4)
    end(recorder, 4)
    assert len(Dataset.open(tmp_path / "data")) == 0, "it waits for the last readings"
    recorder.close()
    with Dataset.open(tmp_path / "data", "a") as dataset:
        (episode,) = dataset
        assert (len(episode), episode.success, dataset.unfinished()) == (4, True, [])
        assert episode.steps["terminated"].tolist() == [False, False, False, True]


def test_an_episode_that_nobody_judged_is_noted_as_such(recorder: RecorderNode, tmp_path: Path) -> None:
    begin(recorder, 4)
    event = {"event": "end", "episode": "e", "stamp": START + 3 * recorder.spec.period_ns, "result": "failure"}
    cut_off = {"terminated": False, "truncated": True, "marked": False, "judged": False, "steps": 4}
    recorder._on_episode(event | cut_off)
    recorder.close()
    (episode,) = Dataset.open(tmp_path / "data")
    assert (episode.success, episode.attributes["judged"]) == (False, False)
    assert recorded(episode.success, episode.attributes) == "unjudged"


@pytest.mark.parametrize("judged", [True, False])
def test_a_mark_that_is_taken_back_is_told_with_whether_anything_else_judged_the_episode(
    judged: bool, recorder: RecorderNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(recorder, "publish_event", lambda topic, **event: told.append(event))
    begin(recorder, 4)
    end(recorder, 4, judged=judged)
    recorder._save_without_the_rest()
    recorder._on_episode({"event": "undo"})
    about = {"episode": "e", "was": True, "success": False, "judged": judged}
    assert [e for e in told if e["event"] == "relabelled"] == [{"event": "relabelled"} | about]
    recorder.close()
    (episode,) = Dataset.open(tmp_path / "data")
    assert recorded(episode.success, episode.attributes) == ("failure" if judged else "unjudged")


@pytest.mark.parametrize(("pressed", "taken_back"), [("while it runs", 0), ("while it is saved", 1)])
def test_undo_takes_back_the_newest_mark_that_stood_when_it_was_pressed(
    pressed: str, taken_back: int, recorder: RecorderNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(recorder, "publish_event", lambda topic, **event: told.append(event["event"]))
    begin(recorder, 4)
    end(recorder, 4)
    recorder._save_without_the_rest()
    begin(recorder, 4)
    if pressed == "while it runs":
        recorder._on_episode({"event": "undo"})
    end(recorder, 4)
    if pressed == "while it is saved":
        recorder._on_episode({"event": "undo"})
    recorder._save_without_the_rest()
    recorder.close()
    assert [bool(e.success) for e in Dataset.open(tmp_path / "data")] == [n != taken_back for n in (0, 1)]
    assert told == ["saved", "saved", "relabelled"], "an episode is known before its mark is taken back"


def test_an_undo_that_failed_is_not_done_to_a_later_episode(
    recorder: RecorderNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise DatasetError("no space left")

    begin(recorder, 4)
    end(recorder, 4)
    recorder._on_episode({"event": "undo"})
    with monkeypatch.context() as broken:
        broken.setattr(marks, "apply", full)
        recorder._save_without_the_rest()
    begin(recorder, 4)
    end(recorder, 4)
    recorder._save_without_the_rest()
    recorder.close()
    assert [bool(e.success) for e in Dataset.open(tmp_path / "data")] == [True, True]


def test_undo_of_a_discarded_episode_takes_no_other_mark_back(
    recorder: RecorderNode, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    begin(recorder, 4)
    end(recorder, 4)
    recorder._save_without_the_rest()
    begin(recorder, 4)
    end(recorder, 4, "discarded")
    recorder._on_episode({"event": "undo"})
    recorder._save_without_the_rest()
    recorder.close()
    assert "that episode is discarded, and the marks before it stand" in "".join(capfd.readouterr())
    assert [e.success for e in Dataset.open(tmp_path / "data")] == [True]


def test_an_episode_that_was_to_be_discarded_is_gone_when_the_recorder_is_stopped(
    recorder: RecorderNode, tmp_path: Path
) -> None:
    begin(recorder, 4)
    end(recorder, 4, "discarded")
    recorder.close()
    with Dataset.open(tmp_path / "data", "a") as dataset:
        assert (len(dataset), dataset.unfinished()) == (0, [])


def test_an_episode_under_way_is_left_to_be_salvaged_when_the_recorder_is_stopped(
    recorder: RecorderNode, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    begin(recorder, 4)
    recorder.close()
    assert f"`robot-rl data salvage {tmp_path / 'data'}` keeps them" in capfd.readouterr().err
    with Dataset.open(tmp_path / "data", "a") as dataset:
        (left,) = dataset.unfinished()
        assert len(dataset) == 0 and salvage(dataset, left) == 0
        assert (len(dataset[0]), dataset[0].success) == (4, None)
        assert dataset[0].steps["truncated"].tolist() == [False, False, False, True]


@pytest.mark.parametrize("ended", [True, False])
def test_an_episode_is_not_lost_when_another_begins_before_it_is_saved(
    recorder: RecorderNode, tmp_path: Path, ended: bool
) -> None:
    begin(recorder, 4)
    if ended:
        end(recorder, 4)
    recorder._on_episode({"event": "reset", "episode": "f", "purpose": "demonstration", "seed": 1, "sent": 0})
    with Dataset.open(tmp_path / "data") as dataset:
        assert [(len(e), e.success) for e in dataset] == ([(4, True)] if ended else [])
    recorder.close()
    with Dataset.open(tmp_path / "data", "a") as dataset:
        left = [salvage(dataset, one) for one in dataset.unfinished()]
        assert left == ([] if ended else [0]) and [len(e) for e in dataset] == [4]


def test_an_episode_without_a_step_is_dropped_when_the_recorder_is_stopped(
    recorder: RecorderNode, tmp_path: Path
) -> None:
    begin(recorder, 0)
    recorder.close()
    with Dataset.open(tmp_path / "data", "a") as dataset:
        assert (len(dataset), dataset.unfinished()) == (0, [])


@pytest.mark.parametrize("recorder", [["latency:=3.0"]], indirect=True)
def test_a_time_limit_that_a_person_may_comment_on_for_seconds_still_cuts_the_steps_after_it(
    recorder: RecorderNode, tmp_path: Path
) -> None:
    rate = round(recorder.spec.rate)
    begin(recorder, 5 * rate)  # 2 s, and the 3 s of the latency
    over = {"terminated": False, "truncated": True, "marked": False, "steps": 2 * rate}
    stamp = START + (2 * rate - 1) * recorder.spec.period_ns
    recorder._on_episode({"event": "end", "episode": "e", "stamp": stamp, "result": "failure", **over})
    recorder.close()
    (episode,) = Dataset.open(tmp_path / "data")
    assert len(episode) == 2 * rate
    assert episode.steps["truncated"].tolist() == [False] * (2 * rate - 1) + [True]


def test_the_graph_tells_the_recorder_how_late_a_persons_keys_are() -> None:
    launch = Path(__file__).parents[2] / "ros2_ws/src/robot_rl/launch/parts/graph.launch.yaml"
    nodes = {n["node"]["exec"]: n["node"] for n in yaml.safe_load(launch.read_text())["launch"] if "node" in n}
    told = [[p for p in nodes[n]["param"] if p["name"] == "latency"] for n in ("recorder_node", "episode_node")]
    assert told[0] == told[1] and len(told[0]) == 1


def test_a_wall_clock_that_is_set_makes_no_stream_silent(
    recorder: RecorderNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = {"event": "begin", "episode": "e", "stamp": SystemClock().now(), "purpose": "demonstration", "seed": 0}
    recorder._on_episode(start)
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 3 * 10**9)
    recorder._report()
    assert recorder._streams.missed == set()
    recorder.close()


def test_a_bare_name_is_recorded_under_datasets_of_the_workspace_as_every_command_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBOT_RL_WORKSPACE", str(tmp_path / "lab"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for name, place in (("mine", tmp_path / "lab" / "datasets" / "mine"), ("./mine", tmp_path / "here" / "mine")):
        rclpy.init(args=["--ros-args", "-p", "robot:=sim_crazyflie", "-p", f"dataset:={name}"])
        node = RecorderNode()
        try:
            assert (place / "zarr.json").is_file() and existing_dataset("mine").samefile(place)
        finally:
            node.close()
            node.destroy_node()
            rclpy.try_shutdown()
