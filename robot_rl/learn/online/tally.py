"""What a session counts while the robot acts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from robot_rl.datasets.episode import Episode
from robot_rl.datasets.record import Source
from robot_rl.runtime.resets import ResetCounts

RECENT = 50
"""Episodes that the running success rate looks back on."""


@dataclass
class Tally:
    """Since the session began, exploration and help included."""

    robot_steps: int = 0
    human_steps: int = 0
    episodes: int = 0
    """That were kept."""
    discarded: int = 0
    """Episodes that were dropped: neither successes nor failures."""
    successes: int = 0
    seconds: float = 0.0
    """Wall time of acting and learning, without evaluations."""
    recent: list[bool] = field(default_factory=list)
    """Success of the newest RECENT episodes."""
    set_up: int = 0
    """Where the robot resets itself: scenes that were set up from outside all the same."""
    driven: int = 0
    """Resets that the robot drove itself."""
    reset_steps: int = 0
    """Robot steps of those, beside `robot_steps`."""

    @property
    def begun(self) -> int:
        """Episodes kept or discarded: the number of the next one."""
        return self.episodes + self.discarded

    def step(self, source: int) -> None:
        """One robot step."""
        self.robot_steps += 1
        self.human_steps += source == Source.HUMAN

    def episode(self, success: bool) -> None:
        """One episode is over."""
        self.episodes += 1
        self.successes += success
        self.recent = [*self.recent, bool(success)][-RECENT:]

    def discard(self) -> None:
        """One episode is over, and dropped."""
        self.discarded += 1

    def resets(self, counts: ResetCounts) -> None:
        """What it took to begin an episode."""
        self.set_up += counts.set_up
        self.driven += counts.driven
        self.reset_steps += counts.steps

    def recorded(self, steps: int, human_steps: int, success: bool, seconds: float) -> None:
        """An episode as its recorder counted it, and how long it took [s]."""
        self.robot_steps += steps
        self.human_steps += human_steps
        self.seconds += seconds
        self.episode(success)

    def rejudge(self, was: bool, now: bool, ago: int) -> None:
        """An episode, with `ago` others after it, is said to have ended otherwise."""
        self.successes += int(now) - int(was)
        if 0 <= ago < len(self.recent):
            self.recent[-1 - ago] = now

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
