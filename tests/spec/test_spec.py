from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robot_rl.spec import Field, Layout, Spec, SpecError, mismatch

POSE = Field("ee_pose", (7,), kind="pose", unit="m", frame="base")
TWIST = Field("twist", (6,), kind="twist", low=(-0.25,) * 6, high=(0.25,) * 6)
GRIPPER = Field("gripper", (1,), low=(0.0,), high=(1.0,))
IMAGE = Field("front", (8, 10, 3), kind="image", dtype="uint8")


def make_spec(**changes: object) -> Spec:
    values = {
        "robot": "arm",
        "rate": 20.0,
        "observation": Layout((POSE, IMAGE)),
        "action": Layout((TWIST, GRIPPER)),
        "control_mode": "cartesian_velocity",
    }
    return Spec(**{**values, **changes})  # type: ignore[arg-type]


def test_a_pose_names_its_seven_numbers_with_the_scalar_last() -> None:
    assert POSE.labels == ("x", "y", "z", "qx", "qy", "qz", "qw")


def test_a_single_number_has_an_empty_label_and_a_plain_vector_counts() -> None:
    assert GRIPPER.labels == ("",)
    assert Field("q", (3,)).labels == ("0", "1", "2")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": (3,), "kind": "pose"}, r"a pose has shape \(7,\), not \(3,\)"),
        ({"shape": (3,), "kind": "joystick"}, "kind 'joystick' is none of vector"),
        ({"shape": (0,)}, r"shape \(0,\) has an empty axis"),
        ({"shape": (3,), "low": (0.0,)}, "low has 1 numbers, the field has 3"),
        ({"shape": (2,), "low": (0.0, 2.0), "high": (1.0, 1.0)}, r"low \(0.0, 2.0\) exceeds high \(1.0, 1.0\)"),
        ({"shape": (2,), "labels": ("a",)}, "1 labels for 2 numbers"),
    ],
)
def test_a_field_that_contradicts_itself_is_refused_by_name(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=f"field 'q': {message}"):
        Field("q", **arguments)  # type: ignore[arg-type]


def test_check_refuses_a_wrong_shape_with_both_shapes() -> None:
    with pytest.raises(SpecError, match=r"field 'twist': got shape \(5,\), the spec says \(6,\)"):
        TWIST.check(np.zeros(5))


def test_check_converts_the_dtype() -> None:
    assert IMAGE.check(np.zeros((8, 10, 3), dtype=np.float64)).dtype == np.uint8


def test_reading_a_field_refuses_an_unknown_key() -> None:
    with pytest.raises(SpecError, match="field 'q': unknown key 'units'"):
        Field.from_dict("q", {"shape": [3], "units": "rad"})


def test_reading_a_field_fills_in_the_shape_of_a_twist_and_demands_that_of_a_vector() -> None:
    assert Field.from_dict("t", {"kind": "twist"}).shape == (6,)
    with pytest.raises(SpecError, match="field 'q': 'shape' is missing"):
        Field.from_dict("q", {})


def test_packing_follows_the_order_of_the_layout_and_leaves_images_out() -> None:
    layout = Layout((GRIPPER, IMAGE, Field("position", (3,))))
    flat = layout.pack({"position": [1, 2, 3], "gripper": [0.5], "front": np.zeros((8, 10, 3))})
    assert flat.tolist() == [0.5, 1.0, 2.0, 3.0]
    assert layout.slices == {"gripper": slice(0, 1), "position": slice(1, 4)}
    assert layout.labels == ("gripper", "position.0", "position.1", "position.2")
    assert layout.images == (IMAGE,)


def test_packing_names_the_missing_field() -> None:
    with pytest.raises(SpecError, match="field 'gripper' is missing; got twist"):
        Layout((TWIST, GRIPPER)).pack({"twist": np.zeros(6)})


def test_unpacking_refuses_a_vector_of_another_length() -> None:
    with pytest.raises(SpecError, match="got 6 numbers"):
        Layout((TWIST, GRIPPER)).unpack(np.zeros(6))


def test_bounds_of_fields_without_any_are_infinite() -> None:
    layout = Layout((Field("free", (2,)), GRIPPER))
    assert layout.low.tolist() == [-np.inf, -np.inf, 0.0]
    assert layout.high.tolist() == [np.inf, np.inf, 1.0]


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5), st.integers(0, 3))
def test_unpack_undoes_pack_for_any_layout_and_batch(sizes: list[int], batch: int) -> None:
    layout = Layout(tuple(Field(f"f{i}", (n,)) for i, n in enumerate(sizes)))
    flat = np.random.default_rng(0).normal(size=(batch, layout.size))
    named = layout.unpack(flat)
    for row in range(batch):
        assert np.array_equal(layout.pack({k: v[row] for k, v in named.items()}), flat[row])


def test_a_spec_survives_json() -> None:
    spec = make_spec()
    assert Spec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_a_spec_with_a_part_missing_is_refused() -> None:
    with pytest.raises(SpecError, match="spec: 'action' is missing"):
        Spec.from_dict({"robot": "arm", "rate": 20, "observation": {}})


def test_the_period_of_30_hz_is_rounded_to_whole_nanoseconds() -> None:
    assert make_spec(rate=30.0).period_ns == 33_333_333


def test_a_spec_fits_itself_and_a_robot_of_another_name() -> None:
    assert make_spec().differences(make_spec(robot="other")) == []


def test_differences_name_each_field_and_both_values() -> None:
    wider = Field("twist", (6,), kind="twist", low=(-0.5,) * 6, high=(0.5,) * 6)
    in_world = Field("ee_pose", (7,), kind="pose", unit="m", frame="world")
    other = make_spec(rate=10.0, observation=Layout((in_world,)), action=Layout((wider, GRIPPER)))
    lines = make_spec().differences(other)
    assert "rate: 20 Hz against 10 Hz" in lines
    assert "observation 'ee_pose': frame base against world" in lines
    assert "observation 'front': only in the first" in lines
    assert any(line.startswith("action 'twist': low (-0.25,") and "against (-0.5," in line for line in lines)
    assert len(lines) == 5


def test_differences_can_leave_the_bounds_out() -> None:
    wider = Field("twist", (6,), kind="twist", low=(-0.5,) * 6, high=(0.5,) * 6)
    assert make_spec().differences(make_spec(action=Layout((wider, GRIPPER))), bounds=False) == []


def test_the_order_of_action_fields_counts_and_that_of_observations_does_not() -> None:
    """Commands are one flat vector: in another order a number would go to another actuator."""
    spec = make_spec()
    assert spec.differences(make_spec(action=Layout((GRIPPER, TWIST)))) == [
        "action: order of fields twist, gripper against gripper, twist"
    ]
    assert spec.differences(make_spec(observation=Layout((IMAGE, POSE)))) == []
    assert len(spec.differences(make_spec(action=Layout((GRIPPER,))))) == 1, "what is missing has no order"


@pytest.mark.parametrize("part", ["observation", "action"])
def test_what_the_numbers_of_a_field_are_called_counts(part: str) -> None:
    def named(*labels: str) -> Spec:
        return make_spec(**{part: Layout((Field("q", (len(labels),), labels=labels),))})

    assert named("a", "b").differences(named("b", "a")) == [f"{part} 'q': labels ('a', 'b') against ('b', 'a')"]
    assert named("a", "b").differences(named("a", "b", "c")) == [f"{part} 'q': shape (2,) against (3,)"]


def test_names_that_nobody_gave_are_no_difference_after_json() -> None:
    fields = (Field("q", (3,)), Field("grip", (1,)), Field("table", (2, 2)), Field("ee", (7,), kind="pose"), IMAGE)
    spec = make_spec(observation=Layout(fields), action=Layout((*fields[:2], TWIST)))
    again = Spec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert spec.differences(again) == again.differences(spec) == []
    assert [f.labels for f in again.observation.values()] == [f.labels for f in fields]


def test_two_that_do_not_fit_are_told_with_both_robots_and_a_line_for_each_difference() -> None:
    arm, hand = make_spec(robot="arm"), make_spec(robot="hand", rate=10.0)
    assert mismatch(("data set a", arm), ("data set b", hand), arm.differences(hand)) == (
        "data set a (first) is of robot 'arm', data set b (second) of robot 'hand':\n  rate: 20 Hz against 10 Hz"
    )


def test_of_two_robots_of_one_name_it_is_said_that_the_robot_has_changed() -> None:
    before, now = make_spec(robot="arm"), make_spec(robot="arm", rate=10.0)
    assert mismatch(("data set a", before), ("this session", now), before.differences(now)) == (
        "data set a (first) and this session (second) are both of robot 'arm', whose robot.yaml or control mode has "
        "changed in between:\n  rate: 20 Hz against 10 Hz"
    )
