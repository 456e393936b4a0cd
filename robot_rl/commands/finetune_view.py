"""What the user sees of a session under way, and what is kept for afterwards."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol

from robot_rl.commands.session import progress
from robot_rl.learn.interrupt import deferred_interrupt
from robot_rl.learn.online.logbook import Logbook, draw, line
from robot_rl.learn.online.recipe import Recipe
from robot_rl.learn.online.report import write_report
from robot_rl.learn.online.session import Point
from robot_rl.learn.online.tally import Tally
from robot_rl.learn.statistics import wilson
from robot_rl.runtime.loop import EpisodeResult
from robot_rl.runtime.stopping import Streak


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


class View:
    """A progress bar over robot steps, curves and, at each evaluation and at the end, the report. Ctrl-C is taken at
    the end of an episode; a second one at once.

    Args:
        untouched: successes in a row without help after which the session is over; 0 for no such rule.
    """

    def __init__(self, recipe: Recipe, directory: Path, untouched: int = 0) -> None:
        self._rule = Streak(untouched) if untouched else None
        self._reason: str | None = None
        self.recipe, self.directory = recipe, directory
        self._bar = progress()
        self._interrupt = deferred_interrupt()
        self._stop = threading.Event()
        self._row = self._bar.add_task("preparing", total=None, tally="")
        self._logbook: Logbook | None = None

    def __enter__(self) -> View:
        self._stop = self._interrupt.__enter__()
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        if self._logbook is not None:
            self._logbook.close()
        self._interrupt.__exit__(None, None, None)

    def stopped(self) -> bool:
        """The user wants an end, or the stop rule does."""
        return self._stop.is_set() or self._reason is not None

    def prepared(self, share: float) -> None:
        """This share of what comes before the first robot step is done."""
        self._bar.update(self._row, description="offline phase", total=100, completed=round(100 * share))

    def say(self, text: str) -> None:
        """One line above the bar."""
        self._bar.console.print(text, highlight=False, markup=False)

    def begin(self, session: Shown) -> None:
        """The first robot step is near."""
        self._logbook = Logbook(self.directory, session.tally.robot_steps)
        self.say(f"session: {self.directory}")
        if session.tally.episodes:
            again = f", {session.recovered} of them recorded and not yet learnt from" if session.recovered else ""
            self.say(
                f"continued after {session.tally.robot_steps} robot steps, {session.tally.episodes} episodes{again}"
            )
        elif session.curve:
            self.point(session.curve[-1])
        self._bar.update(
            self._row,
            description=f"fine-tuning {self.recipe.robot}",
            total=self.recipe.online.steps,
            completed=session.tally.robot_steps,
        )

    def episode(self, session: Shown, result: EpisodeResult | None = None) -> None:
        """An episode is over, and safe on disk."""
        if self._rule is not None and self._reason is None and result is not None:
            self._reason = self._rule.add(result)
        if self._logbook is None:
            return
        values = self._logbook.episode(session.tally, session.updates, session.figures)
        self._bar.update(self._row, completed=session.tally.robot_steps, tally=line(session.tally, values))

    def point(self, point: Point) -> None:
        """An evaluation is over."""
        if self._logbook is not None:
            self._logbook.point(point)
        rate = wilson(point.successes, point.trials)
        self.say(f"step {point.robot_steps}: {rate} on held-out states, {point.human_steps} human steps so far")

    def end(self, session: Shown, notes: Sequence[str] = ()) -> None:
        """The session is over, for now: the report, and what to do next."""
        path = self.report(session, notes)
        if self._reason is not None:
            self.say(f"over after {session.tally.robot_steps} robot steps: {self._reason}")
        elif session.tally.robot_steps < self.recipe.online.steps:
            self.say(f"stopped after {session.tally.robot_steps} of {self.recipe.online.steps} robot steps; continue:")
            self.say(f"  robot-rl finetune --resume {self.directory}")
        self.say(f"report: {path}")
        self.say(f"deploy: robot-rl deploy --checkpoint {self.directory} --robot {self.recipe.robot}")

    def report(self, session: Shown, notes: Sequence[str] = ()) -> Path:
        """Write the report and the picture of the curve; returns the report's path."""
        if session.curve:
            draw(session.curve, self.directory / "curve.png")
        online, improver = self.recipe.online, self.recipe.online.improver
        trials = len(online.evaluation_seeds)
        facts = {
            "Robot": self.recipe.robot,
            "Improver": improver.name,
            "Base policy": self.recipe.checkpoint or "none",
            "Demonstrations": ", ".join(self.recipe.dataset) or "none",
            "Operator": self.recipe.operator,
            "Reward": online.reward,
            "Seed": str(online.seed),
        }
        notes = (
            f"An evaluation is the policy's mean action from {trials} held-out initial states (seeds "
            f"{online.evaluation_seeds[0]} to {online.evaluation_seeds[-1]}), nobody helping; intervals are Wilson's.",
            *notes,
        )
        title = f"{improver.name} on {self.recipe.robot}"
        return write_report(self.directory, title, session.curve, session.tally, facts, notes)
