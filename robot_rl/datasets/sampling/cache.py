"""Decoded pictures kept on disk, so that reading one costs a copy: built once for each episode and stream.

A cache file holds the frames of one stream of one episode, decoded, one after the other, and nothing else; or
what is derived from each of them. Its name is a digest of the checksums of the files it was decoded from, and of
what was derived, so it can never be stale: what has changed has another name. Any number of processes may build
at once: each file is built by one of them, under a lock that dies with its holder, and appears whole by a rename.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.sampling.derived import Derived
from robot_rl.datasets.store.files import canonical_json
from robot_rl.datasets.store.reading import Frames

log = logging.getLogger(__name__)

SUFFIX = ".frames"
LIMIT_VARIABLE = "ROBOT_RL_CACHE_BYTES"
"""Environment variable: at most how many bytes a cache may hold; by default half of what is free on its disk."""
_BLOCK = 64
"""Frames decoded at a time."""


def frames_key(attributes: Mapping[str, Any], stream: str) -> str | None:
    """What identifies the pictures of a stream: a digest of the checksums of its files; None when there are none."""
    prefix = f"streams/{stream}/value/"
    files = {k[len(prefix) :]: v for k, v in attributes.get("checksums", {}).items() if k.startswith(prefix)}
    return hashlib.sha256(canonical_json(files)).hexdigest()[:40] if files else None


def cache_folder(dataset: Path, identity: str = "") -> Path:
    """Where the cache of a data set lies: inside it, or, where that cannot be written, below $XDG_CACHE_HOME.

    Args:
        dataset: directory of the data set.
        identity: of the data set; its own cache directory is named so when it lies elsewhere.
    """
    hidden = dataset / ".robot_rl"
    if os.access(hidden if hidden.is_dir() else dataset, os.W_OK):
        return hidden / "cache"
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "robot_rl" / (identity or hashlib.sha256(str(dataset.resolve()).encode()).hexdigest()[:16])


class FrameCache:
    """The decoded frames in one folder.

    Args:
        folder: made when the first file is built.
        limit: bytes it may hold; the files used longest ago are removed to make room, but never one this
            object has handed out. By default `ROBOT_RL_CACHE_BYTES`, else half of the free disk.
    """

    def __init__(self, folder: Path, limit: int | None = None) -> None:
        self.folder = folder
        self._used: set[str] = set()
        self._size = sum(size for _, size, _ in self._files())
        self.limit = default_limit(folder) + self._size if limit is None else limit
        self._full = False

    def holds(self, frames: Frames, key: str, derived: Derived | None = None) -> bool:
        """Whether `find` would not have to build."""
        return _has_size(self._path(key, derived), _size(frames, derived))

    def find(self, frames: Frames, key: str, derived: Derived | None = None) -> Path | None:
        """The file that holds these frames decoded, or what is derived from them, building it when it is missing.

        Returns:
            The path; None when there is no room, or the cache cannot be written (which is logged once).

        Raises:
            DatasetError: a frame cannot be decoded.
        """
        path, size = self._path(key, derived), _size(frames, derived)
        if _has_size(path, size):
            with contextlib.suppress(OSError):
                os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
            self._used.add(path.name)
            return path
        if self._full or not self._make_room(size):
            self._give_up(f"the pictures do not fit into {self.limit / 1e9:.3g} GB")
            return None
        try:
            self._build(path, frames, size, derived)
        except OSError as error:
            self._give_up(str(error))
            return None
        self._used.add(path.name)
        self._size += size
        return path

    def _path(self, key: str, derived: Derived | None) -> Path:
        return self.folder / (key + (f"-{derived.identity}" if derived else "") + SUFFIX)

    def _build(self, path: Path, frames: Frames, size: int, derived: Derived | None) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        with _locked(part, path, size) as file:
            if file is None:
                return
            os.ftruncate(file, 0)
            for start in range(0, len(frames), _BLOCK):
                block = frames.take(np.arange(start, min(start + _BLOCK, len(frames))))
                rows = derived.of(block) if derived else block
                _write(file, np.ascontiguousarray(rows).reshape(-1).view(np.uint8))
            os.fsync(file)
            os.replace(part, path)

    def _make_room(self, size: int) -> bool:
        """Remove files until `size` more bytes fit; False when they cannot."""
        if self._size + size <= self.limit:
            return True
        files = sorted(self._files())
        self._size = sum(s for _, s, _ in files)
        for _, old, path in files:
            if self._size + size <= self.limit:
                break
            if path.name not in self._used:
                path.unlink(missing_ok=True)
                self._size -= old
        return self._size + size <= self.limit

    def _files(self) -> list[tuple[float, int, Path]]:
        """Last use, size and path of each cache file."""
        out = []
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.name.endswith(SUFFIX):
                    with contextlib.suppress(FileNotFoundError):
                        stat = entry.stat()
                        out.append((stat.st_atime, stat.st_size, Path(entry.path)))
        return out

    def _give_up(self, reason: str) -> None:
        if not self._full:
            log.warning(
                "%s: %s; further pictures are decoded each time they are read (%s sets the limit)",
                self.folder,
                reason,
                LIMIT_VARIABLE,
            )
        self._full = True


def default_limit(folder: Path) -> int:
    """How many bytes more a cache may take by default. Raises DatasetError when the variable is not a number."""
    text = os.environ.get(LIMIT_VARIABLE)
    if text is not None:
        if not text.isdigit():
            raise DatasetError(f"{LIMIT_VARIABLE} is '{text}'; a whole number of bytes was expected")
        return int(text)
    while not folder.is_dir():
        folder = folder.parent
    return shutil.disk_usage(folder).free // 2


@contextlib.contextmanager
def _locked(part: Path, final: Path, size: int) -> Iterator[int | None]:
    """The unfinished file, held by this process alone; None when another process has completed it meanwhile."""
    while True:
        file = os.open(part, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _has_size(final, size):
                with contextlib.suppress(OSError):
                    if os.path.samestat(os.stat(part), os.fstat(file)):
                        part.unlink()
                yield None
                return
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.stat(part), os.fstat(file)):
                    yield file
                    return
        finally:
            os.close(file)


def _size(frames: Frames, derived: Derived | None) -> int:
    """Of the file that holds them [bytes]."""
    return len(frames) * (derived.row_bytes if derived else frames.info.row_bytes)


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def _write(file: int, data: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    view = data.data
    while view:
        view = view[os.write(file, view) :]
