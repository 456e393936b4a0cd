"""A DDS domain of one's own, so that two node graphs on one machine never hear each other."""

from __future__ import annotations

import fcntl
import tempfile
from pathlib import Path
from typing import IO

_held: dict[int, IO[str]] = {}


def claim_domain() -> int:
    """A DDS domain (1 to 101) that no other robot_rl process on this machine has claimed; kept until this one ends.

    Raises:
        RuntimeError: all of them are taken, or the temporary folder is not writable.
    """
    for domain in range(1, 102):
        lock = Path(tempfile.gettempdir()) / f"robot_rl_domain_{domain}.lock"
        try:
            handle = lock.open("w")
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        _held[domain] = handle
        return domain
    raise RuntimeError("no free DDS domain: 101 node graphs at once, or the temporary folder is not writable")
