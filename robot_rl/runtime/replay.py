"""The actions of a recorded episode again, through the arbiter and its safety envelope, and how far off they lead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_rl.control import poses
from robot_rl.control.safety import Safety
from robot_rl.datasets.episode import Episode
from robot_rl.hardware.robot import Reading, Robot
from robot_rl.runtime.arbiter import Arbiter, Proposal
from robot_rl.runtime.ticks import Pacer
from robot_rl.spec import Field, Layout

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Replay:
    """What happened when the actions were sent again."""

    executed: Array  # (T, A) what the robot was really sent
    readings: Mapping[str, NDArray[Any]]
    """Each vector field (T + 1, *shape): before the first action, and after each."""
    safety: tuple[Safety, ...]
    """What the envelope did to each action."""


@dataclass(frozen=True)
class Deviation:
    """How far one observation field is from what was recorded."""

    field: str
    unit: str
    largest: float
    mean: float
    final: float


def replay(robot: Robot, arbiter: Arbiter, actions: Array, *, seed: int | None) -> Replay:
    """Reset a simulated robot, send the actions (T, A) one a control period, bring it to rest.

    The actions pass as a policy's proposals in an evaluation: limits, timeouts and the emergency stop hold.

    Raises:
        RobotError: the robot refused; it has been stopped.
    """
    arbiter.reset("evaluation")
    executed, safety = [], []
    try:
        readings = [robot.reset(seed)]
        pacer = Pacer(robot.clock, robot.spec.period_ns)
        for action in actions:
            now = robot.clock.now()
            decision = arbiter.decide(now, readings[-1], None, Proposal(now, action))
            executed.append(robot.send(decision.action))
            safety.append(decision.safety)
            pacer.wait()
            readings.append(robot.read())
    finally:
        robot.stop()
    return Replay(np.array(executed), _stack(robot.spec.observation, readings), tuple(safety))


def deviations(episode: Episode, again: Replay) -> list[Deviation]:
    """For each vector field the distance between what was recorded and what the replay measured.

    A pose gives two: position [m] and rotation [rad]. Any other field gives its Euclidean distance.
    """
    out = []
    for field in episode.spec.observation.vectors:
        if field.name not in episode.stream_names:
            continue
        recorded = episode.aligned([field.name], final=True)[field.name]
        for name, unit, distance in _distances(field, recorded, again.readings[field.name]):
            out.append(Deviation(name, unit, float(distance.max()), float(distance.mean()), float(distance[-1])))
    return out


def _distances(field: Field, a: Array, b: Array) -> list[tuple[str, str, Array]]:
    if field.kind == "pose":
        position = np.linalg.norm(a[:, :3] - b[:, :3], axis=1)
        return [
            (f"{field.name} position", "m", position),
            (f"{field.name} rotation", "rad", poses.angle(a[:, 3:], b[:, 3:])),
        ]
    return [(field.name, field.unit, np.linalg.norm(a - b, axis=1))]


def _stack(layout: Layout, readings: list[Reading]) -> dict[str, NDArray[Any]]:
    return {f.name: np.stack([r.values[f.name] for r in readings]) for f in layout.vectors}
