"""The local copy of what has been read of a data set in an object store."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import uuid
from pathlib import Path
from typing import Any

from robot_rl.datasets.cloud.index import episode_key
from robot_rl.datasets.cloud.objects import Objects, StoreError
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.store.files import replace_atomically, write_group
from robot_rl.datasets.store.paths import check_plain
from robot_rl.datasets.store.root import HIDDEN

_IDENTITY = re.compile(r"[0-9a-f]{32}")


def mirror_folder(identity: str) -> Path:
    """Where the mirror of the data set of this identity lies: below `$ROBOT_RL_MIRROR`, else in the user's cache.

    Raises:
        DatasetError: it is no identity; it comes from the store and becomes a path.
    """
    if not _IDENTITY.fullmatch(identity):
        raise DatasetError(
            f"the identity {identity!r} is none: 32 hexadecimal digits were expected; zarr.json is damaged"
        )
    if given := os.environ.get("ROBOT_RL_MIRROR"):
        return Path(given) / identity
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "robot_rl" / identity


def prepare(objects: Objects) -> Path:
    """Make or bring up to date the mirror of a data set; returns its folder.

    Raises:
        DatasetError: there is no data set at the address, or the mirror cannot be written.
    """
    root = objects.get("zarr.json")
    if root is None:
        raise DatasetError(f"{objects.url} is not a data set (no zarr.json); create it, or copy one there")
    try:
        identity = str(json.loads(root)["attributes"]["identity"])
    except (ValueError, KeyError, TypeError):
        raise DatasetError(f"{objects.url} is a Zarr store of another kind, not a data set of robot_rl") from None
    folder = mirror_folder(identity)
    try:
        for name in ("incoming", "outbox", "fetching"):
            (folder / HIDDEN / name).mkdir(parents=True, exist_ok=True)
        if not (folder / "episodes/zarr.json").is_file():
            write_group(folder / "episodes", {})
        replace_atomically(folder / "zarr.json", root)
    except OSError as error:
        raise DatasetError(f"the mirror {folder} cannot be written: {error}; set ROBOT_RL_MIRROR") from None
    return folder


class EpisodeMirror:
    """The files of one episode, each part fetched when it is first wanted."""

    def __init__(self, objects: Objects, mirror: Path, folder: Path, number: int) -> None:
        self._objects, self._folder, self._number = objects, folder, number
        self._fetching = mirror / HIDDEN / "fetching"

    def attributes(self) -> Path:
        """The episode's folder with its zarr.json in it."""
        target = self._folder / "zarr.json"
        if not target.is_file():
            data = self._objects.get(f"{episode_key(self._number)}/zarr.json")
            if data is None:
                raise StoreError(f"episode {self._number} of {self._objects.url} is gone")
            self._folder.mkdir(parents=True, exist_ok=True)
            replace_atomically(target, data)
        return self._folder

    def part(self, name: str, checksums: dict[str, str]) -> Path:
        """`steps` or `streams/<name>`, whole: downloaded aside, compared with the checksums, then renamed."""
        check_plain(name, f"episode {self._number} of {self._objects.url}")
        target = self._folder / name
        if not target.is_dir():
            aside = self._fetching / uuid.uuid4().hex
            try:
                wanted = {p: d for p, d in checksums.items() if p.startswith(f"{name}/")}
                self._download(wanted, aside)
                target.parent.mkdir(parents=True, exist_ok=True)
                with contextlib.suppress(OSError):  # another process was quicker
                    os.rename(aside / name, target)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
        return target

    def whole(self, attributes: dict[str, Any]) -> Path:
        """The episode's folder with every file."""
        checksums: dict[str, str] = attributes["checksums"]
        for name in ["steps", *(f"streams/{s}" for s in attributes["samples"])]:
            self.part(name, checksums)
        rest = {p: d for p, d in checksums.items() if not (self._folder / p).is_file()}
        self._download(rest, self._folder)
        return self._folder

    def _download(self, checksums: dict[str, str], to: Path) -> None:
        for path in checksums:
            check_plain(path, f"episode {self._number} of {self._objects.url}")
        prefix = episode_key(self._number)
        self._objects.download({f"{prefix}/{p}": (to / p, d) for p, d in checksums.items()})
