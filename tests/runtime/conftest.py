"""A point robot: a real integrator with a pose, a gripper and a goal, on a simulated clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from robot_rl.control import poses
from robot_rl.hardware.human import AXES, DeviceInput
from robot_rl.hardware.robot import Outcome, Reading, RobotError, SceneState
from robot_rl.sim.clock import SteppedClock
from robot_rl.spec import Field, Layout, Spec

START = np.array([0.0, 0.0, 0.2, 0.0, 0.0, 0.0, 1.0])


class PointRobot:
    """Moves exactly as commanded; the goal of seed s lies at x = 0.15, y = s / 100."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.clock = SteppedClock(spec.period_ns, self._step)
        self.stops = 0
        self.sent: list[np.ndarray] = []
        self.fails_at: int | None = None
        self.reset(0)

    def reset(self, seed: int | None = None) -> Reading:
        self.pose, self.gripper = START.copy(), 0.0
        self.goal = np.array([0.15, 0.01 * (seed or 0), 0.2])
        self._command = np.zeros(7)
        self.sent = []
        self.clock.skip()
        return self.read()

    def read(self) -> Reading:
        stamp = self.clock.now()
        values = {"ee_pose": self.pose.copy(), "gripper_position": np.array([self.gripper]), "goal": self.goal.copy()}
        return Reading(values, dict.fromkeys(values, stamp))

    def send(self, action: np.ndarray) -> np.ndarray:
        if self.fails_at is not None and len(self.sent) >= self.fails_at:
            raise RobotError("the cable is out; plug it in")
        self._command = action.copy()
        self.sent.append(action.copy())
        return action.copy()

    def stop(self) -> None:
        self.stops += 1
        self._command = np.concatenate([np.zeros(6), self._command[6:]])

    def close(self) -> None:
        self.stop()

    def outcome(self) -> Outcome:
        distance = float(np.linalg.norm(self.pose[:3] - self.goal))
        return Outcome(reward=-distance, success=distance < 0.02, terminated=bool(self.pose[2] < 0.05))

    def scene_xml(self) -> str:
        return "<mujoco/>"

    def scene_state(self) -> SceneState:
        return SceneState(self.clock.now(), self.pose.copy(), self._command[:6].copy())

    def _step(self) -> None:
        self.pose = poses.integrate(self.pose, self._command[:6], 1.0 / self.spec.rate)
        self.gripper = float(self._command[6])


class Hand:
    """An operator whose moves are written down: step number to (axes by name, buttons)."""

    def __init__(self, moves: Mapping[int, tuple[Mapping[str, float], set[str]]]) -> None:
        self._moves = moves
        self.seen: list[bool] = []

    def reset(self, seed: int | None = None) -> None:
        self._now: tuple[Mapping[str, float], set[str]] = ({}, set())
        self.seen = []

    def input(self, reading: Reading, *, policy_active: bool) -> DeviceInput:
        self._now = self._moves.get(len(self.seen), self._now)
        self.seen.append(policy_active)
        axes, buttons = self._now
        return DeviceInput(reading.stamp, np.array([axes.get(a, 0.0) for a in AXES]), frozenset(buttons))


class Seek:
    """A policy that drives to the goal at 0.2 m/s in chunks of four, the gripper as told."""

    observation_names = ("ee_pose", "goal")
    n_obs, horizon, n_action_steps = 1, 4, 4

    def __init__(self, spec: Spec, gripper: float = 0.0, towards: float = 1.0) -> None:
        self.spec = spec
        self.gripper, self.towards = gripper, towards
        self.asked = 0
        self.seeds: list[int | None] = []

    def predict(self, observation: Mapping[str, Any]) -> np.ndarray:
        self.asked += 1
        away = observation["goal"][-1] - observation["ee_pose"][-1][:3]
        step = self.towards * away / max(float(np.linalg.norm(away)), 1e-9) * 0.2
        return np.tile(np.concatenate([step, np.zeros(3), [self.gripper]]), (self.horizon, 1))

    def reset(self, seed: int | None = None) -> None:
        self.seeds.append(seed)


@pytest.fixture
def spec() -> Spec:
    pose = Field("ee_pose", (7,), "pose", unit="m", frame="base")
    twist = Field("twist", (6,), "twist", frame="base", low=(-0.25,) * 3 + (-1.0,) * 3, high=(0.25,) * 3 + (1.0,) * 3)
    return Spec(
        robot="point",
        rate=20.0,
        control_mode="cartesian_velocity",
        observation=Layout((pose, Field("gripper_position", (1,)), Field("goal", (3,), unit="m", frame="base"))),
        action=Layout((twist, Field("gripper", (1,), low=(0.0,), high=(1.0,)))),
    )


@pytest.fixture
def limits() -> dict:
    return {
        "command_timeout": 0.25,
        "observation_timeout": 0.25,
        "twist": {
            "order": "velocity",
            "acceleration": [5.0] * 3 + [20.0] * 3,
            "workspace": {"position": "ee_pose", "low": [-0.3, -0.3, 0.0], "high": [0.3, 0.3, 0.5]},
        },
        "gripper": {"order": "position", "rate": 20.0, "initial": 0.0},
    }


@pytest.fixture
def teleop_section() -> dict:
    return {
        "axes": {"x": "twist.vx", "y": "twist.vy", "z": "twist.vz", "yaw": "twist.wz"},
        "scale": {"twist.vx": 0.2, "twist.vy": 0.2, "twist.vz": 0.2, "twist.wz": 1.0},
        "gripper": {"field": "gripper", "open": 0.0, "closed": 1.0},
    }


@pytest.fixture
def robot(spec) -> PointRobot:
    return PointRobot(spec)


@pytest.fixture
def hand() -> type[Hand]:
    return Hand


@pytest.fixture
def seek() -> type[Seek]:
    return Seek
