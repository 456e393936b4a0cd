"""What the small simulated tasks have in common: a command that holds, a stepped clock, seeds, a checked spec."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robot_rl.hardware.config import ConfigError
from robot_rl.hardware.robot import Reading, RobotError
from robot_rl.sim.clock import SteppedClock
from robot_rl.sim.commands import accepted
from robot_rl.spec import Spec

Array = NDArray[np.float64]

SUBSTEP_NS = 5_000_000
"""Period of the mechanics [ns]: 200 Hz."""


class SteppedRobot(ABC):
    """The part of Robot and Simulated that does not depend on the task.

    Args:
        spec: what it senses and accepts; any subset of `sensed`, and all of `accepted`.
        seed: of the start states drawn by `reset()` without a seed.

    Raises:
        ConfigError: the spec does not fit.
    """

    mode: ClassVar[str]
    sensed: ClassVar[Mapping[str, int]]
    """Observation fields and how many numbers each has."""
    accepted: ClassVar[Mapping[str, int]]
    """Action fields and how many numbers each has."""

    def __init__(self, spec: Spec, seed: int) -> None:
        _check_spec(spec, self.mode, self.sensed, self.accepted)
        self.spec = spec
        self.clock = SteppedClock(spec.period_ns, self._step_period)
        self._seeds = np.random.default_rng(seed)
        self._closed = False
        self.reset()

    def reset(self, seed: int | None = None) -> Reading:
        """A start state. Equal seeds give bit-identical states whatever happened before."""
        self._check_open()
        self._begin(np.random.default_rng(int(self._seeds.integers(2**31)) if seed is None else seed))
        self._command = np.zeros(self.spec.action.size)
        self.clock.skip()
        return self.read()

    def read(self) -> Reading:
        """The present state; every field has the present simulated stamp."""
        self._check_open()
        values, names = self._sense(), self.spec.observation
        return Reading({n: np.array(values[n], float) for n in names}, dict.fromkeys(names, self.clock.now()))

    def send(self, action: Array) -> Array:
        """Command (A,) from now on.

        Returns what was really sent: `action` within the spec's bounds. Raises RobotError if it is not finite.
        """
        self._check_open()
        self._command = accepted(action, self.spec.action)
        return self._command.copy()

    def stop(self) -> None:
        """Stand still; set-points stay as they are."""
        self._check_open()
        self._command = self._command.copy()
        self._command[self.spec.action.slices["velocity"]] = 0.0

    def close(self) -> None:
        """Later calls raise RobotError."""
        self._closed = True

    @abstractmethod
    def _begin(self, rng: np.random.Generator) -> None:
        """Draw a start state."""

    @abstractmethod
    def _sense(self) -> Mapping[str, ArrayLike]:
        """The value of every field of `sensed`."""

    @abstractmethod
    def _advance(self, command: Array, dt: float) -> None:
        """Mechanics for `dt` [s] under the command (A,)."""

    def _step_period(self) -> None:
        self._check_open()
        for _ in range(self.spec.period_ns // SUBSTEP_NS):
            self._advance(self._command, SUBSTEP_NS * 1e-9)

    def _check_open(self) -> None:
        if self._closed:
            raise RobotError(f"robot '{self.spec.robot}' is closed; make a new one")


def _check_spec(spec: Spec, mode: str, sensed: Mapping[str, int], accepted: Mapping[str, int]) -> None:
    if spec.control_mode != mode:
        raise ConfigError(f"control mode '{spec.control_mode}' does not fit: robot '{spec.robot}' has {mode}")
    if (sizes := {name: f.size for name, f in spec.action.items()}) != dict(accepted):
        raise ConfigError(f"action fields {sizes} do not fit: {mode} takes {dict(accepted)}")
    for name, field in spec.observation.items():
        if name not in sensed:
            raise ConfigError(f"observation '{name}' is not sensed by '{spec.robot}'; it has {', '.join(sensed)}")
        if field.shape != (sensed[name],):
            raise ConfigError(f"observation '{name}' has shape ({sensed[name]},), not {field.shape}")
    if spec.period_ns % SUBSTEP_NS:
        raise ConfigError(f"rate {spec.rate:g} Hz: its period must be a whole multiple of the mechanics' 5 ms")
