"""What the editing jobs share: say what will be done, ask, do it."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from robot_rl.commands.names import UsageError, existing_dataset
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.edit.apply import Edit, apply

SHOWN = 20
"""Lines of a plan that are printed."""


def edit(name: str, what: Edit, *, yes: bool) -> int:
    """Open a data set, print what an edit will do, ask, and do it; returns the exit code."""
    with Dataset.open(existing_dataset(name), "a") as dataset:
        show(what.plan(dataset))
        if not agreed(yes):
            return 1
        record = apply(dataset, what)
        print(f"done: edit {record.number}; `robot-rl data undo {name}` takes it back")
    return 0


def show(lines: Iterable[str]) -> None:
    """Print a plan, the first lines of a long one."""
    every = list(lines)
    print("\n".join(every[:SHOWN]))
    if len(every) > SHOWN:
        print(f"  and {len(every) - SHOWN} lines more")


def agreed(yes: bool) -> bool:
    """Whether to go on: as asked on the terminal, or by --yes. Raises UsageError where nobody can be asked."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError("nobody can be asked here (standard input is no terminal): add --yes to do this")
    answer = input("go on? [y/N] ").strip().lower()
    if answer not in ("y", "yes"):
        print("nothing was changed")
        return False
    return True


def parse_steps(text: str) -> tuple[int | None, int | None]:
    """`10:50` as first step and one after the last; either side may be empty. Raises UsageError."""
    first, colon, last = text.partition(":")
    if not colon or any(side and not side.isdigit() for side in (first, last)):
        raise UsageError(f"steps '{text}': write FIRST:STOP, e.g. 10:50 for steps 10 to 49, or 10: or :50")
    return (int(first) if first else None), (int(last) if last else None)
