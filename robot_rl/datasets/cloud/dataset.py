"""A data set in an object store, behind the same class as one in a folder."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from robot_rl.datasets.cloud import mirror
from robot_rl.datasets.cloud.commit import upload
from robot_rl.datasets.cloud.index import RemoteIndex
from robot_rl.datasets.cloud.objects import Objects, StoreError
from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.episode import Episode
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.store.files import canonical_json, fsync, fsync_tree, group_json, read_json
from robot_rl.datasets.store.index import Entry, episode_name
from robot_rl.hardware.camera import Intrinsics
from robot_rl.spec import Spec

log = logging.getLogger(__name__)


class RemoteEpisode(Episode):
    """An episode whose steps and streams are fetched one by one, when they are read."""

    def __init__(self, files: mirror.EpisodeMirror, folder: Path, spec: Spec, number: int) -> None:
        self._files = files
        super().__init__(folder, spec, number)

    @property
    def folder(self) -> Path:
        """Its folder in the mirror, with every file there."""
        return self._files.whole(self.attributes)

    @folder.setter
    def folder(self, folder: Path) -> None:
        self._local = folder

    def part(self, name: str) -> Path:
        """A part of the episode, fetched if need be."""
        if not name:
            return self._files.attributes()
        return self._files.part(name, self.attributes["checksums"])


class RemoteDataset(Dataset):
    """Episodes in an object store. Several writers may append at once; each episode gets a number of its own.

    Recording goes to a local folder, as ever; `commit` then sends the episode and returns when it is safe in
    the store. When the store cannot be reached it stays in the outbox, `commit` says so, and `flush` (or the
    next opening with mode `a`) sends it.
    """

    def __init__(self, url: str, mode: Literal["r", "a"]) -> None:
        self.url = url
        self.objects = Objects(url)
        super().__init__(mirror.prepare(self.objects), mode)
        self._outbox = self._hidden / "outbox"
        if mode == "a":
            self.flush()

    @classmethod
    def make(cls, url: str, root: Mapping[str, Any]) -> RemoteDataset:
        """An empty data set with these attributes, open to append. Raises DatasetError where there is one."""
        objects = Objects(url)
        if not objects.create("zarr.json", group_json(root)):
            raise DatasetError(f"{url} exists already; open it with mode='a' to append, or choose another name")
        objects.put("episodes/zarr.json", group_json({}))
        return cls(url, "a")

    def flush(self) -> None:
        """Send what is in the outbox. Raises StoreError when the store cannot be reached."""
        for folder in sorted(p for p in self._outbox.iterdir() if p.is_dir()):
            self._send(folder)

    def refresh(self) -> None:
        """Take in what others have committed since."""
        mirror.prepare(self.objects)
        super().refresh()

    @property
    def untouched(self) -> bool:
        """Never: another computer may be recording into it."""
        return False

    def set_intrinsics(self, camera: str, intrinsics: Intrinsics) -> None:
        """As for a folder; the store's attributes are written after the mirror's."""
        before = canonical_json(self.attributes)
        super().set_intrinsics(camera, intrinsics)
        if canonical_json(self.attributes) != before:
            self.objects.put("zarr.json", group_json(self.attributes))

    def fetch(self) -> None:
        """Bring every file of every episode into the mirror, comparing it with its checksum."""
        for episode in self:
            log.debug("%s is in the mirror", episode.folder)

    def close(self) -> None:
        """Let the next writer of this machine in."""
        if self._lock is not None:
            try:
                self.remote.write_snapshot()
            except StoreError as error:
                log.warning("the index was not written (it is a cache): %s", error)
        super().close()

    def _index(self) -> RemoteIndex:  # type: ignore[override]
        self.remote = RemoteIndex(self.objects)
        return self.remote

    def _episode(self, number: int) -> RemoteEpisode:
        folder = self.path / "episodes" / episode_name(number)
        return RemoteEpisode(mirror.EpisodeMirror(self.objects, self.path, folder, number), folder, self.spec, number)

    def _put_in_place(self, folder: Path, attributes: dict[str, Any], checksums: dict[str, str]) -> int:
        """Commit: make the episode complete and durable in the outbox, then send it."""
        if self._lock is None:
            raise DatasetError(f"{self.url} was closed while an episode was being recorded")
        (folder / "zarr.json").write_bytes(group_json(attributes | {"checksums": checksums}))
        fsync_tree(folder)
        waiting = self._outbox / folder.name
        os.rename(folder, waiting)
        try:
            fsync(self._outbox)
            return self._send(waiting)
        except (OSError, StoreError) as error:
            raise StoreError(
                f"the episode is complete and safe in {waiting}, but not in the store: {error}. It is sent when the "
                "data set is next opened to append, or by flush()"
            ) from None

    def _send(self, folder: Path) -> int:
        with self._commit_lock:
            attributes = read_json(folder / "zarr.json")["attributes"]
            note = folder.with_suffix(".json")
            complete = upload(self.objects, folder, attributes, note, self.remote.next_number)
            number = int(complete["number"])
            (folder / "zarr.json").write_bytes(group_json(complete))
            target = self.path / "episodes" / episode_name(number)
            shutil.rmtree(target, ignore_errors=True)
            os.rename(folder, target)
            note.unlink()
            self.remote.add(Entry.from_attributes(complete))
            self._numbers = sorted(self.remote.entries)
            self.remote.write_snapshot()
            return number
