"""Two small robots, described by hand: one commanded by velocities, one by set-points."""

from __future__ import annotations

import pytest

from robot_rl.spec import Field, Layout, Spec

LOW, HIGH = (-0.25,) * 3 + (-1.0,) * 3, (0.25,) * 3 + (1.0,) * 3  # [m/s, rad/s]


@pytest.fixture
def arm() -> Spec:
    """A Cartesian arm at 20 Hz with a gripper: 7 numbers."""
    return Spec(
        robot="arm",
        rate=20.0,
        control_mode="cartesian_velocity",
        observation=Layout((Field("ee_pose", (7,), "pose", unit="m", frame="base"),)),
        action=Layout(
            (
                Field(
                    "twist", (6,), "twist", frame="base", low=(-0.25,) * 3 + (-1.0,) * 3, high=(0.25,) * 3 + (1.0,) * 3
                ),
                Field("gripper", (1,), low=(0.0,), high=(1.0,)),
            )
        ),
    )


@pytest.fixture
def arm_limits() -> dict:
    return {
        "command_timeout": 0.25,
        "observation_timeout": 0.25,
        "twist": {
            "order": "velocity",
            "acceleration": [1.0, 1.0, 1.0, 5.0, 5.0, 5.0],
            "workspace": {"position": "ee_pose", "low": [-0.3, -0.3, 0.0], "high": [0.3, 0.3, 0.5]},
        },
        "gripper": {"order": "position", "rate": 10.0, "initial": 0.0},
    }


@pytest.fixture
def drone() -> Spec:
    """A set-point robot at 50 Hz: position and yaw."""
    return Spec(
        robot="drone",
        rate=50.0,
        control_mode="position",
        observation=Layout((Field("pose", (7,), "pose", unit="m", frame="world"),)),
        action=Layout(
            (
                Field("position", (3,), unit="m", frame="world", low=(-2.0,) * 3, high=(2.0,) * 3),
                Field("yaw", (1,), unit="rad", low=(-3.2,), high=(3.2,)),
            )
        ),
    )


@pytest.fixture
def drone_limits() -> dict:
    return {
        "command_timeout": 0.25,
        "observation_timeout": 0.25,
        "position": {
            "order": "position",
            "rate": 1.0,
            "acceleration": 4.0,
            "measured": "pose",
            "workspace": {"low": [-1.0, -1.0, 0.2], "high": [1.0, 1.0, 1.5]},
        },
        "yaw": {"order": "position", "rate": 2.0, "measured": "pose.yaw"},
    }
