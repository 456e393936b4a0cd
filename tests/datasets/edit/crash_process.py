"""Do one edit, or undo one, and die with SIGKILL just before the N-th change to the disk: arguments PATH JOB N.

The changes counted are renames, flushes, file creations and removals: between any two of them a process may be killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from robot_rl.datasets import Dataset, Phase
from robot_rl.datasets.edit.apply import Edit, apply, compact, undo
from robot_rl.datasets.edit.divide import Split, Trim
from robot_rl.datasets.edit.relabel import Relabel
from robot_rl.datasets.edit.remove import Delete
from robot_rl.datasets.edit.rename import Rename

EDITS: dict[str, Edit] = {
    "delete": Delete((0, 2)),
    "relabel": Relabel((0, 1), success="false", phase=Phase.RESET, steps=(1, 3)),
    "trim": Trim(1, 1, 3),
    "split": Split(1, (3,)),
    "rename": Rename("wrist", "hand"),
}


def die_before(count: int) -> None:
    """Kill this process just before its `count`-th change to the disk."""
    left = [count]

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kwargs)

        return call

    for name in ("rename", "replace", "fsync", "write", "unlink", "mkdir"):
        setattr(os, name, counted(getattr(os, name)))
    shutil.copyfile = counted(shutil.copyfile)
    shutil.rmtree = counted(shutil.rmtree)


def main(path: str, job: str, count: int) -> None:
    with Dataset.open(Path(path), "a") as dataset:
        die_before(count)
        if job == "undo":
            undo(dataset)
        elif job == "compact":
            compact(dataset)
        else:
            apply(dataset, EDITS[job])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
