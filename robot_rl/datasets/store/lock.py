"""One writer at a time: an advisory lock that the operating system frees when its holder dies."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from pathlib import Path

from robot_rl.datasets.errors import DatasetError

TRIES = 5
"""A writer asks so often for the lock: a reader that looks whether it is held has it for a moment."""
AGAIN = 0.02
"""[s] between two tries."""


def is_written(path: Path) -> bool:
    """Whether a writer holds the lock in this file; nothing is changed."""
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


class WriterLock:
    """Held from construction until `release`, the end of the process or garbage collection.

    Raises:
        DatasetError: another writer holds it; the message says which.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("a+")
        except OSError as error:
            raise DatasetError(
                f"{path.parent.parent} cannot be opened for writing: {error}; mode='r' reads it"
            ) from None
        try:
            self._take()
        except OSError:
            holder = self._holder()
            self._file.close()
            raise DatasetError(
                f"{path.parent.parent} is being written by {holder}; close that writer first, or record to another "
                "data set and merge them later"
            ) from None
        self._file.truncate(0)
        json.dump({"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%F %T")}, self._file)
        self._file.flush()

    def _take(self) -> None:
        """Raises OSError where another writer holds it."""
        for left in reversed(range(TRIES)):
            try:
                return fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if not left:
                    raise
                time.sleep(AGAIN)

    def release(self) -> None:
        """Let the next writer in."""
        if not self._file.closed:
            self._file.truncate(0)
            self._file.close()

    def _holder(self) -> str:
        self._file.seek(0)
        try:
            data = json.loads(self._file.read())
            return f"process {data['pid']} on {data['host']} since {data['since']}"
        except (ValueError, KeyError):
            return "another process"
