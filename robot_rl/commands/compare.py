"""Fine-tuning sessions beside each other: what each reached, how soon, and with how much help.

Examples:
  robot-rl compare runs/residual runs/rlpd
  robot-rl compare runs/seed0 runs/seed1 runs/seed2 --target 0.95 --output seeds.png
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.markup import escape
from rich.table import Table
from tyro.conf import Positional

from robot_rl.commands import output
from robot_rl.commands.names import UsageError

if TYPE_CHECKING:
    from robot_rl.learn.online.curve import Point

PICTURE = "compare.png"
"""The picture's name if none is given."""


@dataclass(frozen=True)
class Options:
    """Sessions of `robot-rl finetune` beside each other, as a table and a picture."""

    sessions: Positional[Annotated[tuple[Path, ...], tyro.conf.arg(metavar="FOLDER ...")]]
    """Folders of sessions; of a practice, its directions."""
    target: float = 0.9
    """The success whose first evaluation is told."""
    output: Path | None = None
    """The picture: success against robot steps, minutes and human steps; by default compare.png beside the first
    session."""


def run(options: Options) -> int:
    """Print the table, write the picture. Raises UsageError, OutputError or TrainingError."""
    from robot_rl.learn.online.curve import read_curve
    from robot_rl.learn.online.picture import draw, require_picture

    if not options.sessions:
        raise UsageError("name at least one session: robot-rl compare runs/a runs/b")
    if not 0.0 < options.target <= 1.0:
        raise UsageError(f"--target is {options.target}; it must lie above 0 and at most at 1")
    picture = options.output or options.sessions[0].resolve().parent / PICTURE
    require_picture(picture)
    curves = {n: read_curve(p) for n, p in zip(_names(options.sessions), options.sessions)}
    table = Table("session", "from", "to", "95 % interval", "steps", "minutes", "human", box=None)
    table.add_column(f"{options.target:.0%} at step")
    for column in table.columns:
        column.no_wrap = True
    for name, curve in curves.items():
        table.add_row(*_row(name, curve, options.target))
    console = output.console()
    console.print(table)
    draw(curves, picture)
    console.print(f"picture: {escape(str(picture))}", soft_wrap=True)
    return 0


def _row(name: str, curve: Sequence[Point], target: float) -> list[str]:
    first, last = curve[0], curve[-1]
    reached = next((p for p in curve if p.success >= target), None)
    return [
        escape(name),
        f"{first.successes}/{first.trials}",
        f"{last.successes}/{last.trials}",
        f"{last.low:.0%} to {last.high:.0%}",
        str(last.robot_steps),
        f"{last.minutes:.1f}",
        str(last.human_steps),
        "not yet" if reached is None else str(reached.robot_steps),
    ]


def _names(folders: Sequence[Path]) -> list[str]:
    """What tells the folders apart: their last parts, as many as it takes."""
    parts = [folder.absolute().parts for folder in folders]
    if len(set(parts)) < len(parts):
        raise UsageError("a session is named twice")
    depth = next(n for n in range(1, 1 + max(map(len, parts))) if len({p[-n:] for p in parts}) == len(parts))
    return ["/".join(p[-depth:]) for p in parts]
