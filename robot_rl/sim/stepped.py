"""What all simulated robots have in common: a command that holds, a stepped clock, seeds, a checked spec."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from robot_rl.hardware.robot import Reading, RobotError
from robot_rl.sim.abilities import Abilities
from robot_rl.sim.clock import SteppedClock
from robot_rl.sim.commands import accepted
from robot_rl.spec import Spec

Array = NDArray[np.float64]


class SteppedRobot(ABC):
    """The part of Robot and Simulated that does not depend on the scene. A constructor ends with `self.reset()`.

    Args:
        spec: what it senses and accepts.
        abilities: what it could sense and accept.
        seed: of the start states drawn by `reset()` without a seed.

    Raises:
        ConfigError: the spec does not fit.
    """

    moving: ClassVar[str] = "velocity"
    """The action field that `stop` sets to 0; the others stay as they were commanded."""

    def __init__(self, spec: Spec, abilities: Abilities, seed: int) -> None:
        abilities.check(spec)
        self.spec = spec
        self.clock = SteppedClock(spec.period_ns, self._step_period)
        self._seeds = np.random.default_rng(seed)
        self._closed = False

    def reset(self, seed: int | None = None) -> Reading:
        """A start state. Equal seeds give bit-identical states whatever happened before."""
        self._check_open()
        self._begin(int(self._seeds.integers(2**31)) if seed is None else seed)
        self._command = self._idle()
        self.clock.skip()
        return self.read()

    def read(self) -> Reading:
        """The present state; every field has the present simulated stamp."""
        self._check_open()
        values, names = self._sense(), self.spec.observation
        return Reading({n: np.array(values[n], float) for n in names}, dict.fromkeys(names, self.clock.now()))

    def send(self, action: Array) -> Array:
        """Hold this command (A,) from now on; it takes effect as the clock runs.

        Returns what was really sent: `action` within the spec's bounds. Raises RobotError if it is not finite.
        """
        self._check_open()
        self._command = accepted(action, self.spec.action)
        return self._command.copy()

    def stop(self) -> None:
        """Stand still; set-points stay as they are."""
        self._check_open()
        self._command = self._command.copy()
        self._command[self.spec.action.slices[self.moving]] = 0.0

    def close(self) -> None:
        """Release the scene; later calls raise RobotError."""
        self._closed = True

    @abstractmethod
    def _begin(self, seed: int) -> None:
        """Draw a start state."""

    @abstractmethod
    def _sense(self) -> Mapping[str, ArrayLike]:
        """The value of every field that the spec may name."""

    @abstractmethod
    def _step(self) -> None:
        """One control period of the mechanics under `self._command`."""

    def _idle(self) -> Array:
        """The command (A,) that holds from a reset to the first `send`."""
        return np.zeros(self.spec.action.size)

    def _step_period(self) -> None:
        self._check_open()
        self._step()

    def _check_open(self) -> None:
        if self._closed:
            raise RobotError(f"robot '{self.spec.robot}' is closed; make a new one")
