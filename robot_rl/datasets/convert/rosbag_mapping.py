"""Bags of any robot by a mapping in YAML: which part of which topic becomes which field.

    robot: my_arm
    rate: 20                     # steps a second
    instruction: lift the cube
    clock: header                # time of a value: `header` (falls back to `bag` where there is none) or `bag`
    observation:
      ee_pose: {topic: /ee_pose, value: pose, kind: pose, unit: m, frame: base}
      joints: {topic: /joint_states, value: position, joints: [j1, j2], kind: joint_position, unit: rad}
    cameras:
      wrist: {topic: /wrist/image_raw, fps: 30, depth: /wrist/depth}
    action:
      twist: {topic: /cmd_vel, value: [twist.linear, twist.angular], unit: m/s}

`value` names a part of the message, or several to be joined; every number in it is taken in order. `joints` picks
some of each part by the names in a JointState, then `select` some of all by position. A bag is an episode. Its
steps are one period apart, from the moment every mapped topic has been heard until the last action; each takes
the latest action at or before it. Observations keep their own stamps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from robot_rl import workspace
from robot_rl.datasets.convert.description import Description
from robot_rl.datasets.convert.options import ConvertOptions, Report
from robot_rl.datasets.convert.rosbag_files import messages, reading
from robot_rl.datasets.convert.rosbag_messages import numbers, picture, stamp_of
from robot_rl.datasets.convert.rows import Rows, even_stamps, step_at, step_columns
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.record import Sample
from robot_rl.datasets.sampling.alignment import latest_before
from robot_rl.hardware.config import CameraConfig
from robot_rl.settings import typed, yaml_text
from robot_rl.spec import Field, Layout, Spec, SpecError

_TOP = {"robot", "rate", "instruction", "control_mode", "clock", "observation", "cameras", "action"}
_PART = {"topic", "value", "select", "joints"}
_CLOCKS = ("header", "bag")
T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """Some numbers of one topic."""

    name: str
    topic: str
    value: tuple[str, ...]
    """Dotted paths into the message; none stands for all of it."""
    select: tuple[int, ...] | None
    joints: tuple[str, ...] | None
    field: Mapping[str, Any]
    """What the field's description says: kind, unit, frame, ..."""

    def take(self, message: Any) -> NDArray[np.float64]:
        """The numbers (n,) of one message. Raises DatasetError when the message has no such part."""
        out: list[float] = []
        for path in self.value or ("",):
            part = message
            for key in path.split(".") if path else ():
                if not hasattr(part, key):
                    known = workspace.did_you_mean(key, vars(part) if hasattr(part, "__dict__") else ())
                    raise DatasetError(f"field '{self.name}': a message on {self.topic} has no '{key}'.{known}")
                part = getattr(part, key)
            found = numbers(part)
            out += found if self.joints is None else self._of_joints(message, path, found)
        return np.array(out if self.select is None else self._selected(out))

    @property
    def labels(self) -> list[str] | None:
        """A name for each number, where joints are picked by theirs."""
        if self.joints is None:
            return None
        several = len(self.value) > 1
        out = [f"{path}.{joint}" if several else joint for path in self.value or ("",) for joint in self.joints]
        return out if self.select is None else self._selected(out)

    def _of_joints(self, message: Any, path: str, found: list[float]) -> list[float]:
        """The joints asked for, of the numbers of one part."""
        names = list(getattr(message, "name", ()))
        missing = [j for j in self.joints or () if j not in names]
        if missing:
            known = workspace.did_you_mean(missing[0], names)
            raise DatasetError(f"field '{self.name}': {self.topic} has no joint '{missing[0]}'.{known}")
        if len(found) != len(names):
            raise DatasetError(
                f"field '{self.name}': '{path or 'the whole message'}' on {self.topic} holds {len(found)} numbers for "
                f"{len(names)} joints: let `value` name parts that have one for each, such as position"
            )
        return [found[names.index(j)] for j in self.joints or ()]

    def _selected(self, found: list[T]) -> list[T]:
        for i in self.select or ():
            if not -len(found) <= i < len(found):
                raise DatasetError(f"field '{self.name}': select {i} of {len(found)} numbers")
        return [found[i] for i in self.select or ()]


@dataclass(frozen=True)
class _Camera:
    """One entry of `cameras`."""

    topic: str
    fps: float | None = None
    """[Hz]; None takes the rate of the steps."""
    depth: str | None = None
    """Topic of its depth pictures."""


@dataclass(frozen=True)
class Mapped:
    """One mapping file, checked."""

    robot: str
    rate: float
    instruction: str
    control_mode: str
    header_clock: bool
    observation: tuple[Part, ...]
    action: tuple[Part, ...]
    pictures: Mapping[str, str]
    """Picture stream to topic."""
    fps: Mapping[str, float]
    """Camera to its nominal rate [Hz]."""

    @property
    def topics(self) -> set[str]:
        """Every topic that is needed."""
        return {p.topic for p in (*self.observation, *self.action)} | set(self.pictures.values())


def load_mapping(path: Path) -> Mapped:
    """Read a mapping file. Raises DatasetError on a missing or unknown key."""
    try:
        data = yaml_text.load(path.read_text())
    except (OSError, yaml_text.YAMLError) as error:
        raise DatasetError(f"{path} cannot be read as YAML: {error}") from None
    if not isinstance(data, dict):
        raise DatasetError(f"{path}: a mapping was expected")
    for key in data:
        if key not in _TOP:
            raise DatasetError(f"{path}: unknown key '{key}'.{workspace.did_you_mean(str(key), _TOP)}")
    for key in ("robot", "rate", "action"):
        if not data.get(key):
            raise DatasetError(f"{path}: '{key}' is missing")
    clock = str(data.get("clock", "header"))
    if clock not in _CLOCKS:
        raise DatasetError(f"{path}: no clock '{clock}'.{workspace.did_you_mean(clock, _CLOCKS)}")
    given = (data.get("cameras") or {}).items()
    cameras = {str(n): typed.fill(_Camera, c, f"{path}: cameras.{n}", error=DatasetError) for n, c in given}
    pictures = {n: c.topic for n, c in cameras.items()}
    pictures |= {f"{n}_depth": c.depth for n, c in cameras.items() if c.depth}
    return Mapped(
        robot=str(data["robot"]),
        rate=float(data["rate"]),
        instruction=str(data.get("instruction", "")),
        control_mode=str(data.get("control_mode", "")),
        header_clock=clock == "header",
        observation=tuple(_part(path, n, d) for n, d in (data.get("observation") or {}).items()),
        action=tuple(_part(path, n, d) for n, d in data["action"].items()),
        pictures=pictures,
        fps={n: c.fps or float(data["rate"]) for n, c in cameras.items()},
    )


def _part(path: Path, name: str, data: Any) -> Part:
    where = f"{path}: field '{name}'"
    if not isinstance(data, Mapping) or "topic" not in data:
        raise DatasetError(f"{where}: 'topic' is missing")
    try:
        return Part(
            name,
            str(data["topic"]),
            typed.value(tuple[str, ...], data.get("value") or (), f"{where}: value"),
            typed.value(tuple[int, ...] | None, data.get("select"), f"{where}: select"),
            typed.value(tuple[str, ...] | None, data.get("joints"), f"{where}: joints"),
            {k: v for k, v in data.items() if k not in _PART},
        )
    except typed.SettingError as error:
        raise DatasetError(str(error)) from None


def read_mapped(bags: Sequence[Path], target: str | Path, options: ConvertOptions) -> Report:
    """A data set of these bags, one episode each."""
    if options.mapping is None:
        raise DatasetError("a mapping is needed to read these bags")
    mapped = load_mapping(options.mapping)
    contents = _Contents(bags[0], mapped)
    described = _describe(mapped, contents, options)
    lost: dict[str, int] = defaultdict(int)
    steps = 0
    with described.create(target) as dataset:
        for number, bag in enumerate(bags):
            steps += _episode(contents if not number else _Contents(bag, mapped), mapped, dataset, bag, lost)
    return Report(len(bags), steps, tuple(f"{what}: {count} messages" for what, count in sorted(lost.items())))


class _Contents:
    """The numbers of one bag in memory, and where its pictures are."""

    def __init__(self, bag: Path, mapped: Mapped) -> None:
        self.bag, self.mapped = bag, mapped
        self.numbers: dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]] = {}
        self.sizes: dict[str, tuple[int, ...]] = {}
        self.first_picture: dict[str, int] = {}
        self.topics: set[str] = set()
        self._read()

    def _read(self) -> None:
        stamps: dict[str, list[int]] = defaultdict(list)
        values: dict[str, list[NDArray[np.float64]]] = defaultdict(list)
        parts = (*self.mapped.observation, *self.mapped.action)
        streams = {topic: name for name, topic in self.mapped.pictures.items()}
        with reading(self.bag) as reader:
            self.topics = {c.topic for c in reader.connections}
            missing = sorted(self.mapped.topics - self.topics)
            if missing:
                known = workspace.did_you_mean(missing[0], self.topics)
                raise DatasetError(f"{self.bag} has no topic '{missing[0]}'.{known}")
            for topic, at, message in _timed(reader, self.mapped.topics, self.mapped.header_clock):
                for part in parts:
                    if part.topic == topic:
                        stamps[part.name].append(at)
                        values[part.name].append(part.take(message))
                if topic in streams and streams[topic] not in self.sizes:
                    self.sizes[streams[topic]] = picture(message).shape
                    self.first_picture[streams[topic]] = at
        for part in parts:
            if not stamps[part.name]:
                raise DatasetError(f"{self.bag}: not a single message on {part.topic}")
            lengths = {len(v) for v in values[part.name]}
            if len(lengths) > 1:
                raise DatasetError(f"{self.bag}: '{part.name}' has now {min(lengths)}, now {max(lengths)} numbers")
            order = np.argsort(np.array(stamps[part.name]), kind="stable")
            self.numbers[part.name] = np.array(stamps[part.name])[order], np.stack(values[part.name])[order]

    def step_stamps(self, rate: float) -> NDArray[np.int64]:
        """When the steps begin (T,) [ns]."""
        start = max([int(s[0]) for s, _ in self.numbers.values()] + list(self.first_picture.values()))
        last = max(int(self.numbers[p.name][0][-1]) for p in self.mapped.action)
        if last < start:
            raise DatasetError(f"{self.bag}: the last action came before every topic had been heard")
        return start + even_stamps(int((last - start) * rate / 1e9) + 1, rate)


def _describe(mapped: Mapped, contents: _Contents, options: ConvertOptions) -> Description:
    def layout(parts: Sequence[Part]) -> Layout:
        fields = []
        for p in parts:
            data = {"shape": [contents.numbers[p.name][1].shape[1]], **p.field}
            if p.labels:
                data.setdefault("labels", p.labels)
            fields.append(Field.from_dict(p.name, data))
        return Layout(tuple(fields))

    try:
        spec = Spec(mapped.robot, mapped.rate, layout(mapped.observation), layout(mapped.action), mapped.control_mode)
    except (SpecError, TypeError) as error:
        raise DatasetError(f"{options.mapping}: {error}") from None
    cameras = {}
    for name, fps in mapped.fps.items():
        height, width = contents.sizes[name][:2]
        depth = f"{name}_depth" in mapped.pictures
        cameras[name] = CameraConfig(name, "rosbag", width=width, height=height, fps=fps, depth=depth)
    return Description(spec, cameras, dict.fromkeys(mapped.pictures, options.codec), {}, {"converted": "rosbag"})


def _episode(contents: _Contents, mapped: Mapped, dataset: Dataset, bag: Path, lost: dict[str, int]) -> int:
    at = contents.step_stamps(mapped.rate)
    actions = []
    for part in mapped.action:
        stamps, values = contents.numbers[part.name]
        actions.append(values[latest_before(stamps, at)])
    columns = step_columns(Rows({"executed": np.concatenate(actions, axis=1), "stamp": at}, {}), mapped.rate)
    with dataset.new_episode(instruction=mapped.instruction, source=bag.name) as writer:
        for t in range(len(at)):
            writer.add_step(step_at(columns, t))
        for part in mapped.observation:
            for stamp, value in zip(*contents.numbers[part.name]):
                writer.add_sample(Sample(part.name, int(stamp), value))
        last: dict[str, int] = {}
        streams = {topic: name for name, topic in mapped.pictures.items()}
        with reading(bag) as reader:
            for topic, stamp, message in _timed(reader, set(streams), mapped.header_clock):
                name = streams[topic]
                if stamp < last.get(name, stamp):
                    lost[f"{topic} in {bag.name}, older than the one before"] += 1
                    continue
                last[name] = stamp
                writer.add_sample(Sample(name, stamp, picture(message)))
        writer.commit(None)
        return writer.steps


def _timed(reader: Any, topics: set[str], header_clock: bool) -> Iterator[tuple[str, int, Any]]:
    """(topic, time [ns], message) of these topics."""
    for topic, logged, message in messages(reader, topics):
        stamp = stamp_of(message) if header_clock else None
        yield topic, logged if stamp is None else stamp, message
