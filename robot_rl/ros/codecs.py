"""Named fields to standard ROS 2 messages and back.

rclpy does not check scalar types when field checks are off (a numpy float arrives as noise), so every
scalar is converted here and nowhere else.
"""

from __future__ import annotations

import array
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import PoseStamped, TwistStamped, WrenchStamped
from numpy.typing import ArrayLike, NDArray
from sensor_msgs.msg import CameraInfo, Image, JointState

from robot_rl.hardware.camera import Intrinsics
from robot_rl.spec import Field, SpecError


def to_time(stamp: int) -> Time:
    """Nanoseconds to a ROS time."""
    return Time(sec=int(stamp // 1_000_000_000), nanosec=int(stamp % 1_000_000_000))


def from_time(time: Time) -> int:
    """A ROS time to nanoseconds."""
    return int(time.sec) * 1_000_000_000 + int(time.nanosec)


def stamp_of(message: Any) -> int:
    """The header stamp [ns] of a stamped message."""
    return from_time(message.header.stamp)


def _doubles(values: ArrayLike) -> array.array[float]:
    return array.array("d", np.ascontiguousarray(values, np.float64).tobytes())


def _floats(values: Any) -> NDArray[np.float64]:
    return np.array(values, np.float64)


def labelled(stamp: int, labels: Sequence[str], values: ArrayLike) -> JointState:
    """A stamped vector with a name for each number."""
    message = JointState()
    message.header.stamp = to_time(stamp)
    message.name = list(labels)
    message.position = _doubles(values)
    return message


def unlabelled(message: JointState, labels: Sequence[str]) -> NDArray[np.float64]:
    """The numbers of a labelled vector (len(labels),). Raises SpecError when the labels are not those expected."""
    if list(message.name) != list(labels):
        raise SpecError(f"labelled vector holds {list(message.name)}, expected {list(labels)}")
    values = _floats(message.position)
    if values.shape != (len(labels),):
        raise SpecError(f"labelled vector holds {values.size} numbers for {len(labels)} labels")
    return values


def scene_message(stamp: int, qpos: ArrayLike, qvel: ArrayLike) -> JointState:
    """The generalised coordinates of a simulated scene."""
    message = labelled(stamp, (), qpos)
    message.velocity = _doubles(qvel)
    return message


FIELD_TYPES: dict[str, type] = {"pose": PoseStamped, "twist": TwistStamped, "wrench": WrenchStamped}
"""Message type of each field kind; every other kind is a JointState."""


def message_type(field: Field) -> type:
    """The message type that carries one value of a (not joint) field."""
    return FIELD_TYPES.get(field.kind, JointState)


def encode(field: Field, stamp: int, value: ArrayLike) -> Any:
    """One value of a field as its standard message, frame and stamp filled in."""
    numbers = [float(x) for x in np.asarray(value, np.float64)]
    if field.kind == "pose":
        message = PoseStamped()
        position, orientation = message.pose.position, message.pose.orientation
        position.x, position.y, position.z = numbers[:3]
        orientation.x, orientation.y, orientation.z, orientation.w = numbers[3:]
    elif field.kind == "twist":
        message = TwistStamped()
        linear, angular = message.twist.linear, message.twist.angular
        linear.x, linear.y, linear.z = numbers[:3]
        angular.x, angular.y, angular.z = numbers[3:]
    elif field.kind == "wrench":
        message = WrenchStamped()
        force, torque = message.wrench.force, message.wrench.torque
        force.x, force.y, force.z = numbers[:3]
        torque.x, torque.y, torque.z = numbers[3:]
    else:
        message = labelled(stamp, field.labels, numbers)
    message.header.stamp = to_time(stamp)
    message.header.frame_id = field.frame
    return message


def decode(field: Field, message: Any) -> NDArray[np.float64]:
    """The value (n,) that a message carries. Raises SpecError when its labels or frame are not the field's."""
    if field.frame and message.header.frame_id and message.header.frame_id != field.frame:
        raise SpecError(f"field '{field.name}': frame '{message.header.frame_id}', the spec says '{field.frame}'")
    if field.kind == "pose":
        p, q = message.pose.position, message.pose.orientation
        return np.array([p.x, p.y, p.z, q.x, q.y, q.z, q.w])
    if field.kind == "twist":
        v, w = message.twist.linear, message.twist.angular
        return np.array([v.x, v.y, v.z, w.x, w.y, w.z])
    if field.kind == "wrench":
        f, t = message.wrench.force, message.wrench.torque
        return np.array([f.x, f.y, f.z, t.x, t.y, t.z])
    return unlabelled(message, field.labels)


JOINT_SLOTS = {"joint_position": "position", "joint_velocity": "velocity", "joint_effort": "effort"}
"""The field kinds that share one JointState on `joint_states`, and the array each one fills."""


def encode_joints(stamp: int, names: Sequence[str], values: Mapping[Any, ArrayLike]) -> JointState:
    """Joint fields, by kind, as one JointState."""
    message = JointState()
    message.header.stamp = to_time(stamp)
    message.name = list(names)
    for kind, value in values.items():
        setattr(message, JOINT_SLOTS[kind], _doubles(value))
    return message


def decode_joints(message: JointState, field: Field, names: Sequence[str] = ()) -> NDArray[np.float64]:
    """The array of a JointState that belongs to a joint field (n,), in the field's order whatever the message's is.

    Args:
        names: what the message calls the field's numbers, in their order; by default the field's own labels.

    Raises:
        SpecError: the message names other joints, or holds no number for each: it is somebody else's.
    """
    wanted, given = list(names or field.labels), list(message.name)
    values = _floats(getattr(message, JOINT_SLOTS[field.kind]))
    if sorted(given) != sorted(wanted):
        raise SpecError(f"field '{field.name}': joint_states names {given}, the spec says {wanted}")
    if values.size != field.size:
        raise SpecError(f"field '{field.name}': joint_states carries {values.size} numbers, the spec says {field.size}")
    return values if given == wanted else values[[given.index(name) for name in wanted]]


def encode_image(stamp: int, frame: str, pixels: NDArray[Any], message: Image | None = None) -> Image:
    """RGB uint8 (H, W, 3) or depth uint16 (H, W) as an Image; a message given is filled in place."""
    height, width = pixels.shape[:2]
    encoding = "rgb8" if pixels.dtype == np.uint8 else "16UC1"
    step = width * (3 if encoding == "rgb8" else 2)
    if message is None or len(message.data) != height * step:
        message = Image()
        message.data = array.array("B", bytes(height * step))
    message.header.stamp = to_time(stamp)
    message.header.frame_id = frame
    message.height, message.width, message.encoding, message.step = height, width, encoding, step
    message.is_bigendian = 0
    np.frombuffer(message.data, np.uint8)[:] = np.ascontiguousarray(pixels).view(np.uint8).ravel()
    return message


def decode_image(message: Image) -> NDArray[Any]:
    """An Image as RGB uint8 (H, W, 3) or depth uint16 (H, W), without a copy where the layout allows."""
    data = np.frombuffer(message.data, np.uint8)
    if message.encoding in ("rgb8", "bgr8"):
        pixels = data.reshape(message.height, message.step)[:, : message.width * 3]
        pixels = pixels.reshape(message.height, message.width, 3)
        return pixels if message.encoding == "rgb8" else pixels[..., ::-1]
    if message.encoding in ("16UC1", "mono16"):
        dtype = np.dtype(np.uint16).newbyteorder(">" if message.is_bigendian else "<")
        rows = data.reshape(message.height, message.step)[:, : message.width * 2]
        return np.ascontiguousarray(rows).view(dtype)
    raise SpecError(f"image encoding '{message.encoding}' is not known; use rgb8, bgr8, 16UC1 or mono16")


def encode_camera_info(stamp: int, frame: str, intrinsics: Intrinsics) -> CameraInfo:
    """Pinhole intrinsics as a CameraInfo (plumb_bob)."""
    message = CameraInfo()
    message.header.stamp = to_time(stamp)
    message.header.frame_id = frame
    message.width, message.height = int(intrinsics.width), int(intrinsics.height)
    message.distortion_model = "plumb_bob"
    fx, fy, cx, cy = (float(v) for v in (intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy))
    message.d = _doubles(intrinsics.distortion)
    message.k = np.array([fx, 0, cx, 0, fy, cy, 0, 0, 1], np.float64)
    message.r = np.eye(3).ravel()
    message.p = np.array([fx, 0, cx, 0, 0, fy, cy, 0, 0, 0, 1, 0], np.float64)
    return message


def decode_camera_info(message: CameraInfo) -> Intrinsics:
    """A CameraInfo as pinhole intrinsics."""
    k = [float(x) for x in message.k]
    return Intrinsics(
        int(message.width), int(message.height), k[0], k[4], k[2], k[5], tuple(float(x) for x in message.d)
    )
