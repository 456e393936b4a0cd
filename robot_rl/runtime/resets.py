"""Resets that the robot carries out itself: a scripted routine through the safety envelope, or none at all.

robot.yaml names routines, `scripted:module:Class`: `task.reset` the usual one, `task.routines` further ones by name.
`SelfResetting` makes a robot of a robot and a routine, whose `reset` drives instead of asking a person (or the
simulator) to set the scene up; so the loop, a recorder and an online session need to know nothing of it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from robot_rl.control.envelope import SafetyEnvelope
from robot_rl.hardware.config import ConfigError, RobotConfig, find_class
from robot_rl.hardware.robot import Reading, Robot, RobotError

Array = NDArray[np.float64]
log = logging.getLogger(__name__)


class ResetTimeoutError(RuntimeError):
    """A routine took more steps than it may."""


class Drive(Protocol):
    """How a routine moves the robot: one control step at a time, within the limits."""

    reading: Reading
    """What was measured last."""
    sent: Array
    """What the robot was really sent in the newest step (A,)."""
    interrupted: bool
    """In the newest step somebody else acted, or nobody: the action asked for was not carried out."""
    steps: int
    """So far."""

    def step(self, action: Array) -> Reading:
        """Ask for an action (A,) for one control period; what is measured then. Raises ResetTimeoutError when there
        are no steps left."""
        ...

    def look(self) -> Reading:
        """Measure, without a step."""
        ...


class RobotDrive:
    """Drives a robot in this process, through a safety envelope; implements Drive.

    Args:
        most: how many steps there are; another one raises ResetTimeoutError.
    """

    interrupted = False

    def __init__(self, robot: Robot, envelope: SafetyEnvelope, most: int) -> None:
        self._robot, self._envelope, self._left = robot, envelope, most
        self.steps = 0
        self.reading = robot.read()
        self.sent: Array = np.zeros(robot.spec.action.size)
        envelope.reset()
        envelope.place(envelope.seen(robot.clock.now(), self.reading.values, self.reading.stamps))

    def step(self, action: Array) -> Reading:
        """Carry out an action (A,) for one control period, as far as the envelope lets it; what is measured then."""
        if self._left <= 0:
            raise ResetTimeoutError(f"the reset routine did not finish in {self.steps} steps")
        self._left -= 1
        self.steps += 1
        now = self._robot.clock.now()
        sent = self._envelope.filter(
            action,
            now=now,
            command_stamp=now,
            measured=self.reading.values,
            measured_stamp=self.reading.stamps,
        )
        self.sent = self._robot.send(sent.action)
        self._robot.clock.sleep_until(now + self._robot.spec.period_ns)
        return self.look()

    def look(self) -> Reading:
        """Measure again, without a step."""
        self.reading = self._robot.read()
        return self.reading


class ResetRoutine(Protocol):
    """Brings the robot and its scene to a start state.

    A routine that has the attribute `always`, and it is true, makes a start state of its own (the object in hand, for
    one): it also runs after the scene has been set up from outside.
    """

    def run(self, drive: Drive, seed: int | None) -> bool:
        """Drive there; whether it worked. `seed` draws the start state."""
        ...


class GoOn:
    """The next episode begins where the last one ended: practice without resets."""

    def run(self, drive: Drive, seed: int | None) -> bool:
        return True


def make_routine(config: RobotConfig, name: str = "") -> ResetRoutine | None:
    """The routine that `task.routines` calls `name`, by default `task.reset`; None where there is none.

    Raises:
        ConfigError: it is not written `scripted:module:Class`, or cannot be found.
    """
    key = f"task.routines.{name}" if name else "task.reset"
    text = routines(config).get(name) if name else config.task.get("reset")
    if text is None:
        return None
    kind, _, path = str(text).partition(":")
    if kind != "scripted" or ":" not in path:
        raise ConfigError(f"{config.path}: {key} is {text!r}; write scripted:<module>:<Class>")
    return find_class(config, key, path)(config)  # type: ignore[no-any-return]


def routines(config: RobotConfig) -> Mapping[str, Any]:
    """What `task.routines` of robot.yaml holds. Raises ConfigError when it is no mapping."""
    found = config.task.get("routines") or {}
    if not isinstance(found, Mapping):
        raise ConfigError(f"{config.path}: task.routines is {found!r}; write <name>: scripted:<module>:<Class>")
    return found


@dataclass(frozen=True)
class ResetCounts:
    """How a robot came to its start states."""

    set_up: int = 0
    """Scenes that were set up from outside: by a person, or by the simulator."""
    driven: int = 0
    """Routines that led to a start state."""
    steps: int = 0
    """Steps that routines drove, in vain or not."""

    def __sub__(self, other: ResetCounts) -> ResetCounts:
        return ResetCounts(self.set_up - other.set_up, self.driven - other.driven, self.steps - other.steps)


class SelfResetting:
    """A Robot that resets itself. Everything that is not said here is the robot's own, its scene and task included.

    Args:
        routine: brings it to a start state; by default the one of robot.yaml.
        most: the longest a routine may take [steps].

    Raises:
        ConfigError: no routine is given and robot.yaml names none.
    """

    def __init__(self, robot: Robot, config: RobotConfig, routine: ResetRoutine | None = None, most: int = 300) -> None:
        routine = routine or make_routine(config)
        if routine is None:
            raise ConfigError(f"{config.path}: 'task.reset' is missing, so '{config.name}' cannot reset itself")
        self._robot, self._routine, self._most = robot, routine, most
        self.spec, self.clock = robot.spec, robot.clock
        self._envelope = SafetyEnvelope(config.spec, config.limits)
        self.always = bool(getattr(routine, "always", False))
        """The routine also runs where the scene was set up from outside."""
        self._fresh = False
        self.set_up = 0
        """How often the scene was set up from outside: by a person, or by the simulator."""
        self.driven = 0
        """How often the routine led to a start state."""
        self.steps = 0
        """How many steps the routine has driven in all."""

    @property
    def counts(self) -> ResetCounts:
        """So far."""
        return ResetCounts(self.set_up, self.driven, self.steps)

    def set_up_next(self) -> None:
        """The next `reset` is the robot's own: the scene is set up from outside."""
        self._fresh = False

    def reset(self, seed: int | None = None) -> Reading:
        """The first time, when asked for, and where the routine fails: the robot's own reset. Else the routine.

        Raises:
            RobotError: a routine that always runs fails on a scene that was just set up.
        """
        if self._fresh and self._drive(seed):
            self.driven += 1
            return self._robot.read()
        self._fresh = True
        self.set_up += 1
        reading = self._robot.reset(seed)
        if not self.always:
            return reading
        if not self._drive(seed):
            raise RobotError(f"{self.spec.robot}: the reset routine fails on a scene that was just set up; mend it")
        self.driven += 1
        return self._robot.read()

    def _drive(self, seed: int | None) -> bool:
        drive = RobotDrive(self._robot, self._envelope, self._most)
        try:
            done = self._routine.run(drive, seed)
            why = f"the routine gave up after {drive.steps} steps"
        except ResetTimeoutError as error:
            done, why = False, str(error)
        finally:
            self._robot.stop()
            self.steps += drive.steps
        if not done:
            log.warning("%s could not reset itself: %s; it must be set up from outside", self.spec.robot, why)
        return done

    def read(self) -> Reading:
        return self._robot.read()

    def send(self, action: Array) -> Array:
        return self._robot.send(action)

    def stop(self) -> None:
        self._robot.stop()

    def close(self) -> None:
        self._robot.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._robot, name)
