"""How each episode of a session behind a node graph comes to its start state: who sets the scene up, and for which
goal. The same rules as `SelfResetting` has in one process; what must be set up from outside is asked of a person."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from robot_rl.runtime.resets import ResetCounts

Where = Literal["outside", "kept"]


@dataclass(frozen=True)
class Drive:
    """A reset that the robot drives itself."""

    most: int
    """The longest it may take [steps]."""
    goal: int | None = None
    """The robot's goal meanwhile; None for its own."""
    always: bool = False
    """It also follows a scene that was set up from outside: the routine makes starts of its own kind."""


@dataclass(frozen=True)
class Beginning:
    """Of one episode."""

    scene: Where = "outside"
    """`outside`: set up by the simulator, or a person; `kept`: as it stands."""
    goal: int | None = None
    """The robot's goal in the episode; None for its own."""
    drive: Drive | None = None
    """Then the robot drives to the start state."""
    ask: str = ""
    """Why a person must set the scene up and say so, before anything moves."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


class Scene:
    """Of a robot that resets itself by a routine.

    Args:
        drive: how.
        simulated: the simulator sets evaluations up by itself; at a real robot that is a person's work.
    """

    def __init__(self, drive: Drive, *, simulated: bool) -> None:
        self._drive, self._simulated = drive, simulated
        self._fresh = False
        """The robot has had a scene in this sitting."""

    def next(self, trial: str = "") -> Beginning:
        """Of the next episode.

        Args:
            trial: what a person is told of an evaluation's trial; empty for an episode to learn from.
        """
        if trial or not self._fresh:
            ask = trial if trial and not self._simulated else ""
            return Beginning("outside", drive=self._drive if self._drive.always else None, ask=ask)
        return Beginning("kept", drive=self._drive)

    def set_up(self) -> ResetCounts:
        """The scene has been set up from outside."""
        self._fresh = True
        return ResetCounts(set_up=1)

    def driven(self, success: bool, steps: int) -> ResetCounts:
        """The robot has reset itself, or tried to in vain."""
        return ResetCounts(driven=int(success), steps=steps)
