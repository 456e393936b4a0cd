"""A DDS domain of one's own, so that two node graphs on one machine never hear each other."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from robot_rl.runtime.launch import lockfile

_held: dict[int, int] = {}
"""The open lock file of each."""


def claim_domain() -> int:
    """A DDS domain (1 to 101) that no other robot_rl process on this machine has claimed; kept until this one ends.

    Raises:
        RuntimeError: all of them are taken, or the temporary folder is not writable.
    """
    for domain in range(1, 102):
        try:
            fd = lockfile.open_lock(Path(tempfile.gettempdir()) / f"robot_rl_domain_{domain}.lock")
        except OSError:
            continue
        if lockfile.take(fd):
            _held[domain] = fd
            return domain
        os.close(fd)
    raise RuntimeError("no free DDS domain: 101 node graphs at once, or the temporary folder is not writable")
