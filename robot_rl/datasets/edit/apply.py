"""Doing an edit, undoing the last one, and giving up the means to undo."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Protocol

from robot_rl.datasets.dataset import Dataset
from robot_rl.datasets.edit import transaction
from robot_rl.datasets.edit.transaction import EDITS, Record, Transaction
from robot_rl.datasets.errors import DatasetError
from robot_rl.datasets.store.index import Index


class Edit(Protocol):
    """One thing to do to a data set."""

    @property
    def job(self) -> str:
        """Its name, e.g. `delete`."""
        ...

    def plan(self, dataset: Dataset) -> list[str]:
        """What it will do, one line each, the first for the history. Raises DatasetError when it cannot be done."""
        ...

    def prepare(self, dataset: Dataset, to: Transaction) -> None:
        """Write what it needs and note its moves."""
        ...


def apply(dataset: Dataset, edit: Edit) -> Record:
    """Do an edit: wholly, or not at all.

    Args:
        dataset: opened with mode `a`, so that nobody else writes; it is up to date afterwards, but `Episode`
            objects taken from it before may not be.

    Raises:
        DatasetError: it cannot be done, an episode is being recorded, or the disk failed; nothing is changed then.
    """
    _writable(dataset)
    transaction.sweep(dataset.path)
    lines = edit.plan(dataset)
    to = Transaction(dataset.path, transaction.free_number(dataset.path))
    try:
        to.folder.mkdir(parents=True)
        edit.prepare(dataset, to)
        made = max(to.episodes, default=-1) + 1
        record = to.commit(dataset.journal, edit.job, lines[0], max(dataset.journal.next_number, made))
    except (OSError, DatasetError) as error:
        if (dataset.path / transaction.PENDING).exists():
            raise
        shutil.rmtree(to.folder, ignore_errors=True)
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"{edit.job}: {error}; nothing was changed") from error
    dataset.refresh()
    return record


def last_undoable(dataset: Dataset) -> Record:
    """The edit that `undo` would take back. Raises DatasetError when there is none."""
    done = [r for r in transaction.records(dataset.path) if r.state in ("applied", "compacted")]
    if not done:
        raise DatasetError(f"{dataset.path}: there is no edit to undo")
    if done[-1].state == "compacted":
        raise DatasetError(
            f"{dataset.path}: the last edit ({done[-1].summary}) was compacted, so it cannot be undone any more"
        )
    return done[-1]


def undo(dataset: Dataset) -> Record:
    """Take back the last edit that was not undone: every file is again what it was, bit for bit.

    Raises:
        DatasetError: nothing to undo, it was compacted, episodes recorded since depend on it, or the disk failed.
    """
    _writable(dataset)
    record = last_undoable(dataset)
    transaction.check_unchanged(dataset.path, record)
    since = [n for n in dataset.numbers if n >= record.next]
    if since and any(move.target == "zarr.json" for move in record.moves):
        raise DatasetError(
            f"edit {record.number} ({record.summary}) cannot be undone: episodes from {since[0]} on were recorded "
            "since and follow it; do the opposite edit instead, e.g. rename the field back"
        )
    try:
        transaction.save_current(dataset.path, record)
        record = transaction.commit(dataset.path, dataset.journal, record, "backward")
    except OSError as error:
        raise DatasetError(f"undo: {error}; nothing was changed") from error
    dataset.refresh()
    return record


def compact(dataset: Dataset) -> int:
    """Remove what edits displaced: they cannot be undone any more. Returns the number of bytes freed."""
    _writable(dataset)
    freed = trash_bytes(dataset)
    for record in transaction.records(dataset.path):
        if record.state != "compacted":
            transaction.write_record(dataset.path, replace(record, state="compacted", moves=()))
    transaction.sweep(dataset.path)
    return freed


def trash_bytes(dataset: Dataset) -> int:
    """Bytes that `compact` would free."""
    folder = dataset.path / EDITS
    files = (p for p in folder.glob("*/*/**/*") if p.is_file())
    return sum(p.stat().st_size for p in files)


def _writable(dataset: Dataset) -> None:
    if not isinstance(dataset.journal, Index):
        raise DatasetError(f"{dataset.path} mirrors an object store, where nothing is edited: edit a copy in a folder")
    if dataset.mode != "a":
        raise DatasetError(f"{dataset.path} is open to read only; open it with mode='a' to edit")
    if (url := getattr(dataset, "url", None)) is not None:
        raise DatasetError(f"{url} is in an object store, where episodes are only added; copy it to a folder first")
    if dataset.recording:
        raise DatasetError(f"{dataset.path}: an episode is being recorded; commit or discard it, then edit")
