"""What a session's agent says of the episode that comes next, as the episode manager hears it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

Keys = Literal["mark", "decide", "hold"]
"""What a person's keys are for; see `learn.online.person.Keys`."""
LEFT_ALONE = "the robot tries alone in this episode: step in only where something would break"
"""What a person with a device in hand is told."""


@dataclass(frozen=True)
class Coming:
    """Where no agent is listened to, every episode comes as the defaults say."""

    after: str | None = None
    """The episode that has to be over before; None while nothing has been said."""
    purpose: str = ""
    """`evaluation` for a trial; whatever else it is, the episode manager's own purpose holds."""
    number: int | None = None
    """Of the episode, in a session that goes on; None as the episode manager counts."""
    seed: int | None = None
    """Of a trial's held-out start state."""
    trial: int = 0
    trials: int = 0
    direction: str = ""
    """Of a practice."""
    keys: Keys = "mark"
    classified: bool = False
    """A reward classifier judges each state."""
    scene: str = "outside"
    """`kept`: the episode begins in the scene as it stands."""
    goal: int | None = None
    """The robot's goal; None for its own."""
    drive: Mapping[str, Any] | None = None
    """The reset that the robot drives itself before the episode: its `most` steps, its `goal`, and whether it `always`
    follows a scene that was set up from outside."""
    alone: bool = False
    """The robot is to be left to itself."""
    over: str = ""
    """Why there is no such episode: the session is over."""
    ask: str = ""
    """Why a person must set the scene up and say so, before anything moves."""

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Coming:
        """As it came; what the event does not say is as by default."""
        return cls(**{f.name: event[f.name] for f in fields(cls) if f.name in event})

    @property
    def evaluation(self) -> bool:
        """A trial of an evaluation."""
        return self.purpose == "evaluation"
