"""A scripted pilot: flies the quadrotor to its goal with a gamepad's axes, or watches a policy and steps in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robot_rl.control import limits, poses
from robot_rl.hardware.config import ConfigError, RobotConfig
from robot_rl.hardware.human import AXES, DeviceInput
from robot_rl.hardware.robot import Reading
from robot_rl.sim.operators.skill import skill_of

Array = NDArray[np.float64]
STEERED = ("x", "y", "z", "yaw")
"""The canonical axes that the pilot moves."""
CALM = 0.98
"""Share of the acceleration limit that the pilot uses, so that rounding does not take it past the limit."""


@dataclass(frozen=True)
class Pilot:
    """How well the pilot flies and when they step in."""

    gain: float = 1.0
    """Distance to the goal to speed asked for [1/s]."""
    speed: tuple[float, float] = (1.0, 1.0)
    """Share of the full stick used, drawn for each episode from this range."""
    noise: float = 0.0
    """Standard deviation of the stick about where it is meant to be, as a share of its travel."""
    noise_time: float = 0.4
    """How long the stick stays off the same way [s]."""
    pauses: float = 0.0
    """How often the pilot lets the sticks go for a moment [1/s]."""
    pause_length: float = 0.6
    """[s]"""
    patience: float = 2.0
    """Watching: how long the policy may go without coming nearer to the goal [s]."""
    strayed: float = 0.4
    """Watching: how much farther than its nearest the policy may be [m]."""
    floor: float = 0.2
    """Watching: below this height the pilot takes over [m]."""
    reach: float = 0.1
    """As near to the goal as it needs to be [m]."""


QUALITIES = {
    "expert": Pilot(),
    "mixed": Pilot(speed=(0.5, 1.0), noise=0.1, pauses=0.15),
    "poor": Pilot(gain=0.8, speed=(0.35, 0.8), noise=0.25, pauses=0.4),
}


class QuadrotorPilot:
    """Operator of `sim_crazyflie` in both control modes; sees `pose` and `goal` of the reading.

    While demonstrating it holds the clutch throughout, flies straight to the goal, turns the nose towards it and
    holds there; velocities it moves no faster than the robot's limits let through. Watching, it keeps off the clutch
    until the policy stops coming nearer, strays or sinks, then takes over for the rest of the episode.

    Args:
        config: of the robot; the teleop section says which stick moves what and how fast.
        quality: one of `QUALITIES`.
        seed: of the stick noise and of what is drawn for each episode.

    Raises:
        ConfigError: no such quality, or an axis the pilot needs drives nothing.
    """

    def __init__(self, config: RobotConfig, *, quality: str = "expert", seed: int = 0) -> None:
        self._pilot = skill_of(quality, QUALITIES)
        self._full = np.array([_full_stick(config, axis) for axis in STEERED])  # (4,) [m/s, rad/s]
        self._period = 1.0 / config.spec.rate
        limited = {f.name: f for f in limits.parse(config.spec, config.limits).fields}
        acceleration = np.array([_acceleration(config, limited, axis) for axis in STEERED])  # (4,) [m/s^2, rad/s^2]
        self._quickest = CALM * self._period * acceleration / self._full  # (4,) share of the travel a control period
        self._seed = seed
        self.reset(seed)

    def reset(self, seed: int | None = None) -> None:
        """A new episode: a new speed, and hands off until asked."""
        self._rng = np.random.default_rng(self._seed if seed is None else seed)
        self._share = self._rng.uniform(*self._pilot.speed)
        self._wander, self._held = np.zeros(4), np.zeros(4)
        self._pause = 0.0
        self._in_control = False
        self._nearest = math.inf
        self._since = 0.0

    def input(self, reading: Reading, *, policy_active: bool) -> DeviceInput:
        """The sticks and the clutch at this moment; called once a control period."""
        pose, goal = reading.values["pose"], reading.values["goal"]
        self._in_control = not policy_active or self._in_control or self._worried(pose, goal)
        sticks = np.zeros(len(AXES))
        if self._in_control:
            move = self._sticks(pose, goal) - self._held
            self._held = self._held + np.clip(move, -self._quickest, self._quickest)
            sticks[[AXES.index(a) for a in STEERED]] = self._held
        return DeviceInput(reading.stamp, sticks, frozenset({"clutch"} if self._in_control else ()))

    def _sticks(self, pose: Array, goal: Array) -> Array:
        """Where axes x y z yaw (4,) are meant to be, in [-1, 1]."""
        pilot, dt = self._pilot, self._period
        away = math.hypot(*(goal[:2] - pose[:2]))
        bearing = math.atan2(goal[1] - pose[1], goal[0] - pose[0])
        turn = float(poses.wrap(bearing - poses.yaw(pose[3:]))) if away > 0.5 else 0.0
        wanted = pilot.gain * np.array([*(goal - pose[:3]), turn]) / self._full
        wanted *= min(1.0, self._share / max(float(np.abs(wanted[:3]).max()), 1e-9))
        keep = math.exp(-dt / pilot.noise_time)
        self._wander = keep * self._wander + math.sqrt(1.0 - keep**2) * pilot.noise * self._rng.standard_normal(4)
        if self._pause <= 0.0 and self._rng.random() < pilot.pauses * dt:
            self._pause = pilot.pause_length
        self._pause -= dt
        near = min(1.0, away + abs(goal[2] - pose[2]))
        return np.zeros(4) if self._pause > 0.0 else np.clip(wanted + near * self._wander, -1.0, 1.0)

    def _worried(self, pose: Array, goal: Array) -> bool:
        """The policy has stopped coming nearer, has strayed, or flies too low."""
        pilot, distance = self._pilot, math.dist(pose[:3], goal)
        if distance < self._nearest - 0.05 or distance < pilot.reach:
            self._nearest, self._since = min(distance, self._nearest), 0.0
        self._since += self._period
        late, strayed = self._since > pilot.patience, distance > self._nearest + pilot.strayed
        return late or strayed or bool(pose[2] < pilot.floor)


def _acceleration(config: RobotConfig, limited: Mapping[str, limits.FieldLimits], axis: str) -> float:
    """The limit on what a canonical axis asks for [m/s^2 or rad/s^2]; infinite where it moves a set-point's place."""
    name, _, part = config.teleop["axes"][axis].partition(".")
    field = limited[name]
    index = config.spec.action[name].labels.index(part) if part else 0
    return float(field.first[index]) if field.order == "velocity" else math.inf


def _full_stick(config: RobotConfig, axis: str) -> float:
    """What the whole travel of a canonical axis asks for [m/s or rad/s]."""
    label = config.teleop.get("axes", {}).get(axis)
    if label is None:
        raise ConfigError(f"{config.path}: teleop axis '{axis}' drives nothing, and the pilot needs x, y, z and yaw")
    layout = config.spec.action
    scale = config.teleop.get("scale", {}).get(label, layout.high[layout.labels.index(label)])
    return float(scale)
