"""The journal of episodes: one JSON line each, appended after the episode itself is safe.

The journal is a cache. Opening a data set reads it instead of every episode's directory; what it lacks
after a crash (its last lines) or cannot be read at all is taken from the directories again.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.store.files import canonical_json, fsync, read_json, replace_atomically


def episode_name(number: int) -> str:
    """Name of an episode's directory below `episodes/`."""
    return f"{number:06d}"


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of an episode without opening it."""

    number: int
    id: str
    steps: int
    success: bool | None
    purpose: str

    @classmethod
    def from_attributes(cls, data: Mapping[str, Any]) -> Entry:
        """The entry of an episode with these attributes."""
        return cls(data["number"], data["id"], data["steps"], data["success"], data["purpose"])


class Index:
    """The episodes of one data set in the order of their numbers."""

    def __init__(self, journal: Path, episodes: Path) -> None:
        self._journal, self._episodes = journal, episodes
        self.entries: dict[int, Entry] = {}
        self.damage: list[str] = []
        """What had to be repaired or taken from the episode directories, in words."""
        self._next, self._read, self._whole = 0, 0, True
        self._inode: int | None = None
        self.refresh()
        self._compare_with_directories()

    @property
    def next_number(self) -> int:
        """The number of the episode committed next; numbers are never used twice."""
        return self._next

    def refresh(self) -> None:
        """Read what was committed since; repair in memory what a crash left."""
        try:
            with self._journal.open("rb") as file:
                self._begin_anew_if_replaced(os.fstat(file.fileno()).st_ino)
                file.seek(self._read)
                data = file.read()
        except OSError as error:
            self._rebuild(f"the journal cannot be read ({error})")
            return
        whole = data[: data.rfind(b"\n") + 1]
        try:
            for event in json.loads(b"[" + b",".join(whole.splitlines()) + b"]"):
                self._apply(event)
        except (ValueError, KeyError, TypeError) as error:
            self._rebuild(f"a line of the journal is damaged ({error})")
            return
        self._read += len(whole)
        self._whole = len(whole) == len(data)
        self.catch_up()

    def catch_up(self) -> None:
        """Take in episodes that are in place but whose line is missing (killed in between): `next_number` is free."""
        while os.path.lexists(self._episodes / episode_name(self._next)):
            self.damage.append(f"episode {self._next} was not in the journal")
            self._take_in(self._episodes / episode_name(self._next))

    def append(self, entry: Entry) -> None:
        """Add an episode whose directory is in place. Never fails for the disk: see `damage`."""
        self._note({"add": asdict(entry)})

    def remove(self, number: int) -> None:
        """Note that an episode's directory is gone. Never fails for the disk: see `damage`."""
        self._note({"remove": number})

    def take_in(self, numbers: Iterable[int]) -> None:
        """Note what an edit made of these episodes: each is as its directory says, or gone. Flushed to the disk.

        Raises OSError when the journal cannot be written.
        """
        for number in numbers:
            folder = self._episodes / episode_name(number)
            try:
                entry = Entry.from_attributes(read_json(folder / "zarr.json")["attributes"])
                if self.entries.get(number) != entry:
                    self.append(entry)
            except (DatasetError, KeyError, TypeError):  # it is gone, or damaged: `data verify` says more
                if number in self.entries:
                    self.remove(number)
        if self.damage:
            self.rewrite()
        fsync(self._journal)

    def repair(self) -> None:
        """Rewrite the journal where it is torn or lacks episodes; needs the writer's lock."""
        if self.damage or not self._whole:
            self.rewrite()

    def rewrite(self) -> None:
        """Write the journal anew from what is known."""
        lines = [canonical_json({"add": asdict(e)}) for e in self.entries.values()]
        lines.append(canonical_json({"next": self._next}))
        content = b"".join(line + b"\n" for line in lines)
        replace_atomically(self._journal, content)
        self._read, self._whole, self._inode = len(content), True, self._journal.stat().st_ino
        self.damage.clear()

    def _note(self, event: dict[str, Any]) -> None:
        """Take in what has happened on disk; the journal follows now, or with a later event, or when next opened."""
        self._apply(event)
        try:
            if self.damage:
                self.rewrite()
            else:
                self._write(event)
        except OSError as error:
            if not self.damage:
                self.damage.append(f"the journal could not be appended to ({error})")

    def _write(self, event: dict[str, Any]) -> None:
        """Append one event; a line that could not be written whole is taken back. Raises OSError then."""
        line = canonical_json(event) + b"\n"
        handle = os.open(self._journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            size = os.fstat(handle).st_size
            try:
                if os.write(handle, line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._journal))
            except OSError:
                os.ftruncate(handle, size)
                raise
            self._read = size + len(line)
        finally:
            os.close(handle)

    def _apply(self, event: dict[str, Any]) -> None:
        if "add" in event:
            entry = Entry(**event["add"])
            self.entries[entry.number] = entry
            self._next = max(self._next, entry.number + 1)
        elif "remove" in event:
            self.entries.pop(event["remove"], None)
        else:
            self._next = max(self._next, event["next"])

    def _begin_anew_if_replaced(self, inode: int) -> None:
        """Forget what was read of a journal that another process has written anew since."""
        if self._inode not in (None, inode):
            self.entries, self._read = {}, 0
        self._inode = inode

    def _compare_with_directories(self) -> None:
        """Take in every episode whose line is missing, and leave out those whose directory is."""
        there = {int(name) for name in os.listdir(self._episodes) if name.isdigit()}
        for number in sorted(there - self.entries.keys()):
            self.damage.append(f"episode {number} was not in the journal")
            self._take_in(self._episodes / episode_name(number))
        for number in sorted(self.entries.keys() - there):
            self.damage.append(f"episode {number} is in the journal, but its directory is gone")
            del self.entries[number]
        if self.damage:
            self._next = max(self._next, self._next_of_edits())

    def _rebuild(self, reason: str) -> None:
        """Take every entry from the episodes' own attributes."""
        self.damage.append(f"{reason}; the episode directories were read instead")
        self.entries, self._next = {}, 0
        for folder in sorted(self._episodes.iterdir()):
            if folder.is_dir() and folder.name.isdigit():
                self._take_in(folder)
        self._next = max(self._next, self._next_of_edits())
        self._read = self._journal.stat().st_size if self._journal.is_file() else 0

    def _next_of_edits(self) -> int:
        """The next number as the edits remember it: the numbers of deleted episodes are not used again."""
        found = 0
        for path in (self._journal.parent / "edits").glob("*/edit.json"):
            with contextlib.suppress(DatasetError, KeyError, TypeError):
                found = max(found, int(read_json(path)["next"]))
        return found

    def _take_in(self, folder: Path) -> None:
        """Add the episode in a directory; one that cannot be read is left out and named in `damage`."""
        self._next = max(self._next, int(folder.name) + 1)
        try:
            attributes = read_json(folder / "zarr.json")["attributes"]
            self._apply({"add": asdict(Entry.from_attributes(attributes))})
        except (DatasetError, KeyError, TypeError) as error:
            self.damage.append(f"episode {folder.name} cannot be read: {error}")
