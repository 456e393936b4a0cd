"""Which episodes a data set in an object store holds.

An episode is there when `episodes/<number>/zarr.json` is. Every number is claimed by an object before its
episode is uploaded, so listing the claims finds all candidates. A snapshot of the index, written now and
then under a name of its own, spares later readers the old claims; it is a cache and can be deleted.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from robot_rl.datasets.cloud.objects import Objects
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.store.files import canonical_json
from robot_rl.datasets.store.index import Entry, episode_name

CLAIMS = ".robot_rl/claims"
SNAPSHOTS = ".robot_rl/index"
FORGET_AGE = 24 * 3600.0
"""A number claimed longer ago than this [s] without an episode is not looked for any more."""
SNAPSHOT_EVERY = 64
"""Episodes since the last snapshot after which a writer makes a new one."""


def claim_key(number: int) -> str:
    """The object that reserves a number."""
    return f"{CLAIMS}/{number:09d}"


def episode_key(number: int) -> str:
    """Prefix of an episode's objects."""
    return f"episodes/{episode_name(number)}"


class RemoteIndex:
    """The committed episodes by number, as `datasets.index.Index` for a folder."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self.entries: dict[int, Entry] = {}
        self.damage: list[str] = []
        self._next = 0
        self._listed = -1
        """All claims up to this number have been looked at; claims are made in order, without gaps."""
        self._open: set[int] = set()
        """Claimed numbers whose episode was not there when last looked for."""
        self._in_snapshot = 0
        if not self._read_snapshot():
            self._open = {int(n) for n in objects.folders("episodes") if n.isdigit()}  # copied there by other tools
            self._next = max(self._open, default=-1) + 1
        self.refresh()

    @property
    def next_number(self) -> int:
        """The lowest number that nobody has claimed, as far as is known."""
        return self._next

    @property
    def open_claims(self) -> frozenset[int]:
        """Numbers whose upload is under way, or was given up."""
        return frozenset(self._open)

    def refresh(self) -> None:
        """Take in what was committed since, here and elsewhere."""
        after = claim_key(self._listed) if self._listed >= 0 else None
        claimed = [int(key.rpartition("/")[2]) for key in self._objects.keys(CLAIMS, after)]
        self._listed = max([self._listed, *claimed])
        self._next = max(self._next, self._listed + 1)
        wanted = sorted((self._open | set(claimed)) - set(self.entries))
        for number, data in zip(wanted, self._objects.many([f"{episode_key(n)}/zarr.json" for n in wanted])):
            if data is None:
                self._open.add(number)
            else:
                self.add(entry_of(data, number))

    def add(self, entry: Entry) -> None:
        """Note a committed episode."""
        self.entries[entry.number] = entry
        self._open.discard(entry.number)
        self._next = max(self._next, entry.number + 1)

    def repair(self) -> None:
        """Nothing is left to repair: a commit is one request."""

    def write_snapshot(self) -> None:
        """Write the index anew if enough episodes have come since; the two newest snapshots are kept."""
        if len(self.entries) - self._in_snapshot < SNAPSHOT_EVERY:
            return
        self.refresh()
        self._open = {n for n in self._open if self._age(n) < FORGET_AGE}
        entries = [asdict(e) for e in self.entries.values()]
        known = {"listed": self._listed, "open": sorted(self._open), "entries": entries}
        self._objects.put(f"{SNAPSHOTS}/{len(entries):09d}-{uuid.uuid4().hex[:8]}.json", canonical_json(known))
        self._in_snapshot = len(self.entries)
        for key in sorted(self._objects.keys(SNAPSHOTS))[:-2]:
            self._objects.delete(key)

    def _age(self, number: int) -> float:
        """How long ago a number was claimed [s]."""
        claim = json.loads(self._objects.get(claim_key(number)) or b"{}")
        return time.time() - float(claim.get("time", 0.0))

    def _read_snapshot(self) -> bool:
        for key in sorted(self._objects.keys(SNAPSHOTS), reverse=True):
            data = self._objects.get(key)
            if data is None:  # a writer has just replaced it
                continue
            try:
                known = json.loads(data)
                self.entries = {e["number"]: Entry(**e) for e in known["entries"]}
                self._listed, self._open = known["listed"], set(known["open"])
                self._next, self._in_snapshot = self._listed + 1, len(self.entries)
                return True
            except (ValueError, KeyError, TypeError) as error:
                self.damage.append(f"the index {key} is damaged ({error}); the claims were read instead")
                self.entries = {}
        return False


def entry_of(data: bytes, number: int) -> Entry:
    """The entry of an episode, given its zarr.json. Raises DatasetError when that is damaged."""
    try:
        attributes: Mapping[str, Any] = json.loads(data)["attributes"]
        return Entry.from_attributes(attributes)
    except (ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"episode {number}: its attributes in the object store are damaged: {error}") from None
