"""What a session counts while the robot acts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from robot_rl.datasets.episode import Episode
from robot_rl.datasets.record import Source

RECENT = 50
"""Episodes that the running success rate looks back on."""


@dataclass
class Tally:
    """Since the session began, exploration and help included."""

    robot_steps: int = 0
    human_steps: int = 0
    episodes: int = 0
    successes: int = 0
    seconds: float = 0.0
    """Wall time of acting and learning, without evaluations."""
    recent: list[bool] = field(default_factory=list)
    """Success of the newest RECENT episodes."""

    def step(self, source: int) -> None:
        """One robot step."""
        self.robot_steps += 1
        self.human_steps += source == Source.HUMAN

    def episode(self, success: bool) -> None:
        """One episode is over."""
        self.episodes += 1
        self.successes += success
        self.recent = [*self.recent, bool(success)][-RECENT:]

    def recover(self, episode: Episode) -> None:
        """An episode that was recorded, and not counted before the session was cut off."""
        for source in episode.steps["source"]:
            self.step(int(source))
        self.episode(bool(episode.attributes["success"]))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Tally:
        """Read what `to_dict` gave. Raises TypeError when it is something else."""
        return cls(**data)
