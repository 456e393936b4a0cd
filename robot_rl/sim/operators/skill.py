"""How well operators drive, what they must see, and the watching that those of the small tasks have in common."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from robot_rl.hardware.config import ConfigError, RobotConfig
from robot_rl.workspace import did_you_mean

AnySkill = TypeVar("AnySkill")


@dataclass(frozen=True)
class Skill:
    """How well an operator drives and when they step in."""

    gain: tuple[float, float] = (5.0, 5.0)
    """Error to the rate asked for [1/s], drawn for each episode."""
    noise: float = 0.04
    """Standard deviation of each stick as a share of its travel."""
    misjudged: float = 0.0
    """Standard deviation of the error at which the operator aims, as a share of what the task forgives."""


QUALITIES: dict[str, Skill] = {
    "expert": Skill(misjudged=0.15),
    "mixed": Skill(gain=(2.5, 5.0), noise=0.12, misjudged=0.45),
    "poor": Skill(gain=(2.0, 4.0), noise=0.25, misjudged=0.8),
}


def skill_of(quality: str, qualities: Mapping[str, AnySkill]) -> AnySkill:
    """The skill called `quality`. Raises ConfigError if there is none."""
    if quality not in qualities:
        raise ConfigError(f"no operator of quality '{quality}'.{did_you_mean(quality, qualities)}")
    return qualities[quality]


def check_sees(config: RobotConfig, *fields: str) -> None:
    """Raises ConfigError, naming them, where the robot does not sense fields that its operator looks at."""
    if missing := [name for name in fields if name not in config.spec.observation]:
        raise ConfigError(f"{config.path}: the operator needs the observation {', '.join(missing)}")


class Patience:
    """Counts a policy's steps without progress, and then the steps of a correction.

    Args:
        idle: so many steps without getting on before the operator steps in.
        correction: how many steps a correction lasts at least; it ends once the task is nearer than ever before.
        progress: getting on is at least this much closer.
    """

    def __init__(self, idle: int, correction: int, progress: float) -> None:
        self._most, self._length, self._progress = idle, correction, progress
        self.reset()

    def reset(self) -> None:
        """A new episode."""
        self._nearest, self._idle, self._left = math.inf, 0, 0
        self._helping = False

    def correcting(self, distance: float) -> bool:
        """Whether the operator holds the clutch in this step, when the task is this far from done."""
        nearer = distance < self._nearest - self._progress
        if nearer:
            self._nearest, self._idle = distance, 0
        if self._helping:
            self._left -= 1
            self._helping = self._left > 0 or not nearer
            return self._helping
        self._idle += 1
        self._helping = self._idle > self._most
        if self._helping:
            self._idle, self._left = 0, self._length
        return self._helping
