"""How actor and learner work together when each is a process of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from robot_rl.learn.config import TrainingError

Lost = Literal["continue", "hold", "stop"]


@dataclass(frozen=True)
class RemoteConfig:
    """Actor and learner as separate processes."""

    period: float = 1.0
    """Seconds between two sets of parameters from the learner."""
    queue: int = 2000
    """Rows that may wait to be sent; more than that are left out, and counted. The data set has them."""
    free: bool = False
    """The learner goes on without waiting for new rows; else it makes one update for each robot step."""
    speed: float = 1.0
    """Simulated robots: control periods in a period of real time; 0 steps as fast as it can."""
    timeout: float = 10.0
    """Seconds without a word after which the learner counts as lost."""
    lost: Lost = "hold"
    """What the actor then does, with the parameters it has: go on; begin no further episode until the learner is back;
    or end the session after the episode under way."""
    restarts: int = 3
    """How often a learner that this session started is started again."""

    def __post_init__(self) -> None:
        if not (self.period > 0 and self.timeout > 0 and self.speed >= 0 and self.queue >= 1 and self.restarts >= 0):
            raise TrainingError(
                f"remote: period is {self.period} s, timeout {self.timeout} s, speed {self.speed}, queue {self.queue}, "
                f"restarts {self.restarts}; period and timeout must be above 0, queue at least 1, the others at least 0"
            )
        if self.lost not in ("continue", "hold", "stop"):
            raise TrainingError(f"remote: lost is '{self.lost}'; it must be continue, hold or stop")
