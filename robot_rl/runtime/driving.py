"""A reset that the robot drives itself, as the episode manager follows it from outside."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

BACKSTOP = 2
"""A reset that its agent does not end is ended after so many times the steps that it may take."""


@dataclass
class Driving:
    """A reset that the robot drives itself."""

    wanted: Mapping[str, Any]
    """What the agent says of it, as `Coming.drive` has it."""
    episode: str = field(default_factory=lambda: uuid.uuid4().hex)
    """Its name, which is not that of the episode after it."""
    start: int | None = None
    """When it began [ns]; None before."""
    steps: int = 0
    """Decisions since it began."""
    newest: int = -1
    """Stamp [ns] of the last of them."""

    @property
    def begun(self) -> bool:
        """The robot is under way."""
        return self.start is not None

    @property
    def overdue(self) -> bool:
        """Whoever drives has not ended it in time."""
        return self.steps > BACKSTOP * int(self.wanted["most"])

    def decided(self, stamp: int) -> None:
        """A decision at `stamp` [ns]; one may come several times, and late ones of the episode before too."""
        if self.start is not None and stamp >= self.start and stamp > self.newest:
            self.steps, self.newest = self.steps + 1, stamp
