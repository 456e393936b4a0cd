"""Locks between processes: files in the temporary folder, which the kernel frees when their holder ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path


def open_lock(path: Path) -> int:
    """The lock's file, for every user of the machine; one that may only be read can be locked all the same."""
    flags = os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(path, flags | os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:  # another user's, in a folder where the system protects such files from O_CREAT
        try:
            return os.open(path, flags | os.O_RDWR)
        except PermissionError:
            return os.open(path, flags | os.O_RDONLY)
    with contextlib.suppress(PermissionError):
        os.fchmod(fd, 0o666)  # whatever the umask: the next user writes who holds it
    return fd


def take(fd: int) -> bool:
    """Hold the lock on an open file, if nobody else does."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
