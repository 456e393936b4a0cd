"""How an edit changes a data set at once: prepare aside, commit by one file, then move into place.

    <path>/.robot_rl/pending.json            names the edit that is committed but not yet wholly in place
    <path>/.robot_rl/edits/000003/edit.json  what the edit was, and its moves
    <path>/.robot_rl/edits/000003/new/       what it will put in place, until it has
    <path>/.robot_rl/edits/000003/old/       what it displaced: kept for undoing until compacted

Everything new is written and flushed below `new/` first. The edit happens when `pending.json` appears (one
rename). From then on its moves are carried out, each a rename that can be repeated; whoever opens the data set
finishes what a killed process had begun, before anything is read. A process killed earlier has changed nothing.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from robot_rl.datasets.edit.moves import EDITS, Move, check_edit, check_moves, inside
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.store.files import canonical_json, fsync, fsync_tree, read_json, replace_atomically, sha256
from robot_rl.datasets.store.index import Index
from robot_rl.datasets.store.lock import WriterLock
from robot_rl.datasets.store.root import HIDDEN, check_writable

log = logging.getLogger(__name__)

PENDING = f"{HIDDEN}/pending.json"
WAIT_SECONDS = 10.0
"""How long a reader waits for an edit that is being put in place."""

State = Literal["prepared", "applied", "undone", "compacted"]


@dataclass(frozen=True)
class Record:
    """What is remembered of an edit (its edit.json)."""

    number: int
    job: str
    summary: str
    when: str
    """ISO 8601."""
    state: State
    next: int
    """Number of the first episode recorded after the edit; numbers in the trash are not used again."""
    episodes: tuple[int, ...] = ()
    """The episodes it touched, those it made among them."""
    moves: tuple[Move, ...] = ()

    @property
    def name(self) -> str:
        """Name of its folder below `edits/`."""
        return f"{self.number:06d}"


def read_record(folder: Path) -> Record:
    """The record of an edit's folder. Raises DatasetError when it is damaged, or names what no edit touches."""
    file = folder / "edit.json"
    data = read_json(file)
    try:
        moves = tuple(Move(**m) for m in data["moves"])
        record = Record(**(data | {"moves": moves, "episodes": tuple(map(int, data["episodes"]))}))
        name = record.name
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{file} is damaged: {error}") from None
    if name != folder.name:
        raise DatasetError(f"{file} is damaged: it is of edit {name}")
    check_moves(moves, name, file)
    return record


def write_record(path: Path, record: Record) -> None:
    """Put a record in place of the one before."""
    replace_atomically(path / EDITS / record.name / "edit.json", canonical_json(asdict(record)))


@dataclass
class Transaction:
    """One edit being prepared; nothing of the data set changes before `commit`."""

    path: Path
    number: int
    episodes: set[int] = field(default_factory=set)
    """Episodes it touches; add to it along with each change."""
    moves: list[Move] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.path / EDITS / f"{self.number:06d}"

    def fresh(self, relative: str) -> Path:
        """Where to write what `put` shall put at `relative`; its parent exists."""
        path = self.folder / "new" / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def put(self, relative: str) -> None:
        """Put what was written at `fresh(relative)` at `relative`, where nothing is (any more)."""
        self.moves.append(Move(self._inside("new", relative), relative))

    def remove(self, relative: str) -> None:
        """Take what is at `relative` out of the data set."""
        self.moves.append(Move(relative, self._inside("old", relative)))

    def rename(self, source: str, target: str) -> None:
        """Move what is at `source` to `target`, where nothing is."""
        self.moves.append(Move(source, target))

    def replace(self, relative: str, content: bytes) -> None:
        """Put a file in place of the one at `relative`."""
        old = self.path / self._inside("old", relative)
        old.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.path / relative, old)
        fresh = self.fresh(relative)
        fresh.write_bytes(content)
        self.moves.append(Move(self._inside("new", relative), relative, put=sha256(fresh)))

    def commit(self, index: Index, job: str, summary: str, next_number: int) -> Record:
        """Make the edit happen. Raises OSError before anything has changed, DatasetError after."""
        record = Record(
            number=self.number,
            job=job,
            summary=summary,
            when=datetime.now(UTC).isoformat(timespec="seconds"),
            state="prepared",
            next=next_number,
            episodes=tuple(sorted(self.episodes)),
            moves=tuple(self.moves),
        )
        (self.folder / "edit.json").write_bytes(canonical_json(asdict(record)))
        fsync_tree(self.folder)
        fsync(self.folder.parent)
        return commit(self.path, index, record, "forward")

    def _inside(self, part: str, relative: str) -> str:
        return f"{EDITS}/{self.number:06d}/{part}/{relative}"


def commit(path: Path, index: Index, record: Record, direction: Literal["forward", "backward"]) -> Record:
    """The moment an edit, or its undoing, happens. Raises DatasetError when it cannot be finished now."""
    list(_renames(path, record, direction == "backward"))  # what they would refuse is refused before it is decided
    replace_atomically(path / PENDING, canonical_json({"edit": record.name, "direction": direction}))
    try:
        finish(path, index)
    except OSError as error:
        raise DatasetError(
            f"{path}: {record.job} is decided but not all in place yet: {error}; it is finished when the data set "
            "is next opened"
        ) from error
    return read_record(path / EDITS / record.name)


def finish(path: Path, index: Index) -> None:
    """Carry out what `pending.json` names, from wherever it had got to; needs the writer's lock."""
    pending = read_json(path / PENDING)
    edit = str(pending.get("edit"))
    check_edit(edit, path / PENDING)
    record = read_record(path / EDITS / edit)
    backward = pending.get("direction") == "backward"
    changed: set[Path] = set()
    for source, target, over in _renames(path, record, backward):
        if source.exists() and (over or not target.exists()):
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(source, target)
        changed |= {source.parent, target.parent}
    for folder in changed:
        if folder.is_dir():
            fsync(folder)
    index.take_in(record.episodes)
    state: State = "undone" if backward else "applied"
    write_record(path, Record(**(vars(record) | {"state": state})))
    (path / PENDING).unlink()
    fsync((path / PENDING).parent)


def _renames(path: Path, record: Record, backward: bool) -> Iterator[tuple[Path, Path, bool]]:
    """Source, target, and whether the target is a file to be put over, in the order to do them.

    Each is looked at when it is its turn, since the one before may have put a link there. Raises DatasetError.
    """
    for move in reversed(record.moves) if backward else record.moves:
        source, target = move.source, move.target
        if backward and move.put:
            source = source.replace("/new/", "/old/", 1)
        elif backward:
            source, target = target, source
        yield inside(path, source), inside(path, target), bool(move.put)


def settle(path: Path, *, locked: bool) -> bool:
    """Finish an edit that a killed process had committed; True if there was one.

    Args:
        locked: this process holds the writer's lock; else it is taken for as long as it takes.

    Raises:
        DatasetError: the data set cannot be written here, or another process does not finish.
    """
    if not (path / PENDING).exists():
        return False
    check_writable(path)
    deadline = time.monotonic() + WAIT_SECONDS
    lock = None
    while not locked and lock is None:
        try:
            lock = WriterLock(path / HIDDEN / "lock")
        except DatasetError as error:
            if not (path / PENDING).exists():
                return True
            if time.monotonic() > deadline:
                raise DatasetError(
                    f"{path}: an edit is half in place: {error}. Open it once where it can be written, e.g. with "
                    f"`robot-rl data log {path}`"
                ) from None
            time.sleep(0.05)
    try:
        if (path / PENDING).exists():
            log.warning("%s: finishing an edit that was interrupted", path)
            index = Index(path / HIDDEN / "journal.jsonl", path / "episodes")
            index.repair()
            finish(path, index)
        return True
    except OSError as error:
        raise DatasetError(f"{path}: an interrupted edit cannot be finished: {error}") from error
    finally:
        if lock is not None:
            lock.release()


def generation(path: Path) -> int:
    """A number that changes when an edit begins or ends: what was read between two equal ones is of one state."""
    try:
        return -1 if (path / PENDING).exists() else (path / HIDDEN).stat().st_mtime_ns
    except OSError:
        return 0


def records(path: Path) -> list[Record]:
    """Every edit, oldest first; what was being prepared when a process died is left out."""
    folder = path / EDITS
    found = []
    for entry in sorted(folder.iterdir()) if folder.is_dir() else []:
        if (entry / "edit.json").is_file():
            record = read_record(entry)
            if record.state != "prepared":
                found.append(record)
    return found


def sweep(path: Path) -> None:
    """Remove what edits that never happened, or were compacted, left behind; needs the writer's lock."""
    folder = path / EDITS
    for entry in list(folder.iterdir()) if folder.is_dir() else []:
        with contextlib.suppress(DatasetError):
            if (entry / "edit.json").is_file():
                state = read_record(entry).state
                if state == "compacted":
                    shutil.rmtree(entry / "old", ignore_errors=True)
                    shutil.rmtree(entry / "new", ignore_errors=True)
                if state != "prepared":
                    continue
            shutil.rmtree(entry, ignore_errors=True)


def free_number(path: Path) -> int:
    """The number of the next edit."""
    folder = path / EDITS
    names = [int(p.name) for p in folder.iterdir() if p.name.isdigit()] if folder.is_dir() else []
    return max(names, default=-1) + 1


def check_unchanged(path: Path, record: Record) -> None:
    """Refuse to undo where a file that the edit put is not as it put it. Raises DatasetError."""
    for move in record.moves:
        if move.put and sha256(path / move.target) != move.put:
            raise DatasetError(
                f"edit {record.number} ({record.summary}) cannot be undone: {path / move.target} was changed since"
            )


def save_current(path: Path, record: Record) -> None:
    """Before undoing: keep a copy of each file that will be put over."""
    for move in record.moves:
        if move.put:
            keep = inside(path, move.source)
            keep.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path / move.target, keep)
            fsync(keep)
