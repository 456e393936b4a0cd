"""How each episode of a session behind a node graph comes to its start state: who sets the scene up, and for which
goal. The same rules as `SelfResetting` has in one process; what must be set up from outside is asked of a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from robot_rl.runtime.episodes import Result
from robot_rl.runtime.practice import Practice, Turn
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


class Turns:
    """Of a practice without resets: whose turn it is, and when somebody must set the scene up.

    Args:
        goals: the robot's goal of each direction, in the order of their turns.
        tries: failures in a row before the next direction is tried.
        simulated: as in `Scene`.
    """

    def __init__(self, goals: Mapping[str, int], tries: int, *, simulated: bool) -> None:
        self._goals, self._simulated = dict(goals), simulated
        self.practice = Practice(tuple(goals), tries)
        self._turn, self._ask, self._trials = Turn(0, reset=True), "", False

    @property
    def name(self) -> str:
        """The direction whose turn it is."""
        return self.practice.goals[self.practice.goal]

    def turn(self) -> None:
        """The next episode is one to learn from; an evaluation before it has used the scene."""
        if self._trials:
            self._turn, self._trials = self.practice.begin_anew(), False
            self._ask = "" if self._simulated else "the evaluation has used the scene"

    def next(self) -> Beginning:
        """Of the next episode to learn from, for the direction `name`."""
        scene: Where = "outside" if self._turn.reset else "kept"
        return Beginning(scene, self._goals[self.name], ask=self._ask)

    def trial(self, direction: str, told: str) -> Beginning:
        """Of a direction's trial in an evaluation, which a person is told of."""
        self._trials = True
        return Beginning("outside", self._goals[direction], ask="" if self._simulated else told)

    def ended(self, result: Result, *, terminated: bool) -> None:
        """The episode to learn from is over."""
        name = self.name
        self._turn = self.practice.ended(result, terminated=terminated)
        why = "lost it" if terminated else "and the others have failed again and again"
        self._ask = f"'{name}' {why}" if self._turn.reset else ""
