"""What a simulated robot senses and accepts, and the one check that a spec asks for nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from robot_rl.hardware.config import ConfigError
from robot_rl.spec import Spec


@dataclass(frozen=True)
class Abilities:
    """Of one simulated robot; a spec names one of its control modes and any of its senses."""

    modes: Mapping[str, Mapping[str, int]]
    """Control mode to its action fields and how many numbers each has; a spec has all of them."""
    sensed: Mapping[str, int | None]
    """Observation fields and how many numbers each has, None where that depends on the model."""
    step_ns: int = 1
    """Period of the mechanics [ns]: a control period is a whole multiple of it."""

    def check(self, spec: Spec) -> None:
        """Raises ConfigError, naming what does not fit and what would, if `spec` asks for anything else."""
        if spec.control_mode not in self.modes:
            raise ConfigError(
                f"control mode '{spec.control_mode}' does not fit: robot '{spec.robot}' has {', '.join(self.modes)}"
            )
        needed = dict(self.modes[spec.control_mode])
        if (sizes := {name: f.size for name, f in spec.action.items()}) != needed:
            raise ConfigError(f"action fields {sizes} do not fit: {spec.control_mode} takes {needed}")
        for name, field in spec.observation.items():
            if name not in self.sensed:
                there = ", ".join(self.sensed)
                raise ConfigError(f"observation '{name}' is not sensed by robot '{spec.robot}'; it has {there}")
            size = self.sensed[name]
            if size is not None and field.shape != (size,):
                raise ConfigError(f"observation '{name}' has shape ({size},), not {field.shape}")
        if spec.period_ns < self.step_ns or spec.period_ns % self.step_ns:
            step = f"{self.step_ns * 1e-6:g} ms"
            raise ConfigError(f"rate {spec.rate:g} Hz: its period must be a whole multiple of the physics step, {step}")
