"""rosbag2 with MCAP, both ways: a folder with one bag an episode.

Every stream is a topic at its own rate with its own stamps, so nothing is resampled: pose, twist, wrench,
joint states and images as the standard messages, other numbers as multi-arrays. `/step/<column>` holds the
steps, and the first message, on `/episode`, says the rest in JSON. Bags of others are read by a mapping of
topics to fields; see `rosbag_mapping`.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.datasets.convert.description import KEY, Description
from robot_rl.datasets.convert.options import ConvertOptions, Report
from robot_rl.datasets.convert.rosbag_files import find_bags, messages, reading
from robot_rl.datasets.convert.rosbag_mapping import read_mapped
from robot_rl.datasets.convert.rosbag_messages import COMPRESSED, FLOATS, INTEGERS, Messages, message_type, picture
from robot_rl.datasets.convert.rows import kept_attributes, step_at
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.episode import Episode
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.record import STEP_DTYPES, Sample
from robot_rl.datasets.recording.writer import EpisodeWriter
from robot_rl.datasets.store.codecs import ImageCodec
from robot_rl.datasets.store.reading import Frames
from robot_rl.spec import Field

EPISODE_TOPIC = "/episode"


def write(dataset: Dataset, target: Path, options: ConvertOptions) -> Report:
    """A folder of bags `episode_000012/`, each with `metadata.yaml` and one `.mcap` file."""
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    chosen = [dataset.episode(n) for n in options.episodes or dataset.numbers]
    store = get_typestore(Stores.ROS2_JAZZY)
    maker = Messages(store.types)
    topics = {name: topic_of(name, f) for name, f in dataset.fields.items()}
    if len(set(topics.values())) < len(topics):
        raise DatasetError(f"two streams would share a topic: {', '.join(sorted(topics.values()))}; rename one")
    description = Description.of(dataset).to_json()
    target.mkdir(parents=True)
    for episode in chosen:
        said = {"description": description, "topics": topics, "episode": kept_attributes(episode)}
        if "end" in episode.attributes:
            said["episode"]["end"] = episode.attributes["end"]
        bag = target / f"episode_{episode.number:06d}"
        with Writer(bag, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
            connections = {
                topic: writer.add_connection(topic, kind, typestore=store)
                for topic, kind in _connections(dataset, topics).items()
            }
            for stamp, topic, message in _in_order(dataset, episode, topics, maker, json.dumps({KEY: said})):
                connection = connections[topic]
                writer.write(connection, stamp, store.serialize_cdr(message, connection.msgtype))
    return Report(len(chosen), sum(len(e) for e in chosen), ())


def topic_of(name: str, field: Field) -> str:
    """The topic of a stream; what ROS does not allow in a name becomes an underscore."""
    plain = "".join(c if c.isalnum() and c.isascii() else "_" for c in name)
    return f"/{plain}/image_raw" if field.is_image else f"/observation/{plain}"


def _connections(dataset: Dataset, topics: dict[str, str]) -> dict[str, str]:
    out = {EPISODE_TOPIC: "std_msgs/msg/String"}
    out |= {topics[n]: message_type(f, dataset.codecs.get(n)) for n, f in dataset.fields.items()}
    return out | {f"/step/{n}": _step_type(n) for n in STEP_DTYPES if n != "stamp"}


def _step_type(column: str) -> str:
    return FLOATS if np.dtype(STEP_DTYPES[column]).kind == "f" else INTEGERS


def _in_order(
    dataset: Dataset, episode: Episode, topics: dict[str, str], maker: Messages, said: str
) -> Iterator[tuple[int, str, Any]]:
    """Every message in the order of time, one in memory for each topic."""
    first = min([int(episode.steps["stamp"][0]), *(int(episode.stream(n).stamps[0]) for n in _heard(episode))])
    yield first, EPISODE_TOPIC, maker.text(said)
    sources = [_steps(episode, maker)]
    sources += [
        _stream(episode, n, dataset.fields[n], dataset.codecs.get(n), topics[n], maker) for n in _heard(episode)
    ]
    yield from heapq.merge(*sources, key=lambda item: item[0])


def _heard(episode: Episode) -> list[str]:
    return [n for n in episode.stream_names if len(episode.stream(n))]


def _stream(
    episode: Episode, name: str, field: Field, codec: ImageCodec | None, topic: str, maker: Messages
) -> Iterator[tuple[int, str, Any]]:
    stream = episode.stream(name)
    as_stored = message_type(field, codec) == COMPRESSED
    for row, stamp in enumerate(stream.stamps.tolist()):
        if isinstance(stream.values, Frames) and as_stored:
            value: Any = stream.values.encoded(np.array([row]))[0]
        else:
            value = stream.values[row]
        yield stamp, topic, maker.value(field, codec, stamp, value)


def _steps(episode: Episode, maker: Messages) -> Iterator[tuple[int, str, Any]]:
    for t, stamp in enumerate(episode.steps["stamp"].tolist()):
        for name in STEP_DTYPES:
            if name != "stamp":
                value = np.atleast_1d(episode.steps[name][t])
                yield stamp, f"/step/{name}", maker.array(value, _step_type(name))


def read(source: Path, target: str | Path, options: ConvertOptions) -> Report:
    """A data set of bags: ours as they are, others' by `options.mapping`."""
    bags = find_bags(source)
    if options.mapping is not None:
        return read_mapped(bags, target, options)
    steps = 0
    first = _said(bags[0])
    with Description.from_json(first["description"], str(bags[0])).create(target) as dataset:
        for bag in bags:
            steps += _read_own(bag, dataset)
        return Report(len(dataset), steps, ())


def _said(bag: Path) -> dict[str, Any]:
    with reading(bag) as reader:
        for _, _, message in messages(reader, {EPISODE_TOPIC}):
            text = json.loads(message.data)
            if KEY in text:
                return dict(text[KEY])
    raise DatasetError(f"{bag} was not written by robot_rl; say with --mapping which topic becomes which field")


def _read_own(bag: Path, dataset: Dataset) -> int:
    said = _said(bag)
    streams = {topic: name for name, topic in said["topics"].items()}
    columns = {f"/step/{n}": n for n in STEP_DTYPES if n != "stamp"}
    attributes = dict(said["episode"])
    success, ends = attributes.pop("success", None), {k: attributes.pop(k) for k in ("end",) if k in attributes}
    started = attributes.pop("started", None)
    with reading(bag) as reader, dataset.new_episode(**attributes) as writer:
        writer.attributes |= {} if started is None else {"started": started}
        row: dict[str, Any] = {}
        for topic, stamp, message in messages(reader, {*streams, *columns}):
            if topic in streams:
                _add(writer, dataset, streams[topic], stamp, message)
            else:
                row[columns[topic]] = message.data
                if len(row) == len(STEP_DTYPES) - 1:
                    _add_step(writer, stamp, row)
                    row = {}
        if row:
            raise DatasetError(f"{bag}: the last step lacks {sorted(set(STEP_DTYPES) - set(row) - {'stamp'})[0]}")
        writer.commit(success, **ends)
        return writer.steps


def _add(writer: EpisodeWriter, dataset: Dataset, name: str, stamp: int, message: Any) -> None:
    field, codec = dataset.fields[name], dataset.codecs.get(name)
    if codec is not None and message_type(field, codec) == COMPRESSED:
        writer.add_encoded(name, stamp, bytes(message.data))
        return
    writer.add_sample(Sample(name, stamp, _value(field, codec, message)))


def _value(field: Field, codec: ImageCodec | None, message: Any) -> Any:
    if field.is_image:
        return picture(message)
    kind = message_type(field, codec)
    if kind in (FLOATS, INTEGERS):
        return np.asarray(message.data).reshape(field.shape).astype(field.dtype)
    match field.kind:
        case "pose":
            p, q = message.pose.position, message.pose.orientation
            return np.array([p.x, p.y, p.z, q.x, q.y, q.z, q.w])
        case "twist":
            a, b = message.twist.linear, message.twist.angular
        case "wrench":
            a, b = message.wrench.force, message.wrench.torque
        case _:
            return np.asarray(getattr(message, field.kind.removeprefix("joint_"))).astype(field.dtype)
    return np.array([a.x, a.y, a.z, b.x, b.y, b.z])


def _add_step(writer: EpisodeWriter, stamp: int, row: dict[str, Any]) -> None:
    actions = ("executed", "proposed", "human")
    columns = {n: np.asarray(v if n in actions else v[0]).astype(STEP_DTYPES[n])[None] for n, v in row.items()}
    writer.add_step(step_at(columns | {"stamp": np.array([stamp])}, 0))
