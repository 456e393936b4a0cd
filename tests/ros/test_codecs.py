"""Messages carry fields unchanged: values, stamps, labels and frames."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs robot_rl[ros]")

from rclpy.serialization import deserialize_message, serialize_message  # noqa: E402
from sensor_msgs.msg import CameraInfo, Image, JointState  # noqa: E402

from robot_rl.hardware.camera import Intrinsics  # noqa: E402
from robot_rl.ros import codecs  # noqa: E402
from robot_rl.spec import Field, SpecError  # noqa: E402

STAMP = 1_700_000_000_123_456_789


def over_the_wire(message: object) -> object:
    """What a subscriber gets: serialised and read back, as DDS does."""
    return deserialize_message(serialize_message(message), type(message))


@pytest.mark.parametrize("kind", ["pose", "twist", "wrench"])
def test_a_spatial_field_survives_the_wire_bit_for_bit(kind: str) -> None:
    size = 7 if kind == "pose" else 6
    field = Field("f", (size,), kind=kind, frame="base")  # type: ignore[arg-type]
    value = np.random.default_rng(0).normal(size=size)
    message = over_the_wire(codecs.encode(field, STAMP, value))
    np.testing.assert_array_equal(codecs.decode(field, message), value)
    assert codecs.stamp_of(message) == STAMP
    assert message.header.frame_id == "base"  # type: ignore[attr-defined]


def test_a_float32_value_arrives_as_the_same_number() -> None:
    field = Field("grip", (1,), unit="m")
    message = over_the_wire(codecs.encode(field, STAMP, np.array([0.1], np.float32)))
    assert codecs.decode(field, message)[0] == np.float64(np.float32(0.1))


def test_a_labelled_vector_keeps_nan_and_order() -> None:
    message = over_the_wire(codecs.labelled(STAMP, ("a", "b"), [np.nan, 2.5]))
    values = codecs.unlabelled(message, ("a", "b"))  # type: ignore[arg-type]
    assert np.isnan(values[0]) and values[1] == 2.5


def test_a_vector_with_other_labels_is_refused() -> None:
    with pytest.raises(SpecError, match="expected"):
        codecs.unlabelled(codecs.labelled(STAMP, ("a", "b"), [1, 2]), ("b", "a"))


def test_a_pose_in_another_frame_is_refused() -> None:
    message = codecs.encode(Field("p", (7,), kind="pose", frame="base"), STAMP, np.zeros(7))
    with pytest.raises(SpecError, match="'base'.*'world'"):
        codecs.decode(Field("p", (7,), kind="pose", frame="world"), message)


def test_joint_fields_share_one_message() -> None:
    q = Field("q", (2,), kind="joint_position", labels=("j1", "j2"))
    dq = Field("dq", (2,), kind="joint_velocity", labels=("j1", "j2"))
    message = codecs.encode_joints(STAMP, q.labels, {"joint_position": [1, 2], "joint_velocity": [3, 4]})
    wired = over_the_wire(message)
    assert isinstance(wired, JointState) and list(wired.name) == ["j1", "j2"]
    np.testing.assert_array_equal(codecs.decode_joints(wired, q), [1, 2])
    np.testing.assert_array_equal(codecs.decode_joints(wired, dq), [3, 4])


def test_joints_in_another_order_are_brought_into_the_fields_own() -> None:
    q = Field("q", (3,), kind="joint_position", labels=("j1", "j2", "j3"))
    message = codecs.encode_joints(STAMP, ("j3", "j1", "j2"), {"joint_position": [3, 1, 2]})
    np.testing.assert_array_equal(codecs.decode_joints(message, q), [1, 2, 3])


@pytest.mark.parametrize("names", [("j1", "j4"), ("j1", "j2", "j3"), ("j1", "j1"), ()])
def test_other_joints_are_refused(names: tuple[str, ...]) -> None:
    q = Field("q", (2,), kind="joint_position", labels=("j1", "j2"))
    with pytest.raises(SpecError, match="joint_states names"):
        codecs.decode_joints(codecs.encode_joints(STAMP, names, {"joint_position": [1, 2]}), q)


def test_joints_without_a_number_for_each_are_refused() -> None:
    dq = Field("dq", (2,), kind="joint_velocity", labels=("j1", "j2"))
    with pytest.raises(SpecError, match="carries 0 numbers, the spec says 2"):
        codecs.decode_joints(codecs.encode_joints(STAMP, dq.labels, {"joint_position": [1, 2]}), dq)


def test_images_survive_the_wire_and_a_message_is_filled_again_in_place() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.integers(0, 256, (2, 8, 12, 3), dtype=np.uint8)
    message = codecs.encode_image(STAMP, "cam", first)
    assert codecs.encode_image(STAMP, "cam", second, message) is message
    wired = over_the_wire(message)
    assert isinstance(wired, Image)
    np.testing.assert_array_equal(codecs.decode_image(wired), second)


def test_bgr_is_turned_to_rgb() -> None:
    message = codecs.encode_image(STAMP, "cam", np.array([[[1, 2, 3]]], np.uint8))
    message.encoding = "bgr8"
    np.testing.assert_array_equal(codecs.decode_image(message), [[[3, 2, 1]]])


def test_depth_keeps_its_sixteen_bits() -> None:
    depth = np.array([[0, 1], [40_000, 65_535]], np.uint16)
    np.testing.assert_array_equal(codecs.decode_image(over_the_wire(codecs.encode_image(STAMP, "d", depth))), depth)  # type: ignore[arg-type]


def test_intrinsics_survive_camera_info() -> None:
    intrinsics = Intrinsics(640, 480, 600.5, 601.5, 320.25, 240.75, (0.1, -0.2, 0.0, 0.0, 0.05))
    wired = over_the_wire(codecs.encode_camera_info(STAMP, "cam", intrinsics))
    assert isinstance(wired, CameraInfo)
    assert codecs.decode_camera_info(wired) == intrinsics


@pytest.mark.parametrize("stamp", [0, 999_999_999, 1_000_000_000, STAMP])
def test_stamps_are_exact_to_the_nanosecond(stamp: int) -> None:
    assert codecs.from_time(codecs.to_time(stamp)) == stamp
