"""What is kept of a session for afterwards: curves, and the report."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from robot_rl.learn.online.curve import Point
from robot_rl.learn.online.logbook import Logbook, line
from robot_rl.learn.online.picture import draw
from robot_rl.learn.online.recipe import Recipe
from robot_rl.learn.online.report import write_report
from robot_rl.learn.online.tally import Tally

log = logging.getLogger(__name__)

PICTURE = "curve.png"


class Shown(Protocol):
    """A session as far as it is shown."""

    @property
    def tally(self) -> Tally: ...

    @property
    def curve(self) -> Sequence[Point]: ...

    @property
    def figures(self) -> Mapping[str, float]: ...

    @property
    def updates(self) -> int: ...

    @property
    def recovered(self) -> int: ...


@dataclass(frozen=True)
class Seen:
    """A session as it was at one moment."""

    tally: Tally
    curve: Sequence[Point]
    figures: Mapping[str, float]
    updates: int
    recovered: int


class Book:
    """Curves and report of one session in its folder.

    Args:
        operator: who watches, if others than the recipe say so.
        simulated: evaluations begin in the recipe's held-out states.
        notes: what a reader of the report must know to judge the figures.
    """

    def __init__(
        self,
        recipe: Recipe,
        directory: Path,
        *,
        operator: str = "",
        simulated: bool = True,
        notes: Sequence[str] = (),
    ) -> None:
        self.recipe, self.directory, self._notes = recipe, directory, tuple(notes)
        self._operator, self._simulated = operator or recipe.operator, simulated
        self._logbook: Logbook | None = None
        self._drawn = 0
        """Evaluations that the picture of the curve shows; 0 where that is not known."""

    def begin(self, session: Shown) -> None:
        """The first robot step is near."""
        self._logbook = Logbook(self.directory, session.tally.robot_steps)
        if not session.tally.episodes and session.curve:
            self.point(session.curve[-1])

    def episode(self, session: Shown) -> str:
        """Log an episode; returns the session in one line."""
        if self._logbook is None:
            return ""
        return line(session.tally, self._logbook.episode(session.tally, session.updates, session.figures))

    def point(self, point: Point) -> None:
        """Log an evaluation."""
        if self._logbook is not None:
            self._logbook.point(point)

    def close(self) -> None:
        """The curves' files are complete."""
        if self._logbook is not None:
            self._logbook.close()

    def report(self, session: Shown, notes: Sequence[str] = ()) -> Path | None:
        """Write the report, and the picture of the curve if that has grown; returns the report's path.

        Whatever goes wrong, a full disk as well as a figure that cannot be drawn, is logged and costs the session
        nothing: then None is returned.
        """
        try:
            path = self._write(session, notes)
            if len(session.curve) != self._drawn:
                draw({"": session.curve}, self.directory / PICTURE)
                self._drawn = len(session.curve)
        except Exception:
            log.exception("%s: the report is not complete; the session goes on", self.directory)
            return None
        return path

    def _write(self, session: Shown, notes: Sequence[str]) -> Path:
        online, improver = self.recipe.online, self.recipe.online.improver
        facts = {
            "Robot": self.recipe.robot,
            "Improver": improver.name,
            "Base policy": self.recipe.checkpoint or "none",
            "Demonstrations": ", ".join(self.recipe.dataset) or "none",
            "Operator": self._operator,
            "Reward": online.reward,
            "Resets": self.recipe.reset,
            "Seed": str(online.seed),
        }
        notes = (*self._evaluations(session), *_resets(session.tally), *self._notes, *notes)
        title = f"{improver.name} on {self.recipe.robot}"
        heading = "Success on held-out states" if self._simulated else "Success at the robot"
        return write_report(self.directory, title, session.curve, session.tally, facts, notes, heading=heading)

    def _evaluations(self, session: Shown) -> list[str]:
        """What an evaluation is, in a sentence; nothing where there was none."""
        if not session.curve:
            return []
        seeds, trials = self.recipe.online.evaluation_seeds, session.curve[-1].trials
        where = "at the robot itself"
        if self._simulated:
            where = f"from held-out initial states (seeds {seeds[0]} to {seeds[:trials][-1]})"
        return [
            f"An evaluation is {trials} trials of the policy's mean action {where}, nobody helping; intervals are "
            "Wilson's."
        ]


def in_turn(directions: Iterable[str]) -> str:
    """What a reader must know of a direction of a practice."""
    names = " and ".join(f"'{name}'" for name in directions)
    return f"The robot practised {names} in turn, each from where the other ended."


def _resets(tally: Tally) -> list[str]:
    """What a reader must know of a robot that resets itself."""
    if not tally.set_up:
        return []
    return [
        f"The robot reset itself {tally.driven} times, with {tally.reset_steps} robot steps beside those counted "
        f"above; {tally.set_up} times the scene was set up from outside."
    ]
