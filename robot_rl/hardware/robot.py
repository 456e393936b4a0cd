"""The one interface to anything that moves: read, send, reset, stop, close.

A simulation is a Robot like any other. Time passes through `robot.clock`: sleeping until a stamp
waits on a real robot and steps the physics of a simulated one, so one control loop serves both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from robot_rl.hardware.clock import Clock
from robot_rl.spec import Spec


class RobotError(RuntimeError):
    """The robot refused, or stopped answering; the message says what to do."""


@dataclass(frozen=True)
class Reading:
    """The newest measurements: observation field name to value and to acquisition stamp [ns]."""

    values: Mapping[str, NDArray[Any]]
    stamps: Mapping[str, int]

    @property
    def stamp(self) -> int:
        """The newest stamp [ns] among the fields: that the robot is heard, not how old any one of them is."""
        return max(self.stamps.values())


@dataclass(frozen=True)
class Outcome:
    """What a task says of the state just reached. Raises RobotError for a reward that is not a finite number, which
    would spoil all that is learnt from it."""

    reward: float = 0.0
    success: bool = False
    terminated: bool = False
    """The episode cannot go on (object lost, crash). Success alone does not terminate: the
    episode rules decide how long it must be held. A time limit is truncation and never set here."""

    def __post_init__(self) -> None:
        if not math.isfinite(self.reward):
            raise RobotError(f"the task's reward is {self.reward}; mend what the task says of its state (`outcome`)")


@runtime_checkable
class Robot(Protocol):
    """A device that senses and moves. `spec` and `clock` describe it; the five methods drive it."""

    spec: Spec
    clock: Clock

    def reset(self, seed: int | None = None) -> Reading:
        """Bring the robot (and a simulated scene) to a start state; blocks until ready.

        Args:
            seed: draws the initial state; equal seeds give equal states in simulation.
        """
        ...

    def read(self) -> Reading:
        """The newest measurements; never blocks on a device."""
        ...

    def send(self, action: NDArray[np.float64]) -> NDArray[np.float64]:
        """Command one action (A,), laid out as `spec.action`; returns what was really sent.

        The command holds until the next one, but no longer than a short time-out below this process, in the robot's
        own controller: when the process that calls this dies, nothing else stops a robot that follows a velocity.
        Raises RobotError if the robot cannot take it.
        """
        ...

    def stop(self) -> None:
        """Come to rest at once and stay there; allowed at any moment, from any thread, also before and during a reset,
        and again while at rest. What flies hovers: this is no power-off, and also told when commands come late."""
        ...

    def close(self) -> None:
        """Bring the robot to where it may be left (what flies lands), and release the device; later calls raise
        RobotError."""
        ...


@dataclass(frozen=True)
class SceneState:
    """The full state of a simulated scene: what a renderer in another process needs."""

    stamp: int
    """[ns]"""
    qpos: NDArray[np.float64]
    qvel: NDArray[np.float64]


@runtime_checkable
class Simulated(Protocol):
    """What a simulated robot offers beyond Robot: its scene and its task."""

    def scene_xml(self) -> str:
        """The MJCF of the scene, with absolute asset paths."""
        ...

    def scene_state(self) -> SceneState:
        """The present state of the scene."""
        ...

    def outcome(self) -> Outcome:
        """Reward and success in the present state."""
        ...
