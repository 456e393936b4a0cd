"""Say something else of episodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tyro.conf import Positional

from robot_rl.commands.data_jobs.doing import edit, parse_steps
from robot_rl.commands.names import UsageError
from robot_rl.datasets.edit.numbers import parse_numbers
from robot_rl.datasets.edit.relabel import Relabel as RelabelEdit
from robot_rl.datasets.edit.relabel import Success
from robot_rl.datasets.record import Phase


@dataclass(frozen=True)
class Relabel:
    """Change success, task text, operator, purpose, or the phase of a range of steps; what is not given stays."""

    dataset: Positional[str]
    """A data set: a name under datasets/, or a path."""
    episodes: tuple[str, ...]
    """Numbers and ranges: 3 7-9."""
    success: Success | None = None
    """How they ended; none takes the label away."""
    instruction: str | None = None
    """The task in words."""
    operator: str | None = None
    """Who drove."""
    purpose: Literal["demonstration", "deployment", "evaluation"] | None = None
    """What they were recorded for."""
    phase: Literal["demonstration", "autonomous", "recovery", "correction", "reset"] | None = None
    """What the steps were for."""
    steps: str | None = None
    """Which steps get the phase, FIRST:STOP: 10:50 for steps 10 to 49; all when left out."""
    yes: bool = False
    """Do it without asking."""

    def run(self) -> int:
        phase = None if self.phase is None else Phase[self.phase.upper()]
        what = RelabelEdit(
            numbers=parse_numbers(self.episodes),
            success=self.success,
            instruction=self.instruction,
            operator=self.operator,
            purpose=self.purpose,
            phase=phase,
            steps=self._range(),
        )
        return edit(self.dataset, what, yes=self.yes)

    def _range(self) -> tuple[int, int] | None:
        if self.steps is None:
            return None
        first, stop = parse_steps(self.steps)
        if stop is None:
            raise UsageError(f"steps '{self.steps}': with relabel name the end too, e.g. {first or 0}:50")
        return first or 0, stop
