"""Bringing to the disk what is being recorded, meanwhile, so that little is left to wait for at the end."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from robot_rl.datasets.store.files import fsync


class EarlyFlush:
    """Flushes files to the disk in a thread of its own; a busy disk delays that thread and nobody else.

    Leaving its context waits for the last flush, and raises OSError when the disk failed it.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "early-flush")
        self._pending: Future[None] | None = None

    def offer(self, paths: Iterable[Path]) -> None:
        """Flush these files, unless earlier ones are still being flushed.

        Raises:
            OSError: the disk failed earlier ones. It says so only once: what is recorded is then not safe.
        """
        if self._pending is not None:
            if not self._pending.done():
                return
            self._pending.result()
        self._pending = self._pool.submit(_flush, list(paths))

    def __enter__(self) -> EarlyFlush:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()
        if self._pending is not None and error is None:
            self._pending.result()


def _flush(paths: list[Path]) -> None:
    for path in paths:
        fsync(path)
