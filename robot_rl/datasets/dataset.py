"""A data set: a directory that is one Zarr v3 group, holding episodes that are there whole or not at all.

    <path>/zarr.json                          format, spec, cameras, identity, created
    <path>/episodes/000012/zarr.json          the episode's attributes
    <path>/episodes/000012/steps/<column>     the steps table
    <path>/episodes/000012/streams/<name>/    value, stamp
    <path>/.robot_rl/                         writer's lock, journal, episodes being recorded

Attributes of an episode: see `store/episode_attributes.py`.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from robot_rl import workspace
from robot_rl.datasets.edit.transaction import generation, settle
from robot_rl.datasets.episode import Episode
from robot_rl.datasets.errors import DatasetError, KeptError
from robot_rl.datasets.recording.writer import EpisodeWriter
from robot_rl.datasets.store.description import Description, camera_differences, new_root
from robot_rl.datasets.store.episode_attributes import begun, complete
from robot_rl.datasets.store.files import fsync, fsync_tree, group_json, replace_atomically
from robot_rl.datasets.store.foreign import convert_command, foreign
from robot_rl.datasets.store.index import Entry, Index, episode_name
from robot_rl.datasets.store.lock import WriterLock, is_written
from robot_rl.datasets.store.root import HIDDEN, check_writable, make_folder, read_root
from robot_rl.datasets.store.streams import DEFAULT_CODEC
from robot_rl.datasets.store.urls import store_url
from robot_rl.hardware.camera import Intrinsics
from robot_rl.hardware.config import CameraConfig
from robot_rl.spec import Spec

log = logging.getLogger(__name__)


class Dataset(Sequence[Episode]):
    """Episodes on disk. `create` and `open` make one; use as a context manager where it writes."""

    def __init__(self, path: Path, mode: Literal["r", "a"]) -> None:
        self.path, self.mode = path, mode
        self._hidden = path / HIDDEN
        read_root(path)
        if mode == "a":
            check_writable(path)
        self._lock = WriterLock(self._hidden / "lock") if mode == "a" else None
        self._commit_lock = threading.Lock()
        self._recording: set[Path] = set()
        self._between_edits(self._open_journal)
        for line in self.journal.damage:
            log.warning("%s: %s", path, line)
        if mode == "a":
            self.journal.repair()
            if left := len(self.unfinished()):
                log.warning(
                    "%s: %d unfinished episode(s) left by a crash; `robot-rl data salvage` keeps or drops them",
                    path,
                    left,
                )
        self._numbers = sorted(self.journal.entries)

    def _open_journal(self) -> None:
        self.journal = self._index()

    def _between_edits(self, read_journal: Callable[[], None]) -> None:
        """Read the description and the journal while no edit is half in place."""
        while True:
            settle(self.path, locked=self._lock is not None)
            before = generation(self.path)
            self._describe(read_root(self.path))
            read_journal()
            if generation(self.path) == before != -1:
                return

    def _describe(self, root: dict[str, Any]) -> None:
        """Take the robot's description from the attributes of the root."""
        said = Description.of(root)
        self.attributes, self.identity = said.attributes, said.identity
        self.spec, self.cameras = said.spec, said.cameras
        self.fields, self.codecs = said.fields, said.codecs

    @classmethod
    def create(
        cls,
        path: str | Path,
        spec: Spec,
        cameras: Mapping[str, CameraConfig] | None = None,
        *,
        images: str | Mapping[str, str] = DEFAULT_CODEC,
        **attributes: Any,
    ) -> Dataset:
        """Make an empty data set and open it for recording.

        Args:
            images: how pictures are stored, for all or by stream: `raw`, `zstd`, `png` or `jpeg:95`.
            attributes: further attributes of the data set (JSON).

        Raises:
            DatasetError: something is there already, or the streams or codecs do not fit.
        """
        url, path, cameras = store_url(path), Path(path), cameras or {}
        if not url and path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise DatasetError(f"{path} exists already{_what_is_there(path)}")
        root = new_root(spec, cameras, images, attributes)
        if url:
            from robot_rl.datasets.cloud.dataset import RemoteDataset

            return RemoteDataset.make(url, root)
        make_folder(path, root)
        return cls(path, "a")

    @classmethod
    def open(cls, path: str | Path, mode: Literal["r", "a"] = "r") -> Dataset:
        """Open a data set to read (`r`, any number at a time) or to append (`a`, one at a time).

        Raises:
            DatasetError: not a data set, of another format version, or being written by another process.
        """
        if mode not in ("r", "a"):
            raise DatasetError(f"mode '{mode}': 'r' reads, 'a' appends")
        if url := store_url(path):
            from robot_rl.datasets.cloud.dataset import RemoteDataset

            return RemoteDataset(url, mode)
        return cls(Path(path), mode)

    @classmethod
    def open_or_create(
        cls,
        path: str | Path,
        spec: Spec,
        cameras: Mapping[str, CameraConfig] | None = None,
        *,
        images: str | Mapping[str, str] = DEFAULT_CODEC,
        **attributes: Any,
    ) -> Dataset:
        """Open to append what is there, else create it.

        A data set that never had an episode, as a recording that did not come about leaves it, takes this spec and
        these cameras.

        Raises:
            DatasetError: the data set there is of another spec or other cameras; each difference is named.
        """
        if not exists(path):
            return cls.create(path, spec, cameras, images=images, **attributes)
        dataset = cls.open(path, "a")
        differences = dataset.spec.differences(spec) + camera_differences(dataset.cameras, cameras or {})
        if differences and dataset.untouched:
            dataset.describe_anew(new_root(spec, cameras or {}, images, {**dataset.attributes, **attributes}))
            return dataset
        if differences:
            dataset.close()
            lines = "\n  ".join(differences)
            raise DatasetError(
                f"{path} does not fit what is to be recorded (first: data set, second: robot):\n  {lines}"
            )
        return dataset

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"episode {index}: {self.path} holds {len(self)}")
        return self._episode(self._numbers[index])

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the episodes, in order; a number stays with its episode when others are deleted."""
        return tuple(self._numbers)

    def episode(self, number: int) -> Episode:
        """The episode of that number. Raises DatasetError when there is none."""
        if number not in self.journal.entries:
            raise DatasetError(f"{self.path} has no episode {number}; it holds {len(self)}")
        return self._episode(number)

    def episodes(self) -> Iterator[Episode]:
        """Every episode in order of its number."""
        return iter(self)

    def unfinished(self) -> list[Path]:
        """Folders of episodes whose process died, or that another process is recording now."""
        incoming = self._hidden / "incoming"
        found = (p for p in incoming.iterdir() if p.is_dir()) if incoming.is_dir() else ()
        return sorted(p for p in found if p not in self._recording)

    def left(self) -> list[Path]:
        """Those of `unfinished` whose process died; none while another process writes, since one may be its own."""
        before = self.unfinished()
        if not before or (self._lock is None and is_written(self._hidden / "lock")):
            return []
        return [folder for folder in self.unfinished() if folder in before]

    @property
    def untouched(self) -> bool:
        """No episode was ever here: none that was deleted and could be restored, none begun or left by a crash."""
        begun = self.journal.next_number > 0 or self.unfinished() or self._recording
        there = any(p.is_dir() for p in (self.path / "episodes").iterdir())
        return not begun and not there and not (self._hidden / "edits").exists()

    @property
    def recording(self) -> bool:
        """Whether this object is recording an episode now."""
        return any(folder.exists() for folder in self._recording)

    def refresh(self) -> None:
        """Take in what another process has committed or edited since."""
        self._between_edits(lambda: self.journal.refresh())
        self._numbers = sorted(self.journal.entries)

    def new_episode(self, **attributes: Any) -> EpisodeWriter:
        """Begin recording an episode.

        Args:
            attributes: `instruction`, `operator`, `seed`, `purpose`, `clock`, `policy` and any other (JSON).

        Raises:
            DatasetError: opened to read only, an unknown purpose, or the disk failed.
        """
        if self.mode != "a" or self._lock is None:
            raise DatasetError(f"{self.path} is open to read only; open it with mode='a' to record")
        own = begun(self.spec.robot, attributes)
        folder = self._hidden / "incoming" / own["id"]
        self._recording.add(folder)
        return EpisodeWriter(folder, self.fields, self.codecs, self.spec.action.size, own, self._put_in_place)

    def describe_anew(self, root: Mapping[str, Any]) -> None:
        """Take other attributes of the root, those of another robot for one, while there is no episode.

        Raises:
            DatasetError: there is or was one, or it is open to read only.
        """
        if self._lock is None or not self.untouched:
            raise DatasetError(f"{self.path} holds episodes, or is open to read only: it keeps its description")
        self._describe(dict(root))
        replace_atomically(self.path / "zarr.json", group_json(self.attributes))

    def set_intrinsics(self, camera: str, intrinsics: Intrinsics) -> None:
        """Note a camera's intrinsics among the data set's attributes, once it is open and they are known."""
        if camera not in self.cameras:
            raise DatasetError(f"no camera '{camera}'.{workspace.did_you_mean(camera, self.cameras)}")
        if self.mode != "a":
            raise DatasetError(f"{self.path} is open to read only; open it with mode='a'")
        entry = {k: list(v) if isinstance(v, tuple) else v for k, v in vars(intrinsics).items()}
        if self.attributes["cameras"][camera].get("intrinsics") != entry:
            self.attributes["cameras"][camera]["intrinsics"] = entry
            replace_atomically(self.path / "zarr.json", group_json(self.attributes))

    def close(self) -> None:
        """Let the next writer in. Reading goes on to work."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Dataset:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def fetch(self) -> None:
        """Have every file at hand; those of a folder are."""

    def _index(self) -> Index:
        return Index(self._hidden / "journal.jsonl", self.path / "episodes")

    def _episode(self, number: int) -> Episode:
        return Episode(self.path / "episodes" / episode_name(number), self.spec, number)

    def _put_in_place(self, folder: Path, attributes: dict[str, Any], checksums: dict[str, str]) -> int:
        """Commit: complete the attributes, flush all to the disk, rename, note in the journal.

        After the rename the episode is there, and nothing that goes wrong is told as its loss.
        """
        if self._lock is None:
            raise DatasetError(f"{self.path} was closed while an episode was being recorded")
        with self._commit_lock:
            self.journal.catch_up()  # with a commit that was interrupted after its rename
            number = self.journal.next_number
            committed = complete(attributes, {"number": number, "checksums": checksums})
            (folder / "zarr.json").write_bytes(group_json(committed))
            fsync_tree(folder)
            self._rename(folder, self.path / "episodes" / episode_name(number))
            try:
                fsync(self.path / "episodes")
            except OSError as error:
                log.warning("%s: episode %d is in place, but a power cut may undo that: %s", self.path, number, error)
            self.journal.append(Entry.from_attributes(committed))
            self._numbers = sorted(self.journal.entries)
            return number

    def _rename(self, folder: Path, place: Path) -> None:
        try:
            os.rename(folder, place)
        except OSError as error:
            self._recording.discard(folder)
            raise KeptError(
                f"{place} cannot be made: {error}. The episode is whole in {folder}: `robot-rl data salvage "
                f"{self.path}` puts it in place"
            ) from error


def _what_is_there(path: Path) -> str:
    """How a message goes on that nothing can be created at `path`."""
    if exists(path):
        return "; open it with mode='a' to append, or choose another name"
    if (kind := foreign(path)) is not None:
        return f" and is {kind}: {convert_command(path, kind)}, or choose another name"
    return f", a {'folder' if path.is_dir() else 'file'} that is no data set: choose another name"


def exists(path: str | Path) -> bool:
    """Whether a data set is there, in a folder or in an object store."""
    if url := store_url(path):
        from robot_rl.datasets.cloud.objects import Objects

        return Objects(url).get("zarr.json") is not None
    return (Path(path) / "zarr.json").is_file()
