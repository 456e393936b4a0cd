"""One value of a stream as a ROS 2 message and back, by the kind of its field (no files).

Numbers go out exactly: float64 or int64 in every message used. The time of a message is an argument, since
the kinds without a header have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.store.codecs import ImageCodec, opencv
from robot_rl.spec import Field

_TYPES = {
    "pose": "geometry_msgs/msg/PoseStamped",
    "twist": "geometry_msgs/msg/TwistStamped",
    "wrench": "geometry_msgs/msg/WrenchStamped",
    "joint_position": "sensor_msgs/msg/JointState",
    "joint_velocity": "sensor_msgs/msg/JointState",
    "joint_effort": "sensor_msgs/msg/JointState",
    "image": "sensor_msgs/msg/Image",
    "depth": "sensor_msgs/msg/Image",
}
_JOINT = {"joint_position": "position", "joint_velocity": "velocity", "joint_effort": "effort"}
FLOATS, INTEGERS = "std_msgs/msg/Float64MultiArray", "std_msgs/msg/Int64MultiArray"
COMPRESSED = "sensor_msgs/msg/CompressedImage"


def message_type(field: Field, codec: ImageCodec | None) -> str:
    """The message that carries a field; pictures stored as JPEG or PNG go out as they are stored."""
    if codec is not None and codec.name in ("jpeg", "png") and field.kind == "image":
        return COMPRESSED
    numeric = INTEGERS if np.dtype(field.dtype).kind in "iub" else FLOATS
    if field.kind in ("pose", "twist", "wrench") and field.dtype == "float64":
        return _TYPES[field.kind]
    if field.kind in _JOINT and len(field.shape) == 1 and numeric == FLOATS:
        return _TYPES[field.kind]
    return _TYPES[field.kind] if field.is_image else numeric


class Messages:
    """Makes messages of one type store."""

    def __init__(self, types: Mapping[str, Any]) -> None:
        self._types = types

    def header(self, stamp: int, frame: str) -> Any:
        """A header with this time [ns]."""
        seconds, nanoseconds = divmod(stamp, 1_000_000_000)
        time = self._types["builtin_interfaces/msg/Time"](sec=seconds, nanosec=nanoseconds)
        return self._types["std_msgs/msg/Header"](stamp=time, frame_id=frame)

    def value(self, field: Field, codec: ImageCodec | None, stamp: int, value: Any) -> Any:
        """One value of a stream; `bytes` are a picture encoded already."""
        kind = message_type(field, codec)
        header = self.header(stamp, field.frame)
        if codec is not None and kind == COMPRESSED:
            return self._types[kind](header=header, format=codec.name, data=np.frombuffer(value, np.uint8))
        if kind in (FLOATS, INTEGERS):
            return self.array(np.asarray(value), kind)
        if field.is_image:
            return self._image(field, header, np.asarray(value))
        if kind == "sensor_msgs/msg/JointState":
            return self._joints(field, header, np.asarray(value, np.float64))
        x = [float(v) for v in value]
        return getattr(self, f"_{field.kind}")(header, x)

    def array(self, value: NDArray[Any], kind: str) -> Any:
        """An array of any shape as a multi-array."""
        dimension, layout = (self._types[f"std_msgs/msg/MultiArray{n}"] for n in ("Dimension", "Layout"))
        strides = np.cumprod([1, *value.shape[::-1]])[1:][::-1]
        dims = [dimension(label="", size=int(n), stride=int(s)) for n, s in zip(value.shape, strides)]
        data = np.ascontiguousarray(value).reshape(-1).astype(np.int64 if kind == INTEGERS else np.float64)
        return self._types[kind](layout=layout(dim=dims, data_offset=0), data=data)

    def text(self, text: str) -> Any:
        return self._types["std_msgs/msg/String"](data=text)

    def _vector(self, x: list[float]) -> Any:
        return self._types["geometry_msgs/msg/Vector3"](x=x[0], y=x[1], z=x[2])

    def _pose(self, header: Any, x: list[float]) -> Any:
        point = self._types["geometry_msgs/msg/Point"](x=x[0], y=x[1], z=x[2])
        turn = self._types["geometry_msgs/msg/Quaternion"](x=x[3], y=x[4], z=x[5], w=x[6])
        pose = self._types["geometry_msgs/msg/Pose"](position=point, orientation=turn)
        return self._types[_TYPES["pose"]](header=header, pose=pose)

    def _twist(self, header: Any, x: list[float]) -> Any:
        twist = self._types["geometry_msgs/msg/Twist"](linear=self._vector(x[:3]), angular=self._vector(x[3:]))
        return self._types[_TYPES["twist"]](header=header, twist=twist)

    def _wrench(self, header: Any, x: list[float]) -> Any:
        wrench = self._types["geometry_msgs/msg/Wrench"](force=self._vector(x[:3]), torque=self._vector(x[3:]))
        return self._types[_TYPES["wrench"]](header=header, wrench=wrench)

    def _joints(self, field: Field, header: Any, x: NDArray[np.float64]) -> Any:
        parts = dict.fromkeys(_JOINT.values(), np.empty(0)) | {_JOINT[field.kind]: x}
        return self._types[_TYPES[field.kind]](header=header, name=list(field.labels), **parts)

    def _image(self, field: Field, header: Any, value: NDArray[Any]) -> Any:
        height, width = value.shape[:2]
        encoding = "rgb8" if field.kind == "image" else "16UC1"
        data = np.ascontiguousarray(value).view(np.uint8).reshape(-1)
        return self._types["sensor_msgs/msg/Image"](
            header=header,
            height=height,
            width=width,
            encoding=encoding,
            is_bigendian=0,
            step=data.size // height,
            data=data,
        )


_CHANNELS = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1, "8UC3": 3, "8UC1": 1}
_DEPTH = {"16UC1": "u2", "mono16": "u2", "32FC1": "f4"}


def picture(message: Any) -> NDArray[Any]:
    """An Image or CompressedImage as (H, W, 3) uint8 RGB, or as depth (H, W) uint16 [mm].

    Depth in metres (32FC1) is rounded to millimetres; what is not finite or beyond 65.535 m becomes 0.

    Raises:
        DatasetError: an encoding that is not known.
    """
    if not hasattr(message, "encoding"):
        return _decompressed(message)
    rows = np.asarray(message.data, np.uint8).reshape(message.height, message.step)
    order = ">" if message.is_bigendian else "<"
    if message.encoding in _DEPTH:
        kind = np.dtype(order + _DEPTH[message.encoding])
        depth = rows[:, : message.width * kind.itemsize].copy().view(kind)
        if kind.kind == "u":
            return depth.astype(np.uint16)
        known = np.isfinite(depth) & (depth >= 0) & (depth < 65.5355)
        return np.round(np.where(known, depth, 0.0) * 1000).astype(np.uint16)
    if message.encoding not in _CHANNELS:
        known_ones = ", ".join([*_CHANNELS, *_DEPTH])
        raise DatasetError(f"image encoding '{message.encoding}' is not known; known: {known_ones}")
    channels = _CHANNELS[message.encoding]
    pixels = rows[:, : message.width * channels].reshape(message.height, message.width, channels)
    if channels == 1:
        return np.repeat(pixels, 3, axis=2)
    colours = pixels[..., :3]
    return np.ascontiguousarray(colours[..., ::-1] if message.encoding.startswith("bgr") else colours)


def _decompressed(message: Any) -> NDArray[Any]:
    cv2 = opencv()
    pixels = cv2.imdecode(np.asarray(message.data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise DatasetError(f"a compressed image of format '{message.format}' cannot be decoded")
    if pixels.ndim == 2 and pixels.dtype == np.uint16:
        return np.asarray(pixels)
    code = {2: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB}[pixels.ndim]
    return np.asarray(cv2.cvtColor(pixels[..., :3] if pixels.ndim == 3 else pixels, code))


def numbers(message: Any) -> list[float]:
    """Every number in a message in the order of its definition, headers left out."""
    if isinstance(message, bool | int | float | np.generic):
        return [float(message)]
    if isinstance(message, np.ndarray):
        return [float(v) for v in message.reshape(-1)]
    if isinstance(message, str):
        return []
    if isinstance(message, list | tuple):
        return [v for part in message for v in numbers(part)]
    parts = {k: v for k, v in vars(message).items() if not k.startswith("_") and k not in ("header", "layout")}
    return [v for part in parts.values() for v in numbers(part)]


def stamp_of(message: Any) -> int | None:
    """The time in a message's header [ns]; None where there is no header or it was never filled."""
    header = getattr(message, "header", None)
    if header is None or not (header.stamp.sec or header.stamp.nanosec):
        return None
    return int(header.stamp.sec) * 1_000_000_000 + int(header.stamp.nanosec)
