"""The real launch descriptions: nodes, topics with their types, rates, and an end without orphans."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs robot_rl[ros]")
pytest.importorskip("robosuite", reason="needs robosuite")

import rclpy  # noqa: E402
from rclpy.node import Node  # noqa: E402
from sensor_msgs.msg import Image, JointState  # noqa: E402

from robot_rl.commands.session import read_notes  # noqa: E402
from robot_rl.datasets.dataset import Dataset  # noqa: E402
from robot_rl.datasets.record import Phase, Source  # noqa: E402
from robot_rl.datasets.store.verify import verify  # noqa: E402
from robot_rl.ros import codecs, topics  # noqa: E402
from robot_rl.runtime.launch.domain import claim_domain  # noqa: E402

NODES = {"robot", "cameras", "arbiter", "teleop", "operator"}
TYPES = {
    "/joint_states": "sensor_msgs/msg/JointState",
    "/state/ee_pose": "geometry_msgs/msg/PoseStamped",
    "/state/object_pose": "geometry_msgs/msg/PoseStamped",
    "/state/gripper_position": "sensor_msgs/msg/JointState",
    "/camera/front/image_raw": "sensor_msgs/msg/Image",
    "/camera/front/camera_info": "sensor_msgs/msg/CameraInfo",
    "/camera/wrist/image_raw": "sensor_msgs/msg/Image",
    "/joy": "sensor_msgs/msg/Joy",
    "/human/action": "sensor_msgs/msg/JointState",
    "/command": "sensor_msgs/msg/JointState",
    "/arbiter/decision": "sensor_msgs/msg/JointState",
    "/executed": "sensor_msgs/msg/JointState",
    "/task/outcome": "sensor_msgs/msg/JointState",
    "/episode/event": "std_msgs/msg/String",
    "/diagnostics": "diagnostic_msgs/msg/DiagnosticArray",
}


@contextmanager
def launched(description: str, log: Path, **arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """`robot-rl launch <description>` as a user starts it, in its own process."""
    command = [sys.executable, "-m", "robot_rl.cli", "launch", description]
    command += [f"{name}:={value}" for name, value in arguments.items()]
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=20)


def processes_mentioning(mark: str) -> list[int]:
    """The processes whose environment holds `mark`: a launch and all that it has started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes() and int(folder.name) != os.getpid():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    """A node in a DDS domain of this test's own."""
    monkeypatch.setenv("ROS_DOMAIN_ID", str(claim_domain()))
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node("listener", context=context)
    yield node
    node.destroy_node()
    context.try_shutdown()


def spin_until(node: Node, done: Callable[[], bool], timeout: float) -> bool:
    """Handle messages until something holds."""
    from rclpy.executors import SingleThreadedExecutor

    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    deadline = time.monotonic() + timeout
    while not done() and time.monotonic() < deadline:
        executor.spin_once(timeout_sec=0.05)
    executor.remove_node(node)
    return done()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_teleop_brings_up_every_node_and_topic_in_real_time_and_ends_clean(
    end: signal.Signals, listener: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = f"ROBOT_RL_TEST_MARK={tmp_path.name}-{int(end)}"
    monkeypatch.setenv(*mark.split("=", 1))
    stamps: dict[str, list[int]] = {"command": [], "front": []}
    listener.create_subscription(
        JointState, topics.COMMAND, lambda m: stamps["command"].append(codecs.stamp_of(m)), topics.stream()
    )
    listener.create_subscription(
        Image, topics.image("front"), lambda m: stamps["front"].append(codecs.stamp_of(m)), topics.stream()
    )
    with launched("teleop", tmp_path / "log", robot="sim_lift", device="scripted") as process:
        enough = spin_until(listener, lambda: min(len(s) for s in stamps.values()) >= 40, timeout=60)
        assert enough, (tmp_path / "log").read_text()[-3000:]
        names = {name for name, _ in listener.get_node_names_and_namespaces()}
        types = dict(listener.get_topic_names_and_types())
        process.send_signal(end)
        assert process.wait(timeout=20) == 0, (tmp_path / "log").read_text()[-3000:]
    assert names >= NODES
    for topic, kind in TYPES.items():
        assert types.get(topic) == [kind], topic
    for name in stamps:
        period = np.median(np.diff(stamps[name][-30:])) * 1e-9
        assert period == pytest.approx(1 / 20, rel=0.2), name
    assert processes_mentioning(mark) == []


def test_in_real_time_a_demonstration_is_the_human_s_throughout(tmp_path: Path, listener: Node) -> None:
    data, notes = tmp_path / "data.zarr", tmp_path / "notes.jsonl"
    arguments = {"dataset": str(data), "results": str(notes), "episodes": "2"}
    with launched("record", tmp_path / "log", robot="sim_lift", device="scripted", **arguments) as process:
        assert process.wait(timeout=90) == 0, (tmp_path / "log").read_text()[-3000:]
    for note, episode in zip(read_notes(notes), Dataset.open(data), strict=True):
        # On a loaded machine a command may come too late for the robot, which refuses it: no step, and no human one.
        assert 0.7 * note.steps <= len(episode) <= note.steps
        assert set(episode.steps["phase"]) == {Phase.DEMONSTRATION}
        assert (episode.steps["source"] == Source.HUMAN).mean() > 0.5
        periods = np.diff(episode.steps["stamp"]) * 1e-9
        assert np.median(periods) == pytest.approx(1 / 20, rel=0.05)
        for name in episode.stream_names:
            stamps = episode.stream(name).stamps
            assert stamps[0] <= episode.steps["stamp"][0] and stamps[-1] > episode.steps["stamp"][-1] - 10**8, name


def test_a_quadrotor_is_flown_and_recorded_by_the_same_nodes(tmp_path: Path, listener: Node) -> None:
    data, notes = tmp_path / "flights.zarr", tmp_path / "notes.jsonl"
    arguments = {"dataset": str(data), "results": str(notes), "episodes": "1", "lockstep": "true", "seed": "4"}
    with launched("record", tmp_path / "log", robot="sim_crazyflie", device="scripted", **arguments) as process:
        assert process.wait(timeout=110) == 0, (tmp_path / "log").read_text()[-3000:]
    (note,) = read_notes(notes)
    (episode,) = Dataset.open(data)
    assert note.success and episode.success
    assert len(episode) == note.steps == note.human_steps
    assert set(episode.steps["source"]) == {Source.HUMAN}
    assert episode.spec.action.labels == ("velocity.x", "velocity.y", "velocity.z", "yaw_rate")
    assert len(episode.stream("pose").stamps) == len(episode) + 1
    assert episode.stream("front").values[0].shape == (128, 128, 3)
    replay = subprocess.run(
        [sys.executable, "-m", "robot_rl.cli", "replay", str(data), "--episode", "0", "--tolerance", "1e-9"],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert replay.returncode == 0, replay.stderr


def test_a_node_that_dies_ends_the_launch_and_no_committed_episode_is_lost(
    tmp_path: Path, listener: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = f"ROBOT_RL_TEST_MARK={tmp_path.name}"
    monkeypatch.setenv(*mark.split("=", 1))
    data, notes, log = tmp_path / "data.zarr", tmp_path / "notes.jsonl", tmp_path / "log"
    arguments = {"dataset": str(data), "results": str(notes), "episodes": "50", "lockstep": "true", "cameras": "none"}
    with launched("record", log, robot="sim_lift", device="scripted", **arguments) as process:
        assert spin_until(listener, lambda: len(read_notes(notes)) >= 2, timeout=60), log.read_text()[-3000:]
        robot = [p for p in processes_mentioning(mark) if b"robot_node" in Path(f"/proc/{p}/cmdline").read_bytes()]
        for pid in robot:
            os.kill(pid, signal.SIGKILL)
        assert robot and process.wait(timeout=20) == 1
    assert "robot_node" in log.read_text()
    assert processes_mentioning(mark) == []
    kept = len(Dataset.open(data))
    assert kept >= len(read_notes(notes)) >= 2
    arguments["episodes"] = "1"
    with launched("record", tmp_path / "again", robot="sim_lift", device="scripted", **arguments) as process:
        assert process.wait(timeout=60) == 0, (tmp_path / "again").read_text()[-3000:]
    assert len(Dataset.open(data)) == kept + 1


def test_a_full_disk_ends_the_session_with_one_clear_line_and_keeps_what_was_recorded(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    script = 'mount -t tmpfs -o size=6m none "$0" && "$@"; code=$?; cp -r "$0/d.zarr" "$0/../kept"; exit $code'
    small = ["unshare", "-rm", "sh", "-c", script, str(disk)]
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("no user namespaces here: a small file system cannot be mounted")
    command = [*small, sys.executable, "-m", "robot_rl.cli", "launch", "record", "device:=scripted", "lockstep:=true"]
    command += [f"dataset:={disk / 'd.zarr'}", "episodes:=50"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert run.returncode == 1
    assert "No space left on device" in run.stdout and "Traceback" not in run.stdout
    kept = Dataset.open(tmp_path / "kept")
    assert len(kept) >= 1
    assert list(verify(kept)) == []


def test_an_unknown_robot_names_the_nearest_and_nothing_is_left_running(tmp_path: Path) -> None:
    with launched("teleop", tmp_path / "log", robot="sim_lif", device="scripted") as process:
        assert process.wait(timeout=30) == 2, "refused before anything starts"
    assert "Did you mean 'sim_lift'?" in (tmp_path / "log").read_text()
