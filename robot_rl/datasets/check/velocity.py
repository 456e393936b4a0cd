"""Which measured velocity belongs to which commanded one, and both of an episode."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robot_rl.datasets.check.commands import Lag, derivative, lag
from robot_rl.datasets.episode import Episode
from robot_rl.spec import Field, Spec

Signal = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Stamps (N,) [ns] and velocity (N, n)."""
_KIN = {
    "cartesian": ("twist", "pose"),
    "joint": ("joint_velocity", "joint_position"),
}
_POSITIONS = ("pose", "joint_position")


@dataclass(frozen=True)
class Pair:
    """An action field and an observation field that may move together."""

    command: Field
    measured: Field


def pairs(spec: Spec) -> Iterator[Pair]:
    """Every action field that commands motion, with every observation field that could show it."""
    for command in spec.action.vectors:
        for family in _KIN.values():
            if command.kind in family or (family == _KIN["cartesian"] and _is_linear_velocity(command)):
                for field in spec.observation.vectors:
                    if field.kind in family and (family == _KIN["cartesian"] or field.size == command.size):
                        yield Pair(command, field)


def _is_linear_velocity(field: Field) -> bool:
    return field.kind == "vector" and field.unit == "m/s" and field.size == 3


def measured_velocity(episode: Episode, field: Field) -> Signal:
    """Of a pose or twist the linear velocity [m/s], of joints their velocity [rad/s]."""
    stream = episode.stream(field.name)
    values = np.asarray(stream.values, dtype=np.float64)
    values = values[:, :3] if field.kind in ("pose", "twist") else values
    return derivative(stream.stamps, values) if field.kind in _POSITIONS else (stream.stamps, values)


def commanded_velocity(episode: Episode, field: Field) -> Signal:
    """As `measured_velocity`, of the executed action."""
    values = episode.steps["executed"][:, episode.spec.action.slices[field.name]]
    values = values[:, :3] if field.kind in ("pose", "twist") else values
    stamps = episode.steps["stamp"]
    return derivative(stamps, values) if field.kind in _POSITIONS else (stamps, values)


def episode_lag(episode: Episode, pair: Pair) -> Lag | None:
    """How far what was measured is behind what was commanded in one episode; see `commands.lag`."""
    if pair.measured.name not in episode.stream_names or len(episode) < 2:
        return None
    command, measured = commanded_velocity(episode, pair.command), measured_velocity(episode, pair.measured)
    keep = np.isfinite(measured[1]).all(axis=1)
    if not np.isfinite(command[1]).all():
        return None
    return lag(*command, measured[0][keep], measured[1][keep], 1.0 / episode.spec.rate)
