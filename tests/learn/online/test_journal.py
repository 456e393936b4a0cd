"""Rows on disk: what was saved comes back, at any wrap of the ring; what was not saved does not count."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from robot_rl.learn.online.journal import RowJournal
from robot_rl.policies.storage import StorageError

FIELDS = {"state": ((3,), "float32"), "image/front": ((2, 2, 3), "uint8")}
CAPACITY = 10


def ring(count: int) -> dict[str, NDArray[Any]]:
    """A ring in which row r holds r, or r - 256 as a picture."""
    out = {n: np.zeros((CAPACITY, *shape), dtype) for n, (shape, dtype) in FIELDS.items()}
    for r in range(count):
        out["state"][r % CAPACITY], out["image/front"][r % CAPACITY] = r, r % 256
    return out


def journal(folder: Path, rows_per_file: int = 4) -> RowJournal:
    return RowJournal(folder, FIELDS, CAPACITY, file_bytes=24 * rows_per_file)


@pytest.mark.parametrize("counts", [(3,), (10,), (7, 13, 14, 29), (4, 8, 12), (5, 300)])
def test_a_ring_comes_back_as_it_was(tmp_path: Path, counts: tuple[int, ...]) -> None:
    writer = journal(tmp_path)
    for count in counts:
        document = writer.append(ring(count), count)
        writer.prune()
    found = journal(tmp_path).restore(document)
    for name, values in ring(counts[-1]).items():
        assert np.array_equal(found[name], values[: counts[-1]])


def test_only_new_rows_are_written(tmp_path: Path) -> None:
    writer = journal(tmp_path)
    writer.append(ring(9), 9)
    first = {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    writer.append(ring(11), 11)
    second = {p.name: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    assert [n for n in first if second[n] != first[n]] == ["00000002.rows"]


def test_rows_of_an_episode_that_was_not_saved_do_not_count(tmp_path: Path) -> None:
    writer = journal(tmp_path)
    document = writer.append(ring(6), 6)
    writer.append(ring(13), 13)
    again = journal(tmp_path)
    assert np.array_equal(again.restore(document)["state"], ring(6)["state"][:6])
    other = {n: v + 1 for n, v in ring(9).items()}
    for name in other:
        other[name][:6] = ring(6)[name][:6]
    document = again.append(other, 9)
    assert np.array_equal(journal(tmp_path).restore(document)["state"], other["state"][:9])


def test_files_of_overwritten_rows_are_deleted(tmp_path: Path) -> None:
    writer = journal(tmp_path)
    for count in (10, 20, 30):
        writer.append(ring(count), count)
    writer.prune()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["00000005.rows", "00000006.rows", "00000007.rows"]


def test_a_damaged_or_missing_file_is_named(tmp_path: Path) -> None:
    document = journal(tmp_path).append(ring(6), 6)
    path = tmp_path / "00000001.rows"
    data = bytearray(path.read_bytes())
    data[5] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(StorageError, match=r"00000001\.rows: damaged"):
        journal(tmp_path).restore(document)
    path.unlink()
    with pytest.raises(StorageError, match="not readable"):
        journal(tmp_path).restore(document)


def test_a_full_disk_leaves_what_was_saved(tmp_path: Path) -> None:
    writer = journal(tmp_path, rows_per_file=100)
    document = writer.append(ring(4), 4)
    with largest_file(6 * 24), pytest.raises(OSError):
        writer.append(ring(9), 9)
    assert writer.count == 4
    assert np.array_equal(journal(tmp_path, 100).restore(document)["state"], ring(4)["state"][:4])
    document = writer.append(ring(9), 9)
    assert np.array_equal(journal(tmp_path, 100).restore(document)["state"], ring(9)["state"][:9])


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes: writing fails as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_rows_of_other_fields_are_refused_and_named(tmp_path: Path) -> None:
    document = journal(tmp_path).append(ring(9), 9)
    other = RowJournal(tmp_path, {**FIELDS, "note/log_density": ((), "float32")}, CAPACITY)
    with pytest.raises(StorageError, match=r"\(note/log_density\): begin the session anew"):
        other.restore(document)
    document.pop("row")  # as it was kept before fields were
    with pytest.raises(StorageError, match=r"\(others\): begin the session anew"):
        other.restore(document)
    assert set(journal(tmp_path).restore(document)) == set(FIELDS)
