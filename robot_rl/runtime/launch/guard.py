"""Ends the launched processes when the launcher dies without doing so itself, even by SIGKILL.

Runs as a process of its own, in its own session, with a pipe from the launcher on its standard input. Each line
`+N` names a process (N > 0) or process group (N < 0) to watch over, `-N` takes it off again. When the pipe ends,
whoever is left gets SIGINT, then SIGTERM, then SIGKILL. Standard library only, so that it starts in milliseconds.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

ESCALATION = ((signal.SIGINT, 4.0), (signal.SIGTERM, 10.0), (signal.SIGKILL, 2.0))
"""Each signal, and how long to wait [s] before the next.

Under load, 1 of 72 rclpy nodes did not react to SIGINT and all of 96 to SIGTERM, so the first wait is short; the
second is enough to finish writing an episode.
"""


def alive(target: int) -> bool:
    """Whether a process, or any process of a group (negative), still runs; the dead not yet reaped do not count.

    Reads /proc/<pid>/stat: proc(5), fields `state` and `pgrp` after the name in parentheses.
    """
    try:
        os.kill(target, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    for entry in os.listdir("/proc") if target < 0 else [str(target)]:
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat") as file:
                state, _, group, *_ = file.read().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state not in "ZX" and (target > 0 or int(group) == -target):
            return True
    return False


def send(target: int, number: int) -> None:
    """A signal to a process, or to all of a group (negative); nothing where it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(target, number)


def end(targets: set[int]) -> None:
    """SIGINT, SIGTERM, SIGKILL to those that are left, until none is."""
    for number, patience in ESCALATION:
        targets = {t for t in targets if alive(t)}
        for target in targets:
            send(target, number)
        deadline = time.monotonic() + patience
        while any(alive(t) for t in targets):
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)


def main() -> None:
    targets: set[int] = set()
    for line in sys.stdin:
        change, target = line[0], int(line[1:])
        if change == "+":
            targets.add(target)
        else:
            targets.discard(target)
    end(targets)


if __name__ == "__main__":
    main()
