"""Files of a run: whether they can be written, found out before the work, and written so that others can read on."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = ".lock"


class OutputError(RuntimeError):
    """Something cannot be written where it was asked for; the message says why."""


def replace_text(path: Path, text: str) -> None:
    """Put `text` at `path` at once: a reader finds what was there before, or all of it."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def new_folder(path: Path) -> Path:
    """Make a folder at `path`, or where there is one already at `path-2`, `path-3`, ...; returns which."""
    folder, number = path, 1
    while True:
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            number += 1
            folder = path.with_name(f"{path.name}-{number}")


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Within the context no other process writes into the folder, which is made if need be. Raises OutputError."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError(f"{folder} is being written by another process; choose another place") from None
        yield


def require_folder(path: Path) -> None:
    """Raise OutputError unless `path` is a folder that can be written to, or can become one. Leaves nothing behind."""
    _require_room(path, path)


def require_file(path: Path) -> None:
    """Raise OutputError unless a file can be written at `path`. Leaves what is there as it is."""
    if path.is_dir():
        raise OutputError(f"{path} is a folder; name a file in it")
    if not path.exists():
        return _require_room(path, path.parent)
    try:
        path.open("ab").close()
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}; choose another place") from None


def _require_room(path: Path, folder: Path) -> None:
    """Raise OutputError, naming `path`, unless `folder`, or the nearest above it that exists, can be written to."""
    there = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    if not there.is_dir():
        raise OutputError(f"{path} cannot be written: {there} is a file; choose another place")
    try:
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {there}: {error.strerror}; choose another place") from None
