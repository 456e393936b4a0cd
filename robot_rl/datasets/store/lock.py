"""One writer at a time: an advisory lock that the operating system frees when its holder dies."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from pathlib import Path

from robot_rl.datasets.errors import DatasetError


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
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
