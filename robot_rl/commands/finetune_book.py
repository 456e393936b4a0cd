"""What is kept of a session for afterwards: curves, and the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from robot_rl.learn.online.curve import Point
from robot_rl.learn.online.logbook import Logbook, line
from robot_rl.learn.online.picture import draw
from robot_rl.learn.online.recipe import Recipe
from robot_rl.learn.online.report import write_report
from robot_rl.learn.online.tally import Tally


class Shown(Protocol):
    """A session as far as it is shown."""

    tally: Tally
    curve: list[Point]

    @property
    def figures(self) -> Mapping[str, float]: ...

    @property
    def updates(self) -> int: ...

    @property
    def recovered(self) -> int: ...


class Book:
    """Curves and report of one session in its folder."""

    def __init__(self, recipe: Recipe, directory: Path) -> None:
        self.recipe, self.directory = recipe, directory
        self._logbook: Logbook | None = None

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

    def report(self, session: Shown, notes: Sequence[str] = ()) -> Path:
        """Write the report and the picture of the curve; returns the report's path."""
        if session.curve:
            draw({"": session.curve}, self.directory / "curve.png")
        online, improver = self.recipe.online, self.recipe.online.improver
        trials = len(online.evaluation_seeds)
        facts = {
            "Robot": self.recipe.robot,
            "Improver": improver.name,
            "Base policy": self.recipe.checkpoint or "none",
            "Demonstrations": ", ".join(self.recipe.dataset) or "none",
            "Operator": self.recipe.operator,
            "Reward": online.reward,
            "Resets": self.recipe.reset,
            "Seed": str(online.seed),
        }
        notes = (
            f"An evaluation is the policy's mean action from {trials} held-out initial states (seeds "
            f"{online.evaluation_seeds[0]} to {online.evaluation_seeds[-1]}), nobody helping; intervals are Wilson's.",
            *_resets(session.tally),
            *notes,
        )
        title = f"{improver.name} on {self.recipe.robot}"
        return write_report(self.directory, title, session.curve, session.tally, facts, notes)


def _resets(tally: Tally) -> list[str]:
    """What a reader must know of a robot that resets itself."""
    if not tally.set_up:
        return []
    return [
        f"The robot reset itself {tally.driven} times, with {tally.reset_steps} robot steps beside those counted "
        f"above; {tally.set_up} times the scene was set up from outside."
    ]
