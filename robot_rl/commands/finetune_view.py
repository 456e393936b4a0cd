"""What the user sees of a session under way, and what is kept for afterwards."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from robot_rl.commands.finetune_watch import Watch
from robot_rl.learn.online.best import BEST, better_before
from robot_rl.learn.online.book import Book, Shown
from robot_rl.learn.online.curve import Point
from robot_rl.learn.online.opening import Opening
from robot_rl.learn.online.recipe import Recipe
from robot_rl.learn.statistics import wilson
from robot_rl.runtime.loop import EpisodeResult


class View:
    """A progress bar over robot steps, curves and, at the end and at each evaluation but the one before the first step,
    the report.

    Args:
        opening: of the session's folder; over when the session begins.
        untouched: successes in a row without help after which the session is over; 0 for no such rule.
    """

    def __init__(self, recipe: Recipe, opening: Opening, untouched: int = 0) -> None:
        self.recipe, self.opening, self.directory = recipe, opening, opening.directory
        self.watch, self._book = Watch(untouched), Book(recipe, opening.directory)
        self.say, self.stopped, self.prepared = self.watch.say, self.watch.stopped, self.watch.prepared
        self._session: Shown | None = None

    def __enter__(self) -> View:
        self.watch.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.watch.__exit__(kind, error, trace)
        self._book.close()

    def begin(self, session: Shown) -> None:
        """The first robot step is near."""
        self.opening.begun()
        self._session = session
        self._book.begin(session)
        self.say(f"session: {self.directory}")
        if session.tally.episodes:
            again = f", {session.recovered} of them recorded and not yet learnt from" if session.recovered else ""
            self.say(
                f"continued after {session.tally.robot_steps} robot steps, {session.tally.episodes} episodes{again}"
            )
        elif session.curve:
            self.say(told(session.curve[-1]))
        self.watch.begin(f"fine-tuning {self.recipe.robot}", session.tally.robot_steps, self.recipe.online.steps)

    def episode(self, session: Shown, result: EpisodeResult | None = None) -> None:
        """An episode is over, and safe on disk."""
        self.watch.episode(session.tally.robot_steps, self._book.episode(session), result)

    def point(self, point: Point) -> None:
        """An evaluation is over."""
        self._book.point(point)
        if self._session is not None:
            self._book.report(self._session)
        self.say(told(point))

    def end(self, session: Shown, notes: Sequence[str] = ()) -> None:
        """The session is over, for now: the report, and what to do next."""
        path = self._book.report(session, notes)
        if session.tally.robot_steps >= self.recipe.online.steps:
            self.say(f"all {self.recipe.online.steps} robot steps are done; --resume with a larger --steps goes on")
        elif self.watch.reason is not None:
            self.say(f"over after {session.tally.robot_steps} robot steps: {self.watch.reason}")
        else:
            self.say(f"stopped after {session.tally.robot_steps} of {self.recipe.online.steps} robot steps; continue:")
            self.say(f"  robot-rl finetune --resume {shlex.quote(str(self.directory))}")
        if session.tally.set_up:
            self.say(
                f"resets: {session.tally.driven} by the robot ({session.tally.reset_steps} steps), "
                f"{session.tally.set_up} from outside"
            )
        if path is not None:
            self.say(f"report: {path}")
        self._deploy("deploy", self.directory)
        if better := better_before(session.curve):
            self.say(better)
            self._deploy("deploy that one", self.directory / BEST)

    def _deploy(self, what: str, checkpoint: Path) -> None:
        self.say(f"{what}: robot-rl deploy --checkpoint {shlex.quote(str(checkpoint))} --robot {self.recipe.robot}")


def told(point: Point) -> str:
    """An evaluation in one line."""
    rate = wilson(point.successes, point.trials)
    return f"step {point.robot_steps}: {rate} on held-out states, {point.human_steps} human steps so far"
