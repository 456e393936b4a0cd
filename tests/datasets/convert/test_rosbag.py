from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from robot_rl.datasets import Dataset, DatasetError, Sample
from robot_rl.datasets.convert import ConvertOptions, export_dataset, import_dataset
from robot_rl.datasets.convert.rosbag_mapping import Part
from robot_rl.datasets.convert.rosbag_messages import Messages, numbers, picture

STORE = get_typestore(Stores.ROS2_JAZZY)
T = STORE.types


def test_the_round_trip_loses_nothing_at_all(recording: Dataset, tmp_path: Path, check: Any) -> None:
    assert export_dataset(recording, tmp_path / "bags", "rosbag").losses == ()
    import_dataset(tmp_path / "bags", tmp_path / "back", "rosbag")
    back = Dataset.open(tmp_path / "back")
    check.description(recording, back)
    for a, b in zip(recording, back):
        check.steps(a, b)
        check.attributes(a, b)
        for name in a.stream_names:
            np.testing.assert_array_equal(a.stream(name).stamps, b.stream(name).stamps)
            np.testing.assert_array_equal(a.stream(name).values[:], b.stream(name).values[:], err_msg=name)


def test_pictures_stored_as_jpeg_travel_as_they_are(recording: Dataset, tmp_path: Path) -> None:
    lossy = Dataset.create(tmp_path / "jpeg", recording.spec, recording.cameras, images="jpeg:80")
    with lossy.new_episode() as writer:
        for name in recording[0].stream_names:
            stream = recording[0].stream(name)
            for stamp, value in zip(stream.stamps, stream.values[:]):
                writer.add_sample(Sample(name, int(stamp), value))
        from robot_rl.datasets.convert.rows import step_at

        for t in range(len(recording[0])):
            writer.add_step(step_at(recording[0].steps, t))
        writer.commit(True)
    export_dataset(lossy, tmp_path / "bags", "rosbag")
    import_dataset(tmp_path / "bags", tmp_path / "back", "rosbag")
    every = np.arange(8)
    a, b = (Dataset.open(p)[0].stream("wrist").values.encoded(every) for p in (tmp_path / "jpeg", tmp_path / "back"))
    assert a == b and a[0][:2] == b"\xff\xd8"


def test_rosbags_and_the_mcap_reader_open_the_bag_and_agree(recording: Dataset, tmp_path: Path) -> None:
    export_dataset(recording, tmp_path / "bags", "rosbag")
    bag = tmp_path / "bags/episode_000002"
    stream = recording[2].stream("ee_pose")
    with AnyReader([bag]) as reader:
        wanted = [c for c in reader.connections if c.topic == "/observation/ee_pose"]
        assert wanted[0].msgtype == "geometry_msgs/msg/PoseStamped" and wanted[0].msgcount == 13
        poses = [(t, reader.deserialize(d, c.msgtype)) for c, t, d in reader.messages(wanted)]
    assert [t for t, _ in poses] == stream.stamps.tolist()
    assert poses[3][1].pose.position.x == stream.values[3, 0] and poses[3][1].header.frame_id == "base"
    with next(bag.glob("*.mcap")).open("rb") as file:  # as Foxglove reads it: definitions from the file itself
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        schemas = {s.name: s for s in reader.get_summary().schemas.values()}
        assert schemas["sensor_msgs/msg/Image"].encoding == "ros2msg"
        found = list(reader.iter_decoded_messages(topics=["/observation/ee_pose", "/wrist/image_raw"]))
    poses2 = [(m.log_time, d.pose.position.x) for _, c, m, d in found if c.topic == "/observation/ee_pose"]
    assert poses2 == [(t, m.pose.position.x) for t, m in poses]
    images = [d for _, c, _, d in found if c.topic == "/wrist/image_raw"]
    np.testing.assert_array_equal(
        np.frombuffer(images[5].data, np.uint8).reshape(16, 16, 3), recording[2].stream("wrist").values[5]
    )


def header(ns: int) -> Any:
    return Messages(T).header(ns, "base")


MAPPING = """
robot: bot
rate: 10
instruction: push
observation:
  joints: {topic: /joints, value: position, joints: [elbow, shoulder], kind: joint_position, unit: rad}
  force: {topic: /ft, value: wrench.force, select: [2], unit: N}
cameras:
  front: {topic: /image, fps: 5}
action:
  twist: {topic: /cmd, value: [twist.linear, twist.angular], unit: m/s}
"""


def bag_of_another(path: Path, commands: tuple[float, ...] = (0.25, 0.31, 0.48, 0.62)) -> None:
    """Header times start at 100 s; the bag's own clock is 7 ms late. Commands come at odd moments."""
    m, ns = Messages(T), 1_000_000_000
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        kinds = {"/joints": "JointState", "/ft": "WrenchStamped", "/image": "Image", "/cmd": "TwistStamped"}
        places = {"JointState": "sensor_msgs", "Image": "sensor_msgs"}
        links = {
            t: writer.add_connection(t, f"{places.get(k, 'geometry_msgs')}/msg/{k}", typestore=STORE)
            for t, k in kinds.items()
        }

        def put(topic: str, at: float, message: Any) -> None:
            stamp = 100 * ns + round(at * ns)
            message.header = header(stamp)
            writer.write(links[topic], stamp + 7_000_000, STORE.serialize_cdr(message, links[topic].msgtype))

        empty = np.empty(0)
        for k in range(20):
            x = np.array([k, -k], float)
            state = T["sensor_msgs/msg/JointState"]
            put("/joints", k * 0.05, state(header(0), ["shoulder", "elbow"], position=x, velocity=empty, effort=empty))
            wrench = m._wrench(header(0), [1.0, 2.0, k / 8, 4.0, 5.0, 6.0])
            put("/ft", 0.1 + k * 0.01, wrench)
        for k in range(5):
            pixels = np.zeros((4, 6, 3), np.uint8)
            pixels[..., 2] = k  # red in bgr8
            image = T["sensor_msgs/msg/Image"]
            put("/image", k * 0.2, image(header(0), 4, 6, "bgr8", 0, 18, pixels.reshape(-1)))
        for k, at in enumerate(commands):
            put("/cmd", at, m._twist(header(0), [k, 0, 0, 0, 0, k / 2]))


def test_another_robots_bag_is_aligned_by_the_stamps_in_its_headers(tmp_path: Path) -> None:
    bag_of_another(tmp_path / "bag")
    (tmp_path / "map.yaml").write_text(MAPPING)
    import_dataset(tmp_path / "bag", tmp_path / "ours", "rosbag", ConvertOptions(mapping=tmp_path / "map.yaml"))
    episode = Dataset.open(tmp_path / "ours")[0]
    # every topic has been heard at 100.25 s (the first command); the last command is at 100.62 s
    assert episode.steps["stamp"].tolist() == [100_250_000_000 + k * 100_000_000 for k in range(4)]
    # commands at .25 .31 .48 .62, steps at .25 .35 .45 .55: the latest at or before
    assert episode.steps["executed"][:, 0].tolist() == [0, 1, 1, 2]
    assert episode.steps["executed"][:, 5].tolist() == [0, 0.5, 0.5, 1]
    seen = episode.aligned(["joints", "force", "front"])
    assert seen["joints"].tolist() == [[-5, 5], [-7, 7], [-9, 9], [-11, 11]]  # elbow first, as asked for
    assert seen["force"][:, 0].tolist() == [15 / 8, 19 / 8, 19 / 8, 19 / 8]
    assert seen["front"][:, 0, 0].tolist() == [[1, 0, 0], [1, 0, 0], [2, 0, 0], [2, 0, 0]]
    assert len(episode.stream("joints")) == 20  # all of them, at their own rate
    assert episode.stream("joints").stamps[1] == 100_050_000_000  # the header's time, not the bag's
    assert episode.spec.observation["joints"].labels == ("elbow", "shoulder")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("/joints,", "/joint_states,", "no topic '/joint_states'"),
        ("[elbow, shoulder]", "[elbo, shoulder]", "Did you mean 'elbow'"),
        ("wrench.force", "wrench.forse", "Did you mean 'force'"),
        ("rate: 10", "rat: 10", "Did you mean 'rate'"),
        ("select: [2]", "select: [3]", "select 3 of 3"),
        ("select: [2]", "select: [-4]", "select -4 of 3"),
        ("select: [2]", "select: [z]", "select[0] is 'z'; it must be a whole number"),
        ("value: position,", "value: [position, effort],", "'effort' on /joints holds 0 numbers for 2 joints"),
        ("value: wrench.force,", "value: wrench.force, joints: [x],", "/ft has no joint 'x'"),
        ("rate: 10", "rate: 10\nclock: heder", "no clock 'heder'. Did you mean 'header'"),
        ("fps: 5", "fsp: 5", "cameras.front: unknown option 'fsp'. Did you mean 'fps'"),
        ("fps: 5", "fps: five", "cameras.front.fps is 'five'; it must be a number"),
        ("topic: /image, ", "", "cameras.front.topic' is missing"),
        ("{topic: /cmd,", "{tpic: /cmd,", "field 'twist': 'topic' is missing"),
    ],
)
def test_a_mistake_in_the_mapping_is_named(old: str, new: str, says: str, tmp_path: Path) -> None:
    bag_of_another(tmp_path / "bag")
    (tmp_path / "map.yaml").write_text(MAPPING.replace(old, new))
    with pytest.raises(DatasetError, match=re.escape(says)):
        import_dataset(tmp_path / "bag", tmp_path / "ours", "rosbag", ConvertOptions(mapping=tmp_path / "map.yaml"))
    assert not (tmp_path / "ours").exists()


def test_joints_are_picked_from_each_part_by_itself() -> None:
    message = SimpleNamespace(name=["b", "a"], position=np.array([1.0, 2.0]), velocity=np.array([10.0, 20.0]))
    both = Part("joints", "/joints", ("position", "velocity"), None, ("a", "b"), {})
    assert both.take(message).tolist() == [2, 1, 20, 10]
    assert both.labels == ["position.a", "position.b", "velocity.a", "velocity.b"]
    some = replace(both, select=(-1, 0))
    assert some.take(message).tolist() == [10, 2] and some.labels == ["velocity.b", "position.a"]


def test_without_a_mapping_another_robots_bag_is_refused(tmp_path: Path) -> None:
    bag_of_another(tmp_path / "bag")
    with pytest.raises(DatasetError, match="--mapping"):
        import_dataset(tmp_path / "bag", tmp_path / "ours", "rosbag")


def test_a_torn_bag_is_refused(recording: Dataset, tmp_path: Path) -> None:
    export_dataset(recording, tmp_path / "bags", "rosbag")
    file = next((tmp_path / "bags/episode_000000").glob("*.mcap"))
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(DatasetError, match="cannot be read as a bag"):
        import_dataset(tmp_path / "bags", tmp_path / "ours", "rosbag")


def image(encoding: str, data: np.ndarray, step: int, big: int = 0) -> Any:
    height, width = 2, 2
    return T["sensor_msgs/msg/Image"](header(0), height, width, encoding, big, step, data.reshape(-1).view(np.uint8))


def test_pictures_are_read_whatever_their_encoding() -> None:
    red = np.array([[[0, 0, 9, 255]] * 2] * 2, np.uint8)
    assert picture(image("bgra8", red, 8))[0, 0].tolist() == [9, 0, 0]
    assert picture(image("mono8", np.full((2, 2), 5, np.uint8), 2))[1, 1].tolist() == [5, 5, 5]
    padded = np.array([[1, 2, 3, 4, 5, 6, 99, 99]] * 2, np.uint8)  # rows are longer than the picture
    assert picture(image("rgb8", padded, 8))[1].tolist() == [[1, 2, 3], [4, 5, 6]]
    millimetres = np.array([[1, 2], [3, 40000]], np.uint16)
    assert picture(image("16UC1", millimetres, 4)).tolist() == millimetres.tolist()
    assert picture(image("16UC1", millimetres.byteswap(), 4, big=1)).tolist() == millimetres.tolist()
    metres = np.array([[1.2344, np.nan], [np.inf, 70.0]], np.float32)
    assert picture(image("32FC1", metres, 8)).tolist() == [[1234, 0], [0, 0]]
    with pytest.raises(DatasetError, match="yuv422"):
        picture(image("yuv422", np.zeros((2, 4), np.uint8), 4))


def test_numbers_of_a_message_come_in_the_order_of_its_definition() -> None:
    assert numbers(Messages(T)._pose(header(5), [1, 2, 3, 4, 5, 6, 7])) == [1, 2, 3, 4, 5, 6, 7]


def test_the_description_of_the_episode_is_the_first_message(recording: Dataset, tmp_path: Path) -> None:
    export_dataset(recording, tmp_path / "bags", "rosbag")
    with AnyReader([tmp_path / "bags/episode_000000"]) as reader:
        connection, _, data = next(reader.messages())
        said = json.loads(reader.deserialize(data, connection.msgtype).data)
    assert said["robot_rl"]["episode"]["instruction"] == "lift the cube"
